// The entries of connection tracking tables at the cursor, as the kernel reported them.
const MOST_ENTRIES = 8;
const MOST_UNFOLDED = 200;

class TrackingTables {
  constructor(recording, cursor, explain) {
    Object.assign(this, { recording, cursor, explain });
    this.tables = make("div", { "class": "wide" });
    this.node = make(
      "section",
      { "class": "panel tracking", hidden: !this.nodes().length },
      make("h3", {}, "Connection tracking tables"),
      this.tables,
    );
  }

  // The nodes that track connections: those whose table was followed, or at least counted.
  nodes() {
    const { nodes, followed, seriesNamed } = this.recording;
    return nodes
      .map((name, node) => ({ name, node, span: followed.get(node) }))
      .filter(({ name, span }) => span || seriesNamed.has(`${name}.conntrack.entries`));
  }

  follow({ t, connection }) {
    this.t = t;
    if (this.node.hidden) return;
    const chosen = this.recording.named.get(connection);
    this.tables.replaceChildren(...this.nodes().flatMap((table) => this.table(table, chosen)));
  }

  table({ name, node, span }, chosen) {
    const there = span ? this.recording.entriesAt(node, this.t) : [];
    const caption = make("caption", {}, `${name}${span ? `: ${count(there.length, "entry", "entries")} listed` : ""}`);
    const head = ["Packets", "Answers", "State", "Timeout", ""].map((word) =>
      make("th", { scope: "col", "class": word === "Timeout" && "number" }, word),
    );
    const body = make("tbody");
    const own = chosen && there.find((report) => report.connection === chosen);
    if (chosen && span && chosen.nodes.includes(node))
      body.append(own ? this.row(own, true) : this.absence(chosen, node));
    const groups = new Map();
    for (const report of there) {
      if (report === own) continue;
      const key = this.state(report);
      const group = groups.get(key);
      if (group) group.push(report);
      else groups.set(key, [report]);
    }
    for (const [words, group] of groups) {
      const isFolded = group.length > MOST_ENTRIES;
      body.append(...(isFolded ? [this.alike(words, group)] : group.map((each) => this.row(each, false))));
    }
    const table = body.firstChild && make("table", {}, caption, make("thead", {}, make("tr", {}, ...head)), body);
    return [
      ...(table ? [table] : [make("p", {}, make("b", {}, name), span ? ": no entries." : "")]),
      make("p", { "class": "faint" }, this.remarks(name, span)),
    ];
  }

  remarks(name, span) {
    const { recording, t } = this;
    const said = [];
    const series = recording.seriesNamed.get(`${name}.conntrack.entries`);
    const most = recording.seriesNamed.get(`${name}.conntrack.max`);
    const value = series && recording.value(series, t);
    const limit = most && recording.value(most, t);
    if (value !== null && value !== undefined)
      said.push(`The kernel's count at the last sample: ${grouped(value)}${limit ? ` of ${grouped(limit)}` : ""}.`);
    const filled = recording.filled[name];
    if (filled) said.push(`${grouped(filled)} of them were made by the lab to fill the table, and are not listed.`);
    if (!span)
      said.push(
        "Entries were not recorded: they are with --trace or --capture, and records of older versions have none.",
      );
    else if (span.until !== null && t >= span.until)
      said.push(`Since ${moment(span.until)}, entries are unknown: ${recording.text(span.reason)}.`);
    else said.push("Every packet renews the timeout; it is shown as of the last change of state.");
    if (span && recording.tracked.some((report) => report.late))
      said.push("This kernel does not stamp its reports, so changes are shown some milliseconds late.");
    return said.join(" ");
  }

  state(report) {
    const protocol = report.entry.protocol;
    const answered = report.answered ? "" : " (no answer yet)";
    return `${protocol} ${report.state || ""}`.trim() + answered;
  }

  absence(connection, node) {
    const { tracked } = this.recording;
    const known = tracked.find((report) => report.node === node && report.connection === connection);
    const words = !known ? "no entry was made" : known.t > this.t ? "no entry yet" : "no entry any more";
    return make(
      "tr",
      { "class": "chosen" },
      make("td", {}, connection.name),
      make("td", { colspan: 4 }, words),
    );
  }

  row(report, chosen) {
    const { entry } = report;
    const { connection } = report;
    const name = connection
      ? button(connection.name, () => this.cursor.to(this.t, { connection: connection.name }), { "class": "link" })
      : null;
    return make(
      "tr",
      { "class": chosen ? "chosen" : "" },
      make("td", {}, name, name && " ", entry.original),
      make("td", {}, entry.reply, entry.translated && make("span", { "class": "badge" }, "translated")),
      make("td", {}, this.state(report), report.assured && make("span", { "class": "faint" }, " assured")),
      make(
        "td",
        { "class": "number" },
        report.timeout < 0 ? "" : `${grouped(report.timeout)} s`,
        make("span", { "class": "faint" }, ` at ${(report.t / 1e9).toFixed(3)} s`),
      ),
      make("td", {}, button("Why?", () => this.explain(report), { "class": "ask" })),
    );
  }

  alike(words, group) {
    const unfold = button(
      `${grouped(group.length, 0)} alike`,
      () => {
        const rows = group.slice(0, MOST_UNFOLDED).map((report) => this.row(report, false));
        const left = group.length - MOST_UNFOLDED;
        if (left > 0)
          rows.push(
            make("tr", {}, make("td", { colspan: 5, "class": "faint" }, `and ${grouped(left, 0)} more`)),
          );
        row.replaceWith(...rows);
      },
      { "aria-expanded": "false" },
    );
    const row = make(
      "tr",
      {},
      make("td", { colspan: 2 }, unfold),
      make("td", {}, words),
      make("td", {}),
      make("td", {}, button("Why?", () => this.explain(group[0]), { "class": "ask" })),
    );
    return row;
  }
}
