// Reads values off the charts, by pointer and by keyboard. Everything else on the page works without it.
"use strict";
(() => {
  // A printed page shows what is folded, and is folded again afterwards.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const details of opened) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
  });

  const SVG = "http://www.w3.org/2000/svg";
  const STEPS = [["TiB", 2 ** 40], ["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]];

  const grouped = (value, decimals) => value.toLocaleString("en", { maximumFractionDigits: decimals });

  const bytes = (value) => {
    const step = STEPS.find(([, size]) => Math.abs(value) >= size);
    return step ? `${grouped(value / step[1], 2)} ${step[0]}` : `${grouped(value, 1)} B`;
  };

  const seconds = (value) => {
    const size = Math.abs(value);
    if (size === 0 || size >= 1) return `${grouped(value, 3)} s`;
    return size >= 1e-3 ? `${grouped(value * 1e3, 2)} ms` : `${grouped(value * 1e6, 1)} µs`;
  };

  const SHOW = {
    "count": (value) => grouped(value, 3),
    "seconds": seconds,
    "bytes": bytes,
    "per-second": (value) => `${grouped(value, 2)}/s`,
    "bytes-per-second": (value) => `${bytes(value)}/s`,
  };

  // A path consists of M to the first change, then h in time and v in value alternately, then H to the end.
  const changesOf = (path) => {
    const [, first, value, rest] = /^M(\d+) (-?\d+)([^H]*)/.exec(path.getAttribute("d")) || [];
    if (first === undefined) return [];
    const changes = [[Number(first), Number(value)]];
    let [x, y] = changes[0];
    for (const [, axis, by] of rest.matchAll(/([hv])(-?\d+)/g)) {
      if (axis === "h") x += Number(by);
      else changes.push([x, y += Number(by)]);
    }
    return changes;
  };

  const valueAt = (changes, x) => {
    let low = 0;
    let high = changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (changes[middle][0] <= x) low = middle + 1; else high = middle;
    }
    return low ? changes[low - 1][1] : null;
  };

  const element = (name, attributes, parent) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return parent.appendChild(made);
  };

  class Reader {
    constructor(svg) {
      const data = svg.dataset;
      this.svg = svg;
      [this.left, this.top, this.width, this.height, this.whole] = data.plot.split(" ").map(Number);
      this.end = Number(data.end);
      this.seconds = Number(data.seconds);
      this.quantum = Number(data.quantum);
      this.base = Number(data.base);
      this.show = SHOW[data.unit];
      this.stacked = "stacked" in data;
      this.x = null;
      svg.addEventListener("pointermove", (event) => this.point(event));
      svg.addEventListener("pointerdown", (event) => this.point(event));
      svg.addEventListener("pointerleave", () => this.hide());
      svg.addEventListener("keydown", (event) => this.key(event));
      svg.addEventListener("focus", () => { if (svg.matches(":focus-visible")) this.to(this.x ?? 0, true); });
      svg.addEventListener("blur", () => this.hide());
    }

    // A chart is parsed only when somebody looks at it.
    open() {
      if (this.tip) return;
      const group = this.svg.querySelector("g.lines, g.stack");
      const matrix = group.transform.baseVal.consolidate().matrix;
      this.y = (value) => matrix.d * value + matrix.f;
      this.curves = [...group.querySelectorAll("path")].map((path) => ({
        name: path.dataset.name,
        kind: path.getAttribute("class"),
        changes: changesOf(path),
      }));
      this.cross = element("g", { "class": "cross" }, this.svg);
      element("line", { x1: 0, x2: 0, y1: this.top, y2: this.top + this.height }, this.cross);
      for (const curve of this.curves) curve.dot = element("circle", { "class": curve.kind, r: 3.5 }, this.cross);
      this.tip = document.createElement("div");
      this.tip.className = "tip";
      this.svg.parentNode.append(this.tip);
    }

    point(event) {
      const box = this.svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width * this.whole - this.left) / this.width;
      if (x < -0.02 || x > 1.02) this.hide(); else this.to(x * this.end, false);
    }

    key(event) {
      const step = this.end / (event.shiftKey ? 10 : 100);
      const to = { ArrowLeft: (this.x ?? 0) - step, ArrowRight: (this.x ?? -step) + step, Home: 0, End: this.end }[event.key];
      if (event.key === "Escape") this.hide();
      if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.to(to, true);
    }

    to(x, aloud) {
      this.open();
      this.x = Math.round(Math.min(Math.max(x, 0), this.end));
      this.cross.setAttribute("transform", `translate(${this.left + this.width * this.x / this.end} 0)`);
      this.tip.setAttribute("aria-live", aloud ? "polite" : "off");
      const time = document.createElement("b");
      time.textContent = seconds(this.x * this.seconds);
      this.tip.replaceChildren(time, ...this.rows());
      this.cross.style.display = this.tip.style.display = "block";
      const share = (this.left + this.width * this.x / this.end) / this.whole;
      const room = this.svg.clientWidth;
      const side = share > 0.5 ? share * room - this.tip.offsetWidth - 12 : share * room + 12;
      this.tip.style.left = `${Math.max(0, Math.min(side, room - this.tip.offsetWidth))}px`;
    }

    rows() {
      const edges = this.curves.map((curve) => valueAt(curve.changes, this.x));
      return this.curves.map((curve, index) => {
        const edge = edges[index];
        curve.dot.style.display = edge === null ? "none" : "block";
        if (edge !== null) curve.dot.setAttribute("cy", this.y(edge));
        // A layer of a stack is what lies between its edge and the next one below.
        const below = this.stacked ? edges[index + 1] ?? 0 : 0;
        const row = document.createElement("div");
        const key = document.createElement("i");
        key.className = curve.kind;
        const value = document.createElement("span");
        value.textContent = edge === null ? "–" : this.show((edge - below) * this.quantum + (this.stacked ? 0 : this.base));
        row.append(key, `${curve.name} `, value);
        return row;
      });
    }

    hide() {
      if (!this.tip) return;
      this.cross.style.display = this.tip.style.display = "none";
    }
  }

  for (const svg of document.querySelectorAll("svg.plot")) new Reader(svg);
})();
