// The sockets of both ends side by side, at the cursor.
const MOST_SOCKETS = 8;

class SocketTables {
  constructor(recording, cursor, explain) {
    Object.assign(this, { recording, cursor, explain });
    this.tables = make("div", { "class": "ends" });
    this.node = make("section", { "class": "panel sockets" }, make("h3", {}, "Sockets of both ends"), this.tables);
  }

  follow({ t, connection }) {
    this.t = t;
    const chosen = this.recording.named.get(connection);
    this.tables.replaceChildren(...[0, 1].map((side) => this.end(side, t, chosen)));
  }

  end(side, t, chosen) {
    const byState = new Map();
    const nodes = new Set();
    for (const connection of this.recording.connections) {
      const state = this.recording.stateAt(connection, side, t);
      if (!state) continue;
      nodes.add(this.nodeOf(connection, side));
      const those = byState.get(state.state);
      if (those) those.push(state);
      else byState.set(state.state, [state]);
    }
    const names = [...nodes].map((node) => this.recording.nodes[node]).join(", ");
    const table = make(
      "table",
      {},
      make("caption", {}, `${side ? "Servers" : "Clients"}${names ? `: ${names}` : ""}`),
      make(
        "thead",
        {},
        make(
          "tr",
          {},
          ...["Connection", "State", "Since", ""].map((word) =>
            make("th", { scope: "col", "class": word === "Since" && "number" }, word),
          ),
        ),
      ),
    );
    const body = table.appendChild(make("tbody"));
    const own = chosen && this.recording.stateAt(chosen, side, t);
    if (chosen)
      body.append(
        own
          ? this.row(own, true)
          : make(
              "tr",
              { "class": "chosen" },
              make("td", {}, chosen.name),
              make("td", { colspan: 3 }, this.absence(chosen, side)),
            ),
      );
    for (const states of byState.values()) {
      const others = states.filter((state) => state !== own);
      const sure = others.filter((state) => !state.inferred).length;
      if (others.length <= MOST_SOCKETS) body.append(...others.map((state) => this.row(state, false)));
      else body.append(this.alike(others, sure));
    }
    if (!body.firstChild)
      body.append(make("tr", {}, make("td", { colspan: 4, "class": "faint" }, "No sockets of connections.")));
    return make("div", { "class": "wide" }, table, this.sampled(nodes, byState, t));
  }

  // The kernel's own counts at the last sample, to compare with.
  sampled(nodes, byState, t) {
    const said = [...nodes].flatMap((node) =>
      [...byState.keys()]
        .map((state) => {
          const name = `${this.recording.nodes[node]}.tcp.${state}`;
          const series = this.recording.seriesNamed.get(name);
          const value = series && this.recording.value(series, t);
          return series && value !== null ? `${name} ${grouped(value)}` : null;
        })
        .filter(Boolean),
    );
    return (
      said.length > 0 && make("p", { "class": "faint" }, `The kernel's count at the last sample: ${said.join(", ")}.`)
    );
  }

  absence(connection, side) {
    if (connection.overUdp) return "a UDP socket, which has no states";
    if (!connection.states[side].length) return "no packet or event shows a socket";
    const changes = connection.states[side].filter((change) => change.t <= this.t);
    return changes.length ? "no socket any more" : "no socket yet";
  }

  nodeOf(connection, side) {
    return side ? connection.nodes[connection.nodes.length - 1] : connection.nodes[0];
  }

  row(state, chosen) {
    const go = button(state.connection.name, () => this.cursor.to(this.t, { connection: state.connection.name }), {
      "class": "link",
    });
    const why = chosen && button("Why?", () => this.explain(state), { "class": "ask" });
    return make(
      "tr",
      { "class": chosen ? "chosen" : "" },
      make("td", {}, go),
      make("td", {}, state.state, state.inferred && make("span", { "class": "badge" }, "inferred")),
      make("td", { "class": "number" }, span(this.t - state.t)),
      make("td", {}, why),
    );
  }

  alike(states, sure) {
    const how = sure === states.length ? "" : sure ? " (some inferred)" : " (inferred)";
    const row = make("tr", {}, make("td", {}), make("td", {}, `${states[0].state}${how}`), make("td", {}));
    const cell = row.firstChild;
    cell.append(
      button(
        `${grouped(states.length, 0)} alike`,
        () => {
          const rows = states.slice(0, 200).map((state) => this.row(state, false));
          if (states.length > 200)
            rows.push(
              make(
                "tr",
                {},
                make("td", { colspan: 4, "class": "faint" }, `and ${grouped(states.length - 200, 0)} more`),
              ),
            );
          row.replaceWith(...rows);
        },
        { "aria-expanded": "false" },
      ),
    );
    row.append(
      make(
        "td",
        {},
        button("Why?", () => this.explain(states[0]), { "class": "ask" }),
      ),
    );
    return row;
  }
}
