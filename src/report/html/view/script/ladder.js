// The packets and states of one connection between its nodes, in the order of time.
const FOLD_FROM = 12;
const FOLD_ENDS = 3;

class Ladder {
  constructor(recording, cursor, explain) {
    Object.assign(this, { recording, cursor, explain });
    this.rows = [];
    this.heading = make("h3", {}, "Connection");
    this.about = make("p", { "class": "faint" });
    this.head = make("div", { "class": "rung head", "aria-hidden": "true" });
    this.list = make("ol", { "class": "rungs" });
    this.frame = make(
      "div",
      { "class": "ladder-frame", tabindex: "0", role: "region", "aria-label": "Packets and states" },
      this.head,
      this.list,
    );
    this.node = make("section", { "class": "panel ladder-panel" }, this.heading, this.about, this.frame);
  }

  follow({ t, connection, current }) {
    const chosen = this.recording.named.get(connection) ?? null;
    if (chosen !== this.chosen || !this.started) this.show(chosen);
    this.started = true;
    let latest = null;
    for (const row of this.rows) {
      row.node.classList.toggle("future", row.t > t);
      row.node.classList.remove("now");
      row.node.removeAttribute("aria-current");
      if (row.t <= t) latest = row;
    }
    const exact = this.rows.find((row) => row.event === current) ?? latest;
    if (!exact || exact.t > t) return;
    exact.node.classList.add("now");
    exact.node.setAttribute("aria-current", "step");
    const top = exact.node.offsetTop;
    if (top < this.frame.scrollTop + 40 || top > this.frame.scrollTop + this.frame.clientHeight - 60) {
      this.frame.scrollTop = Math.max(0, top - this.frame.clientHeight / 2);
    }
  }

  show(connection) {
    this.chosen = connection;
    this.rows = [];
    if (!connection) {
      const { connections, captured, traced } = this.recording;
      const unknown =
        captured || traced ? "No connections were seen." : "Without a capture or a trace, they are unknown.";
      const none = connections.length ? "Choose a connection, or go to a packet." : unknown;
      this.heading.textContent = "Connection";
      this.about.textContent = none;
      this.frame.hidden = true;
      this.head.replaceChildren();
      this.list.replaceChildren();
      return;
    }
    this.frame.hidden = false;
    // A trace has a limit, after which states are inferred.
    const states = connection.overUdp
      ? "UDP sockets have no states. Datagrams that are alike are taken to arrive in the order in which they were sent."
      : connection.states.flat().some(({ inferred }) => !inferred)
        ? "States are the kernel's own, unless marked as inferred."
        : "All states are inferred from the packets.";
    const kind = connection.overUdp ? "Exchange" : "Connection";
    this.heading.textContent = `${kind} ${connection.name}: ${connection.outcome}`;
    const names = connection.nodes.map((node) => this.recording.nodes[node]);
    const ways = connection.addresses.map((addresses, link) =>
      addresses ? `${names[link]} to ${names[link + 1]}: ${addresses}` : "",
    );
    this.about.textContent = `Began at ${moment(connection.began)}. ${ways.filter(Boolean).join("; ")}. ${states}`;
    const marks = names.map((name, index) => this.column(make("b", { title: name }, name), index, names.length));
    for (const mark of marks) mark.style.maxWidth = `${Math.min(33, 80 / Math.max(1, names.length - 1))}%`;
    this.head.replaceChildren(make("span", { "class": "time" }, "time"), make("span", { "class": "way" }, ...marks));
    this.list.replaceChildren(...this.folded(connection));
  }

  column(node, index, columns) {
    node.style.left = `${this.share(index, columns)}%`;
    return node;
  }

  share(index, columns) {
    return columns > 1 ? 10 + (80 * index) / (columns - 1) : 50;
  }

  // Long stretches of packets to which nothing happened are folded.
  folded(connection) {
    const dull = (event) => event.kind === "packet" && !event.lost && !event.mark && !/SYN|FIN|RST/.test(event.flags);
    const made = [];
    const { all } = connection;
    for (let index = 0; index < all.length;) {
      let end = index;
      while (end < all.length && dull(all[end])) end += 1;
      if (end - index < FOLD_FROM) {
        end = Math.max(end, index + 1);
        for (; index < end; index += 1) made.push(this.row(all[index]));
        continue;
      }
      const hidden = all.slice(index + FOLD_ENDS, end - FOLD_ENDS);
      for (const event of all.slice(index, index + FOLD_ENDS)) made.push(this.row(event));
      made.push(this.fold(hidden));
      for (const event of all.slice(end - FOLD_ENDS, end)) made.push(this.row(event));
      index = end;
    }
    return made;
  }

