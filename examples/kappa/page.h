// The status page: one table, renewed when the server says that something has changed.
#pragma once

namespace kappa_app {

inline constexpr const char* kPagePolicy =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'";

inline constexpr const char* kPage = R"page(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>kappa</title>
<link rel="icon" href="data:,">
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em; }
div { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3em .8em .3em 0; border-bottom: 1px solid #ccc; }
tr.active { font-weight: bold; }
#fault { color: #a00; }
</style>
<h1>kappa</h1>
<p id="line" aria-live="polite">Connecting</p>
<p id="fault" role="alert"></p>
<div><table><thead><tr><th>generation<th>state<th>code<th>session gap<th>lag<th>workers<th>refused</thead>
<tbody id="rows"></tbody></table></div>
<script>
"use strict";
const at = id => document.getElementById(id);
let asking = false, again = false;
async function show() {
  if (asking) { again = true; return; }
  asking = true;
  try {
    const [status, answer] = await Promise.all(
      ["/api/status", "/api/answer?top=1"].map(async path => (await fetch(path)).json()));
    at("line").textContent = answer.generation
      ? `generation ${answer.generation} answers: ${answer.hits} hits, ${answer.visitors} visitors, ` +
        `${answer.sessions} sessions` +
        (status.latency_ms.deltas ? `; event to view ${status.latency_ms.p50} ms (p99 ${status.latency_ms.p99} ms)` : "")
      : answer.error;
    at("fault").textContent = status.fault;
    at("rows").replaceChildren(...(status.generations || []).map(one => {
      const row = document.createElement("tr");
      row.className = one.state;
      const refused = one.workers.reduce((sum, worker) => sum + worker.refused, 0);
      for (const text of [one.generation, one.state, one.code, `${one.session_gap_ms / 60000} min`,
                          one.lag.join(" "), one.workers.map(worker => worker.id).join(" "), refused]) {
        row.append(Object.assign(document.createElement("td"), {textContent: text}));
      }
      return row;
    }));
  } catch (fault) {
    at("fault").textContent = "the server does not answer";
  }
  asking = false;
  if (again) { again = false; show(); }
}
function listen() {
  const socket = new WebSocket(`ws://${location.host}/api/events`);
  socket.onmessage = show;
  socket.onclose = () => setTimeout(listen, 1000);
}
listen();
show();
</script>
)page";

}  // namespace kappa_app
