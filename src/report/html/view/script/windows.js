// Congestion windows, round trips and announced windows of the chosen connection, as curves.
const CURVES = [
  { title: "Congestion window", unit: "segments", of: 0, below: 1 },
  { title: "Smoothed round trip", unit: "nanoseconds", of: 2 },
  { title: "Window announced by the peer", unit: "bytes", of: 3 },
];
const CURVE_WIDTH = 320;
const CURVE_HEIGHT = 80;

class Windows {
  constructor(recording) {
    this.recording = recording;
    this.plots = make("div", { "class": "windows" });
    this.node = make(
      "section",
      { "class": "panel", hidden: true },
      make("h3", {}, "Windows and round trip"),
      make(
        "p",
        { "class": "faint" },
        "From the kernel (tcp_probe), whenever an established socket receives a segment. ",
        ...["client", "server", "slow start threshold"].map((name) =>
          make(
            "span",
            { "class": "key-of" },
            make("i", { "class": `key ${name === "slow start threshold" ? "below" : name}` }),
            ` ${name}`,
          ),
        ),
      ),
      this.plots,
    );
  }

  follow({ t, connection }) {
    const chosen = this.recording.named.get(connection) ?? null;
    if (chosen !== this.chosen) this.show(chosen);
    for (const move of this.lines ?? []) move(t);
  }

  show(connection) {
    this.chosen = connection;
    this.lines = [];
    const curves = connection ? connection.windows : [];
    // A short connection has a single segment, which makes no curve.
    this.node.hidden = !curves.some(({ t }) => t.length > 1);
    if (this.node.hidden) return;
    const from = Math.min(...curves.map(({ t }) => t[0]));
    const to = Math.max(...curves.map(({ t }) => t[t.length - 1]));
    this.plots.replaceChildren(...CURVES.map((curve) => this.plot(curve, curves, from, Math.max(to, from + 1))));
  }

  words(value, unit) {
    return unit === "segments" ? count(value, "segment") : quantity(value, unit);
  }

  plot({ title, unit, of, below }, curves, from, to) {
    const most = Math.max(1, ...curves.map(({ v }) => v[of].reduce((a, b) => Math.max(a, b), 0)));
    const x = (t) => (CURVE_WIDTH * (t - from)) / (to - from);
    const y = (value) => CURVE_HEIGHT - (CURVE_HEIGHT * Math.min(value, most)) / most;
    const path = ({ t, v }, column) => {
      let d = "";
      for (let index = 0; index < t.length; index += 1) {
        const value = v[column][index];
        const before = index ? v[column][index - 1] : -1;
        if (value < 0) continue;
        d += before < 0 ? `M${x(t[index]).toFixed(2)} ${y(value).toFixed(2)}` : "";
        d += `H${x(t[index]).toFixed(2)}V${y(value).toFixed(2)}`;
      }
      return d;
    };
    const line = draw("line", { "class": "cursor-line", y1: 0, y2: CURVE_HEIGHT });
    const drawn = curves.flatMap((curve) => [
      below !== undefined && draw("path", { "class": "below", d: path(curve, below) }),
      draw("path", { "class": curve.side ? "server" : "client", d: path(curve, of) }),
    ]);
    const now = make("p", { "class": "now" });
    this.lines.push((t) => {
      const at = Math.min(Math.max(t, from), to);
      for (const key of ["x1", "x2"]) line.setAttribute(key, x(at));
      const parts = curves.map((curve) => {
        const index = lastAt(curve.t, t);
        const value = index < 0 ? "not known yet" : this.words(curve.v[of][index], unit);
        return `${curve.side ? "server" : "client"} ${value}`;
      });
      now.textContent = parts.join(", ");
    });
    return make(
      "figure",
      {},
      make("figcaption", {}, title),
      now,
      draw(
        "svg",
        {
          viewBox: `0 -2 ${CURVE_WIDTH} ${CURVE_HEIGHT + 4}`,
          preserveAspectRatio: "none",
          role: "img",
          "aria-label": `${title} from ${moment(from)} to ${moment(to)}, at most ${this.words(most, unit)}`,
        },
        ...drawn.filter(Boolean),
        line,
      ),
      make(
        "p",
        { "class": "faint ends-of" },
        make("span", {}, moment(from)),
        make("span", {}, `at most ${this.words(most, unit)}`),
        make("span", {}, moment(to)),
      ),
    );
  }
}