  fold(hidden) {
    const row = make("li", { "class": "rung fold" });
    row.append(
      button(
        `${grouped(hidden.length, 0)} alike, until ${moment(hidden[hidden.length - 1].t)}`,
        () => {
          const rows = hidden.map((event) => this.row(event));
          this.rows.sort((a, b) => a.t - b.t);
          row.replaceWith(...rows);
          rows[0].querySelector("button").focus();
          this.follow(this.cursor);
        },
        { "aria-expanded": "false" },
      ),
    );
    this.rows.push({ t: hidden[0].t, node: row, event: null });
    return row;
  }

  row(event) {
    const node =
      event.kind === "packet" ? this.packet(event) : event.kind === "state" ? this.state(event) : this.event(event);
    this.rows.push({ t: event.t, node, event });
    return node;
  }

  go(event) {
    this.cursor.to(event.t, { connection: event.connection.name, current: event });
  }

  packet(packet) {
    const columns = packet.connection.nodes.length;
    const tone = packet.lost ? "lost" : packet.mark ? "again" : "plain";
    const lines = packet.connection.nodes.map((_, index) =>
      this.column(make("i", { "class": "life" }), index, columns),
    );
    const arrows = packet.hops.map((hop) => this.arrow(hop, columns));
    const way = make("span", { "class": "way", "aria-hidden": "true" }, ...lines, ...arrows);
    const transits = packet.hops.filter((hop) => hop.arrived && hop.departed).map((hop) => span(hop.transit));
    const words = [`${this.recording.describe(packet)}`];
    const fate = this.recording.fate(packet);
    const [from, to] = packet.forward ? ["client", "server"] : ["server", "client"];
    const label = make(
      "span",
      { "class": "what" },
      make("span", { "class": "hidden" }, `${from} to ${to}: `),
      words.join(" "),
      transits.length > 0 && make("span", { "class": "faint" }, ` ${transits.join(" + ")}`),
      fate && make("span", { "class": "fate" }, ` ${fate}`),
    );
    return this.rung(packet, tone, way, label, packet.lost || packet.mark);
  }

  arrow(hop, columns) {
    const left = this.share(hop.link, columns);
    const right = this.share(hop.link + 1, columns);
    const width = (right - left) * (hop.arrived ? 1 : 0.5);
    const made = make("i", {
      "class": [
        "hop",
        hop.packet.forward ? "forward" : "back",
        hop.arrived ? "" : "stops",
        this.diesAfter(hop) ? "dies" : "",
      ].join(" "),
    });
    made.style.left = `${hop.packet.forward ? left : right - width}%`;
    made.style.width = `${width}%`;
    return made;
  }

  // The last hop of a packet that was lost in the node that it reached.
  diesAfter(hop) {
    const { packet } = hop;
    return packet.place?.node && hop === packet.hops[packet.hops.length - 1];
  }

  // A drop, retransmission or reset, in a run without a capture.
  event(event) {
    const { nodes } = event.connection;
    const lines = nodes.map((_, index) => this.column(make("i", { "class": "life" }), index, nodes.length));
    const at = nodes.indexOf(event.node);
    const sign = { drop: "✗", again: "↻" }[event.kind] ?? "RST";
    if (at >= 0) lines.push(this.column(make("b", { "class": "event" }, sign), at, nodes.length));
    const label = make("span", { "class": "what" }, make("span", { "class": "fate" }, this.recording.said(event)));
    return this.rung(
      event,
      event.kind === "drop" ? "lost" : "again",
      make("span", { "class": "way", "aria-hidden": "true" }, ...lines),
      label,
      event.kind === "drop",
    );
  }

  state(change) {
    const columns = change.connection.nodes.length;
    const lines = change.connection.nodes.map((_, index) =>
      this.column(make("i", { "class": "life" }), index, columns),
    );
    const name = make("b", { "class": change.side ? "state server" : "state client" }, change.state);
    const way = make("span", { "class": "way" }, ...lines, name);
    const apart =
      change.apart < 0
        ? ""
        : change.apart === 0
          ? " From here on, the two ends disagree."
          : ` The two ends disagree for ${span(change.apart)}.`;
    const label = make(
      "span",
      { "class": "what" },
      make(
        "span",
        { "class": "faint" },
        `${change.side ? "server" : "client"} is ${change.state}${change.inferred ? " (inferred)" : ""}`,
      ),
      apart && make("span", { "class": "fate" }, apart),
    );
    return this.rung(change, change.apart >= 0 ? "again" : "plain", way, label, true);
  }

  rung(event, tone, way, label, hasReason) {
    const go = button("", () => this.go(event), { "class": "go" });
    go.append(make("span", { "class": "time" }, ((event.t - event.connection.began) / 1e9).toFixed(6)), way, label);
    const why =
      hasReason &&
      button(
        "Why?",
        () => {
          this.go(event);
          this.explain(event);
        },
        { "class": "ask" },
      );
    return make("li", { "class": `rung ${event.kind} ${tone}` }, go, why);
  }
}
