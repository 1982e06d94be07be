// Explains a packet, a state or a counter: the reason, counters, limits, settings, and the lesson.
// Counters are read at samples, so an effect shows in the next one.
const NEXT_SAMPLE = 1.2e9;

class Explainer {
  constructor(recording, cursor) {
    Object.assign(this, { recording, cursor });
    this.node = make("section", { "class": "panel why", "aria-label": "Why?", tabindex: "-1", hidden: true });
    // Screen readers announce what is put into a region that was there before.
    this.announced = make("p", { "class": "hidden announced", "aria-live": "polite" });
  }

  explain(event) {
    this.node.hidden = false;
    const close = button(
      "Close",
      () => {
        this.close();
      },
      { "class": "close" },
    );
    const content = this.content(event);
    this.node.replaceChildren(make("h3", {}, `Why? ${this.title(event)}`), ...content, close);
    const parts = content.flatMap((list) => [...list.children]).map((part) => {
      const text = part.textContent;
      if (part.matches("dt")) return `${text}:`;
      return /[.?!]$/.test(text) ? text : `${text}.`;
    });
    this.announced.textContent = `Why? ${this.title(event)}. ${parts.join(" ")}`;
    this.node.scrollIntoView({ block: "nearest" });
  }

  close() {
    this.node.hidden = true;
    this.announced.textContent = "";
  }

  // Of the series that changed or that an expectation names, the first that is explained, else the first.
  seriesOf(event) {
    const { series } = this.recording;
    const named =
      event.kind === "counter"
        ? event.series.filter((each) => series.includes(each))
        : series.filter(({ name }) => event.verdict.text.includes(name)).sort((a, b) => b.name.length - a.name.length);
    const explained = named.find((each) => this.recording.why.some(({ what }) => what.includes(each.short)));
    return explained ?? named[0] ?? null;
  }

  title(event) {
    if (event.kind === "packet") return `${event.connection.name}: ${this.recording.describe(event)}`;
    if (event.kind === "state") return `${event.connection.name}: ${event.side ? "server" : "client"} ${event.state}`;
    return event.series ? event.series.name : this.recording.said(event);
  }

  names(event) {
    if (event.kind === "packet") return [event.reason, event.mark.replace(/^\((.*)\)$/, "$1")].filter(Boolean);
    if (event.kind === "state") return [event.state];
    if (event.kind === "tracked") return [`entry ${event.state || event.entry.protocol}`];
    return event.series ? [event.series.short] : [event.text.split(" ")[0]];
  }

  marked({ flags, mark }) {
    if (flags.includes("RST") && mark.startsWith("(")) return `A RST was sent, for the kernel's reason ${mark.replace(/[()]/g, "")}.`;
    if (mark === "not translated") return "It was passed on with the client's own address.";
    if (mark === "bypasses the translation") return "It goes directly, past the node that translates.";
    return `It was sent again (${mark}).`;
  }

  found(names) {
    const fits = (each, name) =>
      each.what.some(
        (what) =>
          name === what ||
          name.startsWith(`${what},`) ||
          name.startsWith(`${what}:`) ||
          name.startsWith(`${what} `) ||
          each.counters.includes(name),
      );
    for (const name of names) {
      const exact = this.recording.why.find((each) => each.what.includes(name));
      const found = exact ?? this.recording.why.find((each) => fits(each, name));
      if (found) return found;
    }
    return null;
  }

  // A reason that several causes share is narrowed down by a counter that rises in the next sample.
  narrowed(found, node) {
    const rises = (name) => {
      const series = this.recording.seriesNamed.get(`${node}.${name}`);
      return series && series.counter && this.next(series) !== null;
    };
    const cause =
      found &&
      found.what[0] === "NETFILTER_DROP" &&
      this.recording.why.find(
        (each) => each !== found && each.what.some((name) => found.counters.includes(name) && rises(name)),
      );
    return cause || found;
  }

  // The next value within a sample, if it differs.
  next(series) {
    const index = lastAt(series.t, this.cursor.t) + 1;
    return index < series.t.length && series.t[index] - this.cursor.t < NEXT_SAMPLE ? index : null;
  }

