// Charts by hand: SVG made of the few elements they need.
"use strict";

const charts = (() => {
  const NS = "http://www.w3.org/2000/svg";
  const number = new Intl.NumberFormat("en");
  const short = new Intl.NumberFormat("en", {notation: "compact", maximumFractionDigits: 1});

  function element(name, attributes, parent, text) {
    const made = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    if (parent) parent.append(made);
    return made;
  }

  // A round number at or above `value`, of which a fourth is round, too.
  function ceiling(value) {
    if (value <= 4) return 4;
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 2, 4, 6, 8, 10].map((factor) => factor * power).find((round) => round >= value);
  }

  // `bars`: [{label, title, parts: [number, number]}], parts from the ground up in classes batch, speed.
  function stacked(place, bars, description) {
    const width = Math.max(place.clientWidth, 200), height = Math.max(place.clientHeight, 120);
    const left = 44, bottom = 20, top = 8;
    const svg = element("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": description});
    const high = ceiling(Math.max(1, ...bars.map((bar) => bar.parts[0] + bar.parts[1])));
    const y = (value) => top + (height - top - bottom) * (1 - value / high);
    for (let i = 0; i <= 4; i += 1) {
      const value = high * i / 4;
      element("line", {class: "rule", x1: left, x2: width, y1: y(value), y2: y(value)}, svg);
      element("text", {x: left - 8, y: y(value) + 4, "text-anchor": "end"}, svg, short.format(value));
    }
    const slot = (width - left) / Math.max(bars.length, 1);
    const bar = Math.min(Math.max(slot - 2, 1), 40);
    const every = Math.max(1, Math.ceil(bars.length / Math.max(1, Math.floor((width - left) / 72))));
    bars.forEach((one, i) => {
      const x = left + slot * i + (slot - bar) / 2;
      const group = element("g", {}, svg);
      element("rect", {class: "slot", x: left + slot * i, y: top, width: slot, height: height - top - bottom}, group);
      let ground = 0;
      ["batch", "speed"].forEach((name, part) => {
        const value = Math.max(0, one.parts[part]);
        if (value === 0) return;
        element("rect", {class: name, x, width: bar, y: y(ground + value), height: Math.max(0.5, y(ground) - y(ground + value)), rx: 1}, group);
        ground += value;
      });
      element("title", {}, group, one.title);
      if (i % every === 0) element("text", {x: left + slot * (i + 0.5), y: height - 5, "text-anchor": "middle"}, svg, one.label);
    });
    place.replaceChildren(svg);
  }

  return {stacked, number, short};
})();
