// The numbered stream of events: resumed by number after every lost socket.
"use strict";

class Live {
  // `told(event)` for each event; `missed()` when some cannot be had any more; `state(name, text)`.
  constructor(told, missed, state) {
    this.told = told;
    this.missed = missed;
    this.state = state;
    this.last = null;
    this.stream = null;
    this.tries = 0;
    this.timer = null;
    this.ready = false;  // Whether what was told last is what the server says now.
    addEventListener("online", () => this.now());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.now(); });
  }

  now() {
    if (this.timer === null) return;
    clearTimeout(this.timer);
    this.connect();
  }

  connect() {
    this.timer = null;
    this.state("connecting", this.tries ? "connecting again" : "connecting");
    const where = new URL("/api/events", location.href);
    where.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    if (this.last !== null) {
      where.searchParams.set("after", this.last);
      where.searchParams.set("stream", this.stream);
    }
    const socket = new WebSocket(where);
    socket.onmessage = (message) => this.heard(JSON.parse(message.data));
    socket.onclose = () => this.lost();
    this.socket = socket;
  }

  heard(message) {
    this.last = message.n;
    if (message.stream !== undefined) {
      this.stream = message.stream;
      this.tries = 0;
      this.ready = true;
      if (message.missed) this.missed();
      this.state("live", "live");
      return;
    }
    this.told(message.event, message.n);
  }

  lost() {
    this.ready = false;
    const wait = Math.min(8000, 400 * 2 ** this.tries) * (0.75 + Math.random() / 2);
    this.tries += 1;
    this.state("waiting", `connection lost, again in ${Math.max(1, Math.round(wait / 1000))} s`);
    this.timer = setTimeout(() => this.connect(), wait);
  }
}
