// A run under the cursor: its packets, sockets, levels and curves.
class Pane {
  constructor(recording, box, section) {
    Object.assign(this, { recording, box, section });
    this.air = make("p", { "class": "faint" });
  }

  // `hold` makes the keys stay with the connection that a reader chooses.
  fill(cursor, hold) {
    const { recording, section } = this;
    const follower = (part) => {
      cursor.followers.push(() => part.follow(cursor));
      return part.node;
    };
    this.why = new Explainer(recording, cursor);
    const explain = (event) => this.why.explain(event);
    this.flight = new Flight(recording, section.querySelector("svg.topology"));
    const choose = (connection) => {
      hold();
      const first = connection.all[0] ?? null;
      cursor.to(Math.max(connection.began, first?.t ?? 0), { connection: connection.name, current: first });
    };
    this.lines = [...section.querySelectorAll("svg.plot")].map((svg) => this.curveLine(svg));
    cursor.followers.push(() => this.follow(cursor));
    this.box.append(
      this.air,
      follower(new ConnectionList(recording, choose)),
      follower(new Ladder(recording, cursor, explain)),
      this.why.node,
      this.why.announced,
      follower(new Windows(recording)),
      follower(new SocketTables(recording, cursor, explain)),
      follower(new TrackingTables(recording, cursor, explain)),
      follower(new Levels(recording, cursor, explain)),
      this.verdicts(cursor),
      ...this.notes(),
    );
  }

  follow(cursor) {
    this.flight.follow(cursor);
    this.air.textContent = this.inTheAir(this.flight.hops.length);
    for (const move of this.lines) move(cursor.t);
  }

  inTheAir(number) {
    if (!this.recording.captured) return "Without a capture, packets on their way are unknown.";
    return number ? `${count(number, "packet")} on the way at this moment.` : "No packet is on the way at this moment.";
  }

  verdicts(cursor) {
    const lines = this.recording.verdicts.map((verdict) =>
      make(
        "li",
        {},
        make("span", { "class": `badge ${verdict.outcome.replace(" ", "-")}` }, verdict.outcome),
        " ",
        make("code", {}, verdict.text),
        verdict.observed && ` [${verdict.observed}] `,
        verdict.t !== null && button(`at ${moment(verdict.t)}`, () => cursor.to(verdict.t)),
      ),
    );
    const list = make("ul", { "class": "decided" }, ...lines);
    return make("section", { "class": "panel verdicts-panel" }, make("h3", {}, "Expectations"), list);
  }

  notes() {
    const { notes } = this.recording;
    if (!notes.length) return [];
    const list = make("ul", {}, ...notes.map((note) => make("li", {}, note)));
    return [make("details", {}, make("summary", {}, count(notes.length, "note")), list)];
  }

  curveLine(svg) {
    const [left, top, width, height] = svg.dataset.plot.split(" ").map(Number);
    const line = svg.appendChild(draw("line", { "class": "cursor-line", y1: top, y2: top + height }));
    const end = Number(svg.dataset.end) * Number(svg.dataset.seconds) * 1e9;
    return (t) => {
      const x = left + width * Math.min(1, t / end);
      line.setAttribute("x1", x);
      line.setAttribute("x2", x);
    };
  }

  // Explains what the cursor was moved to, or the latest event of the connection. Returns false if there is nothing.
  ask({ t, connection, current }) {
    const { recording } = this;
    if (current?.kind === "counter" || current?.kind === "expectation") {
      const isOwn = current.kind === "counter" || recording.verdicts.includes(current.verdict);
      const series = isOwn && this.why.seriesOf(current);
      if (series) this.why.explain({ kind: "series", series });
      return Boolean(series);
    }
    const own = current && (current.recording === recording || recording.connections.includes(current.connection));
    const all = recording.named.get(connection)?.all ?? [];
    const event = own ? current : all.findLast((each) => each.t <= t && (each.kind === "state" || each.lost));
    if (event) this.why.explain(event);
    return Boolean(event);
  }
}
