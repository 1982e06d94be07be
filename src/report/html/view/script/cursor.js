// The cursor: a moment and a connection. Everything on the page follows it, and the address of the page names it.
class Cursor {
  constructor(end, id) {
    this.t = 0;
    this.end = end;
    this.id = id;
    this.connection = null;
    this.stays = false;
    this.current = null;
    this.followers = [];
  }

  // `current` is the packet, state, event or change that the cursor was moved to.
  to(t, { connection, current = null } = {}) {
    this.t = Math.min(Math.max(t, 0), this.end);
    if (connection !== undefined) this.connection = connection;
    this.current = current;
    for (const follow of this.followers) follow(this);
    this.writeAddress();
  }

  get address() {
    const seconds = (this.t / 1e9).toFixed(9).replace(/0+$/, "").replace(/\.$/, "");
    const parts = [`t=${seconds}s`];
    if (this.connection) parts.push(`c=${encodeURIComponent(this.connection).replace("%3A", ":")}`);
    if (this.id) parts.push(`at=${this.id}`);
    return `#${parts.join("&")}`;
  }

  writeAddress() {
    clearTimeout(this.written);
    // Browsers limit how often a page may change its address.
    this.written = setTimeout(() => {
      try {
        history.replaceState(null, "", this.address);
      } catch {
        /* The address stays as it was. */
      }
    }, 150);
  }

  // Reads `#t=4.002s&c=load:201`; returns the moment that it names, or null if it names none here.
  readAddress(hash) {
    const parts = new Map(
      hash
        .replace(/^#/, "")
        .split("&")
        .map((part) => part.split("=", 2)),
    );
    const time = /^(\d+(?:\.\d+)?)(s|ms|us|µs)?$/.exec(decodeURIComponent(parts.get("t") ?? ""));
    if (!time || (this.id && parts.get("at") !== this.id)) return null;
    const unit = { s: 1e9, ms: 1e6, us: 1e3, "µs": 1e3 }[time[2] ?? "s"];
    const connection = parts.has("c") ? decodeURIComponent(parts.get("c")) : undefined;
    return { t: Math.round(Number(time[1]) * unit), connection };
  }
}
