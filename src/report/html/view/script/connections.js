// The list of connections. Those that went alike are folded into one line.
const MOST_LISTED = 100;

class ConnectionList {
  constructor(recording, choose) {
    this.recording = recording;
    this.choose = choose;
    this.buttons = new Map();
    this.node = make(
      "details",
      { "class": "list" },
      make("summary", {}, `Connections: ${grouped(recording.connections.length, 0)}`),
    );
    this.node.addEventListener("toggle", () => {
      if (this.node.open) this.open();
    });
  }

  // What makes a connection like another: its client, its path, its outcome, losses, packets sent again, last states.
  likeness(connection) {
    const lost = connection.packets.filter((packet) => packet.lost);
    const again = connection.packets.filter((packet) => packet.mark).length;
    const last = connection.states.map((changes) => (changes.length ? changes[changes.length - 1].state : "none"));
    const parts = [connection.outcome.replace(/ after .*/, "")];
    const places = [...new Set(lost.map((packet) => `${packet.flags} ${this.recording.place(packet)}`))];
    if (lost.length) parts.push(`${count(lost.length, "packet")} lost: ${places.join(", ")}`);
    if (again) parts.push(`${grouped(again, 0)} sent again`);
    if (!connection.overUdp) parts.push(`ends as ${last.join(" and ")}`);
    return `${connection.client}: ${parts.join("; ")}`;
  }

  open() {
    if (this.opened) return;
    this.opened = true;
    const groups = new Map();
    for (const connection of this.recording.connections) {
      const key = this.likeness(connection);
      const group = groups.get(key);
      if (group) group.push(connection);
      else groups.set(key, [connection]);
    }
    for (const [words, group] of groups) this.node.append(this.group(words, group));
    this.mark();
  }

  group(words, group) {
    if (group.length === 1) return make("p", { "class": "alike" }, this.button(group[0]), ` ${words}`);
    const list = make("div", { "class": "chips" });
    const more = (from) => {
      list.append(...group.slice(from, from + MOST_LISTED).map((connection) => this.button(connection)));
      if (group.length <= from + MOST_LISTED) return;
      const next = button(`${grouped(group.length - from - MOST_LISTED, 0)} more`, () => {
        next.remove();
        more(from + MOST_LISTED);
      });
      list.append(next);
    };
    const fold = make(
      "details",
      {},
      make("summary", {}, `${words} `, make("b", {}, `${grouped(group.length, 0)} alike`)),
      list,
    );
    fold.addEventListener("toggle", () => {
      if (fold.open && !list.firstChild) {
        more(0);
        this.mark();
      }
    });
    return fold;
  }

  button(connection) {
    const made = button(connection.name, () => this.choose(connection), {
      title: `began at ${moment(connection.began)}`,
    });
    this.buttons.set(connection.name, made);
    return made;
  }

  follow({ connection }) {
    this.chosen = connection;
    this.mark();
  }

  mark() {
    for (const [name, node] of this.buttons) node.setAttribute("aria-pressed", String(name === this.chosen));
  }
}
