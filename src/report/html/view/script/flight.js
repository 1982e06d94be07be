// Packets on their way over the links of the topology.
const MOST_IN_FLIGHT = 100;

class Flight {
  constructor(recording, svg) {
    this.recording = recording;
    if (!svg) return;
    this.paths = new Map();
    for (const link of svg.querySelectorAll("g.link"))
      this.paths.set(Number(link.dataset.link), link.querySelector("path"));
    this.layer = svg.appendChild(draw("g", { "class": "flight", "aria-hidden": "true" }));
  }

  // The hops under way at t, the latest first.
  under(t) {
    const { hops, longest } = this.recording;
    const found = [];
    let low = 0;
    let high = hops.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (hops[middle].left <= t) low = middle + 1;
      else high = middle;
    }
    for (let index = low - 1; index >= 0 && hops[index].left >= t - longest; index -= 1) {
      const hop = hops[index];
      if (hop.departed && hop.arrived && hop.left + hop.transit > t) found.push(hop);
    }
    return found;
  }

  follow({ t, current }) {
    this.hops = this.under(t);
    if (!this.layer) return;
    const shown = this.hops.slice(0, MOST_IN_FLIGHT).map((hop) => this.dot(hop, (t - hop.left) / hop.transit));
    const packet =
      current &&
      current.kind === "packet" &&
      current.connection &&
      this.recording.connections.includes(current.connection)
        ? current
        : null;
    if (packet) shown.push(...packet.hops.filter((hop) => !this.hops.includes(hop)).map((hop) => this.trace(hop)));
    this.layer.replaceChildren(...shown.flat().filter(Boolean));
  }

  // The way of the packet at the cursor, also over links that take it no time.
  trace(hop) {
    const { link, along } = this.recording.passage(hop);
    const path = this.paths.get(link);
    if (!path) return [];
    const length = path.getTotalLength();
    const to = hop.arrived ? 1 : 0.5;
    const tone = hop.packet.lost ? "lost" : "way";
    const at = (share) => path.getPointAtLength(length * (along ? share : 1 - share));
    const points = Array.from({ length: 13 }, (_, index) => at((to * index) / 12)).map(
      ({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`,
    );
    const end = at(to);
    const mark = hop.arrived
      ? draw("circle", { "class": tone, cx: end.x, cy: end.y, r: 4 })
      : draw("path", { "class": "cross", d: `M${end.x - 5} ${end.y - 5}l10 10m-10 0l10 -10` });
    return [draw("path", { "class": tone, d: `M${points.join("L")}` }), mark];
  }

  dot(hop, share) {
    const { link, along } = this.recording.passage(hop);
    const path = this.paths.get(link);
    if (!path) return [];
    const point = path.getPointAtLength(path.getTotalLength() * (along ? share : 1 - share));
    const title = draw("title", {}, `${hop.packet.connection.name}: ${this.recording.describe(hop.packet)}`);
    return [draw("circle", { "class": hop.packet.mark ? "again" : "packet", cx: point.x, cy: point.y, r: 5 }, title)];
  }
}
