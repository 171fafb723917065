// The page: what the stream tells, put where it belongs. Elements are kept, so focus stays.
"use strict";

const $ = (id) => document.getElementById(id);
const {number, short} = charts;
const STEPS = {minute: 60e3, hour: 3600e3, day: 86400e3};
const BARS = {minute: 60, hour: 48, day: 31};
const CLASSES = [["2xx", "c2"], ["3xx", "c3"], ["4xx", "c4"], ["5xx", "c5"], ["1xx", "c1"], ["other", "c1"]];

let state = null;         // The last one that came; null when the server has begun anew.
let latest = null;        // Begin of the newest minute that has hits.
let asking = false;       // A question for the chart is on its way.
let stale = true;         // The chart is older than the state.
let askedAt = 0;

function make(name, options = {}, ...children) {
  const {className, text, ...attributes} = options;
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function put(id, text) {
  const at = $(id);
  if (at.textContent !== text) at.textContent = text;
}

async function ask(path, options) {
  const response = await fetch(path, options);
  let body = {};
  try { body = await response.json(); } catch { /* Said by the status. */ }
  if (!response.ok) throw Object.assign(new Error(body.error || `${path}: ${response.status}`), {status: response.status});
  return body;
}

let toastTimer = null;
function toast(text) {
  put("toast", text);
  $("toast").classList.add("shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => $("toast").classList.remove("shown"), 5000);
}

// --- Words for numbers -----------------------------------------------------------------------------

function bytesText(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) { bytes /= 1000; unit += 1; }
  return `${bytes < 10 && unit ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
}

function spanText(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds % 3600 / 60)} min`;
}

// Some notes are counters in JSON: those that count something, as words.
function noteText(note) {
  if (!note.startsWith("{")) return note;
  try {
    return Object.entries(JSON.parse(note)).filter(([, value]) => typeof value === "number" && value)
      .map(([name, value]) => `${number.format(value)} ${name.replaceAll("_", " ")}`).join(", ");
  } catch {
    return note;
  }
}

const clock = (ms) => new Date(ms).toISOString().slice(11, 19);
const day = (ms) => new Date(ms).toISOString().slice(0, 10);

function hueOf(id) {
  let sum = 0;
  for (const character of id) sum = (sum * 31 + character.charCodeAt(0)) >>> 0;
  return `h${sum % 6}`;
}

// --- Tiles -------------------------------------------------------------------------------------------

function showTotals(answer, status) {
  const {batch, speed} = status.events;
  put("hits", answer ? number.format(answer.hits) : "–");
  put("hits-batch", number.format(batch));
  put("hits-speed", number.format(speed));
  const [first, second] = $("split").children;
  first.style.flexGrow = batch;
  second.style.flexGrow = speed;
  $("split").setAttribute("aria-label", `Batch ${number.format(batch)}, speed ${number.format(speed)} hits`);
  if (!answer) return;
  put("visitors", number.format(answer.visitors));
  put("bytes", `${bytesText(answer.bytes)} sent`);
  put("sessions", number.format(answer.sessions));
  put("session-length", answer.sessions ? `${spanText(answer.session_ms / answer.sessions)} each, ${(answer.session_hits / answer.sessions).toFixed(1)} hits` : "–");
}

function showGauges(status) {
  const {drift, latency, refused, generation} = status;
  put("drift", drift.known ? number.format(drift.hits) : "unknown");
  $("drift-tile").dataset.level = !drift.known ? "unknown" : drift.hits + drift.bytes === 0 ? "good" : "bad";
  put("drift-note", drift.known ? `hits, ${bytesText(drift.bytes)}, run ${drift.run}` : drift.reason);
  put("latency", latency.samples ? `${number.format(latency.p99_ms)} ms` : "–");
  put("latency-note", latency.samples ? `p99; p50 ${number.format(latency.p50_ms)} ms, last minute` : "p99, last minute");
  put("refused", number.format(refused.total));
  $("refused-tile").dataset.level = refused.total ? "bad" : "quiet";
  const worst = [...refused.workers].sort((a, b) => b.count - a.count)[0];
  put("refused-note", worst && worst.count ? `${worst.worker}: ${worst.count}` : "writes with a stale token");
  put("generation", generation ? `generation ${generation.run}, ${spanText(status.now_ms - generation.made_ms)} old` : "no batch run yet");
  put("bad-lines", status.bad_lines === null ? "" : `${number.format(status.bad_lines)} bad lines kept aside`);
}

function showFault(status) {
  const faults = [];
  if (!status.serving && status.waiting_for) faults.push(`Nothing is served yet; waiting for ${status.waiting_for}`);
  if (!status.connected) faults.push("No connection to Quorate: what is shown of workers is old");
  if (!status.bus) faults.push("The event bus does not answer");
  if (status.fault) faults.push(status.fault);
  const text = faults.join(". ");
  put("fault", text);
  $("fault").hidden = !text;
}

// --- Lists -------------------------------------------------------------------------------------------

function showRanks(id, pairs) {
  const most = pairs.length ? pairs[0][1] : 1;
  const rows = pairs.map(([name, hits]) => {
    const fill = make("i");
    fill.style.width = `${100 * hits / most}%`;
    return make("li", {title: name}, fill, make("span", {className: "name", text: name}), make("b", {text: number.format(hits)}));
  });
  $(id).replaceChildren(...(rows.length ? rows : [make("li", {className: "muted", text: "none yet"})]));
}

function showClasses(answer) {
  const rows = CLASSES.filter(([name]) => name.match(/[2345]/) || answer[name]).map(([name, color]) => {
    const fill = make("i", {className: color});
    fill.style.width = `${answer.hits ? 100 * answer[name] / answer.hits : 0}%`;
    return make("div", {className: "row"}, make("span", {text: name}), make("span", {className: "track"}, fill), make("b", {text: number.format(answer[name])}));
  });
  $("classes").replaceChildren(...rows);
}

function showFeed(id, entries, empty) {
  const key = entries.length ? `${entries.length} ${entries[entries.length - 1].key}` : "";
  if ($(id).dataset.key === key) return;
  $(id).dataset.key = key;
  const rows = entries.slice(-60).reverse().map((entry) => make("li", {className: entry.kind},
    make("time", {text: clock(entry.at_ms), datetime: new Date(entry.at_ms).toISOString()}), make("span", {text: entry.text})));
  $(id).replaceChildren(...(rows.length ? rows : [make("li", {className: "empty", text: empty})]));
}

function showNews(status) {
  showFeed("feed", status.feed.map((entry) => ({...entry, key: `${entry.at_ms} ${entry.text}`})), "Nothing since this page's server began.");
  showFeed("alerts", status.alerts.map((alert) => ({
    kind: alert.state, at_ms: alert.to_ms ?? 0, key: alert.id ?? JSON.stringify(alert),
    text: `${alert.rule} ${alert.state}: ${Number(alert.percent ?? 0).toFixed(1)} % of ${number.format(alert.hits ?? 0)} hits (limit ${alert.limit_percent} %), ${alert.from_ms === undefined ? "" : day(alert.from_ms)}`,
  })), "No alert.");
  const rows = (status.drift.hours || []).slice(-12).map((hour) => make("tr", {},
    make("td", {text: `${day(hour.hour_ms)} ${clock(hour.hour_ms).slice(0, 5)}`}),
    make("td", {className: "num", text: number.format(hour.batch_hits)}), make("td", {className: "num", text: number.format(hour.speed_hits)}),
    make("td", {className: "num", text: `${number.format(hour.visitors)} / ${number.format(hour.visitors_estimate)}`})));
  $("hours").replaceChildren(...(rows.length ? rows : [make("tr", {}, make("td", {text: status.drift.reason || "no hour", colspan: "4"}))]));
}

// --- Shards and workers ------------------------------------------------------------------------------

function showShards(status) {
  for (const group of ["archive", "speed"]) {
    let cells = $(`shards-${group}`);
    if (!cells) {
      cells = make("ol", {className: "cells", id: `shards-${group}`, "aria-label": `Shards of ${group}`});
      $("shards").append(make("div", {className: "group"}, make("b", {text: group}), cells));
    }
    status.partitions.forEach((partition, p) => {
      const {holder, lag} = partition[group];
      let cell = cells.children[p];
      if (!cell) {
        cell = make("li", {"data-shard": `${group}-${p}`}, make("b"), make("small"));
        cells.append(cell);
      }
      const was = cell.dataset.holder;
      if (was !== holder) {
        cell.dataset.holder = holder;
        cell.className = `cell ${holder ? hueOf(holder) : ""}${was ? " moved" : ""}`;
      }
      const [name, note] = cell.children;
      name.textContent = holder || "nobody";
      note.textContent = `shard ${p}, lag ${lag === null ? "?" : short.format(lag)}`;
    });
  }
  const {leader, runs, requests} = status.batch;
  const running = runs.find((run) => run.state === "running");
  put("leader", [leader ? `batch-${leader} leads the batch layer` : "no batch leader",
    running ? `run ${running.run}: ${running.done} of ${running.tasks} tasks` : "", requests ? `${requests} asked for` : ""].filter(Boolean).join(" · "));
}

function actionButton(worker, what, label, className) {
  const button = make("button", {type: "button", className, "data-action": what, "aria-label": `${label} ${worker.name}`, text: label});
  button.addEventListener("click", async () => {
    try {
      const done = await ask(`/api/workers/${encodeURIComponent(worker.name)}/${what}`, {method: "POST"});
      toast(`${done.worker} ${done.done}`);
    } catch (error) {
      toast(error.message);
    }
  });
  return button;
}

function workerRow(worker) {
  const row = make("tr", {"data-worker": worker.name});
  const name = make("td", {}, make("b", {text: worker.name}), make("span", {className: "tag leads", text: "leads"}), make("span", {className: "tag paused", text: "paused"}));
  row.append(name, make("td", {className: "num"}), make("td"), make("td"), make("td", {className: "note-cell"}),
    make("td", {className: "actions"}, actionButton(worker, "pause", "Pause", ""), actionButton(worker, "kill", "Kill", "danger")));
  return row;
}

function showWorkers(status) {
  const body = $("workers");
  const rows = new Map([...body.children].map((row) => [row.dataset.worker, row]));
  status.workers.forEach((worker, place) => {
    let row = rows.get(worker.name);
    rows.delete(worker.name);
    if (!row) {
      row = workerRow(worker);
      body.insertBefore(row, body.children[place] || null);
    }
    const [name, process, since, shards, note, actions] = row.children;
    name.children[1].hidden = !worker.leads;
    name.children[2].hidden = !worker.paused;
    process.textContent = worker.pid;
    since.textContent = spanText(status.now_ms - worker.started_ms);
    shards.textContent = worker.shards.length ? worker.shards.join(" ") : "–";
    note.textContent = noteText(worker.note);
    const self = worker.role === "serve" && worker.id === status.id;
    for (const button of actions.children) button.disabled = !status.demo || self || (worker.paused && button.dataset.action === "pause");
  });
  for (const row of rows.values()) {
    // Focus goes on with the next worker rather than to nowhere.
    if (row.contains(document.activeElement)) (row.nextElementSibling || row.previousElementSibling)?.querySelector("button")?.focus();
    row.remove();
  }
  put("demo-note", status.demo ? "A pause is longer than a session." : "Buttons work with serve --demo.");
}

// --- The chart ---------------------------------------------------------------------------------------

const chosen = () => document.querySelector("input[name=step]:checked").value;
const prefix = () => $("prefix").value.trim() || "/";

async function findLatest() {
  for (const step of ["day", "hour", "minute"]) {
    const from = latest === null ? "" : `&from=${latest}`;
    const {series} = await ask(`/api/series?step=${step}${from}`);
    if (series.length) latest = series[series.length - 1][0];
  }
}

async function drawChart() {
  const step = chosen(), length = STEPS[step], path = encodeURIComponent(prefix());
  if (latest === null) await findLatest();
  if (latest === null) return charts.stacked($("chart"), [], "No hits yet");
  const first = Math.floor(latest / length) * length - (BARS[step] - 1) * length;
  const question = `/api/series?step=${step}&from=${first}&prefix=${path}&layer=`;
  const [batch, speed] = await Promise.all([ask(question + "batch"), ask(question + "speed")]);
  const hits = new Map();
  [batch, speed].forEach(({series}, part) => series.forEach(([begin, answer]) => {
    if (!hits.has(begin)) hits.set(begin, [0, 0]);
    hits.get(begin)[part] = answer.hits;
  }));
  const newest = Math.max(latest, ...hits.keys());
  latest = newest;
  const bars = [];
  const end = Math.floor(newest / length) * length;
  for (let at = end - (BARS[step] - 1) * length; at <= end; at += length) {
    const parts = hits.get(at) || [0, 0];
    const label = step === "day" ? day(at).slice(5) : clock(at).slice(0, 5);
    bars.push({label, parts, title: `${day(at)} ${step === "day" ? "" : `${label} UTC`}: batch ${number.format(parts[0])}, speed ${number.format(parts[1])}`});
  }
  const sum = bars.reduce((total, bar) => total + bar.parts[0] + bar.parts[1], 0);
  charts.stacked($("chart"), bars, `Hits per ${step}, ${BARS[step]} bars until ${day(end)} ${clock(end)}: ${number.format(sum)} hits`);
}

async function drawLists() {
  if (prefix() === "/" && state?.answer) return showLists(state.answer);
  showLists(await ask(`/api/answer?prefix=${encodeURIComponent(prefix())}`));
}

function showLists(answer) {
  showRanks("pages", answer.pages);
  showRanks("referrers", answer.referrers);
  showClasses(answer);
}

async function refresh() {
  // A server that has just come back may have nothing to answer with yet; it is asked when it says so.
  if (asking || !stale || document.hidden || !live.ready || !state?.status.serving) return;
  const wait = askedAt + 1500 - Date.now();
  if (wait > 0) { setTimeout(refresh, wait); return; }
  asking = true;
  stale = false;
  askedAt = Date.now();
  try {
    await Promise.all([drawChart(), drawLists()]);
    $("prefix").removeAttribute("aria-invalid");
    put("chart-note", "");
  } catch (error) {
    if (error.status === 400) $("prefix").setAttribute("aria-invalid", "true");
    put("chart-note", error.message);
  } finally {
    asking = false;
  }
}

function refreshNow() {
  stale = true;
  askedAt = 0;
  put("chart-step", chosen());
  refresh();
}

async function loadPrefixes() {
  try {
    const {prefixes} = await ask("/api/prefixes");
    $("prefixes").replaceChildren(...["/", ...prefixes.filter((one) => one !== "/")].map((one) => make("option", {value: one})));
  } catch { /* It is a help only. */ }
}

// --- All of it ---------------------------------------------------------------------------------------

function show(next) {
  const changed = !state || state.status.view !== next.status.view;
  state = next;
  const {status, answer} = next;
  put("place", `${status.root} · topic ${status.topic} · serve-${status.id}`);
  showTotals(answer, status);
  showGauges(status);
  showFault(status);
  showShards(status);
  showWorkers(status);
  showNews(status);
  document.body.dataset.view = status.view;
  if (changed) { stale = true; refresh(); }
}

async function loadAll() {
  try {
    const status = await ask("/api/status");
    show({status, answer: status.serving ? await ask("/api/answer") : null});
  } catch (error) {
    put("fault", error.message);
    $("fault").hidden = false;
  }
}

const live = new Live(
  (event) => { if (event.type === "state") show(event); },
  () => { state = null; loadAll(); },
  (name, text) => {
    $("connection").dataset.state = name;
    put("connection", text);
    if (name === "live") refresh();
  });

$("run").addEventListener("click", async () => {
  try {
    await ask("/api/batch/run", {method: "POST"});
    toast("A batch run was asked for");
  } catch (error) {
    toast(error.message);
  }
});
document.querySelectorAll("input[name=step]").forEach((input) => input.addEventListener("change", refreshNow));
$("prefix").addEventListener("change", refreshNow);
$("prefix").addEventListener("focus", loadPrefixes);
addEventListener("resize", () => { stale = true; refresh(); });
document.addEventListener("visibilitychange", refresh);
loadAll();
live.connect();