  nodeOf(event) {
    const { nodes } = this.recording;
    if (event.kind === "packet") {
      const names = this.recording.nodesOf(event);
      return event.place
        ? names[Math.min(event.place.index + (event.place.node ? 0 : 1), names.length - 1)]
        : names[names.length - 1];
    }
    if (event.kind === "state")
      return nodes[event.side ? event.connection.nodes[event.connection.nodes.length - 1] : event.connection.nodes[0]];
    if (!event.series) return nodes[event.node];
    // What belongs to a client happens on the client's node.
    const { owner } = event.series;
    const own = this.recording.connections.find(({ client }) => client === owner);
    return own && !nodes.includes(owner) ? nodes[own.nodes[0]] : owner;
  }

  content(event) {
    const found = this.narrowed(this.found(this.names(event)), this.nodeOf(event));
    const rows = [];
    const put = (term, ...texts) => rows.push(make("dt", {}, term), ...texts.map((text) => make("dd", {}, text)));
    if (event.kind === "packet") {
      if (event.lost) put("What happened", `${this.recording.fate(event)}.`);
      else if (event.mark) put("What happened", this.marked(event));
      if (event.lost && !event.reason)
        put("Reason", "The record has none: no counter rose at that time, and the kernel reported no drop.");
    }
    if (event.kind === "state") {
      put(
        "Source",
        event.inferred
          ? "Inferred from the packets; the kernel does not report this state."
          : "The kernel's own account (inet_sock_set_state).",
      );
      if (event.apart >= 0)
        put(
          "The other end",
          event.apart
            ? `The two ends disagree for ${span(event.apart)}.`
            : "The two ends disagree until the end of the record.",
        );
    }
    if (event.series)
      put(
        "Meaning",
        event.series.meaning || "No description.",
        ...(event.series.source ? [`Source: ${event.series.source}`] : []),
      );
    if (event.kind === "drop")
      put(
        "What happened",
        `The kernel dropped a packet from ${event.peer || "unknown"} to ${event.local || "unknown"}: ${event.text}.`,
      );
    if (event.kind === "tracked") put("Source", "The kernel's own report (ctnetlink).");
    if (found) {
      put("Explanation", found.text);
      const node = this.nodeOf(event);
      const values = this.values(found, node);
      put(
        `Values at ${moment(this.cursor.t)}`,
        ...(values.length ? values : ["None of its counters and levels was recorded or ever other than 0."]),
      );
      const settings = this.settings(found, node);
      if (settings.length) put("Settings that change it", ...settings);
      if (found.lesson) put(found.lesson.startsWith("nslab learn") ? "Lesson" : "Scenario that shows it", found.lesson);
    } else if (rows.length === 0 || event.lost) {
      put("Explanation", "There is none for this reason.");
    }
    return [make("dl", {}, ...rows)];
  }

  values(found, node) {
    const wanted = this.recording.series.filter(
      (series) =>
        found.counters.includes(series.short) &&
        (series.owner === node || !this.recording.nodes.includes(series.owner)),
    );
    return wanted.map((series) => {
      const value = this.recording.value(series, this.cursor.t);
      const next = this.next(series);
      const then =
        next === null ? "" : `, ${quantity(series.v[next], series.unit)} at ${(series.t[next] / 1e9).toFixed(3)} s`;
      return `${series.name} = ${value === null ? "unknown" : quantity(value, series.unit)}${then}`;
    });
  }

  settings(found, node) {
    const own =
      this.recording.settings[node] ?? this.recording.settings[Object.keys(this.recording.settings).at(-1)] ?? {};
    // The limit of a table belongs to the whole kernel, and is read with the number of entries.
    const limit = this.recording.seriesNamed.get(`${node}.conntrack.max`);
    const value = (key) => own[key] ?? (/nf_conntrack_max$/.test(key) && limit ? limit.v[0] : undefined);
    return found.settings.map((key) => {
      if (value(key) === undefined) return `${key} (its value was not recorded)`;
      const where = own[key] !== undefined && this.recording.settings[node] ? ` on ${node}` : "";
      return `${key} = ${value(key)}${where}`;
    });
  }
}
