// Queues, tables, ports and counters at the cursor.
const TOPICS = [
  ["Queues", /queue|backlog/],
  ["Connection tracking", /^conntrack\.(entries|max)$/],
  ["Ports", /^ports\./],
  ["Sockets by state", /^tcp\./],
];
const FIRST_COUNTERS = 12;

class Levels {
  constructor(recording, cursor, explain) {
    Object.assign(this, { recording, cursor, explain });
    this.gauges = recording.series.filter((series) => !series.counter);
    this.counters = recording.series.filter((series) => series.counter);
    this.levels = make("div", { "class": "wide" });
    this.counted = make("div", { "class": "wide" });
    this.node = make(
      "div",
      { "class": "two" },
      make("section", { "class": "panel levels" }, make("h3", {}, "Queues, tables and ports"), this.levels),
      make("section", { "class": "panel counters" }, make("h3", {}, "Counters up to here"), this.counted),
    );
    this.all = false;
  }

  follow({ t }) {
    this.t = t;
    const body = make("tbody");
    for (const [title, names] of TOPICS) {
      const rows = this.gauges.filter(
        (series) => names.test(series.short) && !series.short.endsWith(".limit") && series.short !== "conntrack.max",
      );
      const shown = rows.map((series) => this.level(series, t)).filter(Boolean);
      if (title === "Ports") shown.unshift(...this.portsInUse(t));
      if (title === "Queues" && !rows.length) {
        shown.push(
          make(
            "tr",
            {},
            make(
              "td",
              { colspan: 4, "class": "faint" },
              "No queue was recorded. A run records the accept queues of its servers with --trace or --capture, " +
                "or if an expectation names one, such as web.accept_queue.",
            ),
          ),
        );
      }
      if (shown.length)
        body.append(make("tr", { "class": "topic" }, make("th", { colspan: 4, scope: "rowgroup" }, title)), ...shown);
    }
    this.levels.replaceChildren(make("table", {}, body));
    this.countTo(t);
  }

  limit(series, t) {
    const of =
      { "conntrack.entries": "conntrack.max", "accept_queue": "accept_queue.limit" }[series.short] ??
      (series.short.startsWith("ports.to.") ? "ports.range" : null);
    const limit = of && this.recording.seriesNamed.get(`${series.owner}.${of}`);
    return limit ? this.recording.value(limit, t) : null;
  }

  level(series, t) {
    const value = this.recording.value(series, t);
    if (value === null) return null;
    const limit = this.limit(series, t);
    const bar =
      limit > 0 &&
      make("meter", {
        min: 0,
        max: limit,
        high: limit * 0.9,
        value: Math.min(value, limit),
        "aria-label": series.name,
      });
    const text =
      limit === null
        ? quantity(value, series.unit)
        : `${quantity(value, series.unit)} of ${quantity(limit, series.unit)}`;
    return make(
      "tr",
      {},
      make(
        "th",
        { scope: "row", title: series.meaning },
        series.name,
        series.emulated && make("span", { "class": "badge" }, "emulated"),
      ),
      make("td", { "class": "number" }, text),
      make("td", {}, bar),
      make(
        "td",
        {},
        button("Why?", () => this.explain({ kind: "series", series }), { "class": "ask" }),
      ),
    );
  }

  // Local ports of the connections on this page that have a socket at t.
  portsInUse(t) {
    const used = new Map();
    for (const connection of this.recording.connections) {
      if (!this.recording.stateAt(connection, 0, t)) continue;
      const node = this.recording.nodes[connection.nodes[0]];
      used.set(node, (used.get(node) ?? 0) + 1);
    }
    return [...used].map(([node, ports]) =>
      make(
        "tr",
        {},
        make("th", { scope: "row" }, `${node}: in use by these connections`),
        make("td", { "class": "number" }, grouped(ports)),
        make("td", {}),
        make("td", {}),
      ),
    );
  }

  countTo(t) {
    const changed = [];
    for (const series of this.counters) {
      const index = lastAt(series.t, t);
      if (index < 0 || series.v[index] === 0) continue;
      const before = index ? series.v[index - 1] : 0;
      changed.push({ series, at: series.t[index], value: series.v[index], by: series.v[index] - before });
    }
    changed.sort((a, b) => b.at - a.at || a.series.name.localeCompare(b.series.name));
    const shown = this.all ? changed : changed.slice(0, FIRST_COUNTERS);
    const rows = shown.map(({ series, at, value, by }) =>
      make(
        "tr",
        { "class": at === t ? "now" : "" },
        make(
          "th",
          { scope: "row", title: series.meaning },
          series.name,
          series.emulated && make("span", { "class": "badge" }, "emulated"),
        ),
        make("td", { "class": "number" }, quantity(value, series.unit)),
        make("td", { "class": "number faint" }, `+${quantity(by, series.unit)} at ${(at / 1e9).toFixed(3)} s`),
        make(
          "td",
          {},
          button("Why?", () => this.explain({ kind: "series", series }), { "class": "ask" }),
        ),
      ),
    );
    const more =
      changed.length > FIRST_COUNTERS &&
      button(
        this.all ? "Show only the latest" : `${grouped(changed.length - FIRST_COUNTERS, 0)} more`,
        () => {
          this.all = !this.all;
          this.countTo(this.t);
        },
        { "aria-expanded": String(this.all) },
      );
    const table = make(
      "table",
      {},
      make(
        "thead",
        {},
        make(
          "tr",
          {},
          ...["Counter", "Value", "Last change", ""].map((word) =>
            make("th", { scope: "col", "class": /Value|change/.test(word) && "number" }, word),
          ),
        ),
      ),
      make("tbody", {}, ...rows),
    );
    const none = make(
      "p",
      { "class": "faint" },
      "No counter has changed yet. Counters are read at each sample, so they change a little after their cause.",
    );
    this.counted.replaceChildren(...(rows.length ? [table] : [none]), ...(more ? [more] : []));
  }
}
