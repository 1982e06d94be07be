// A recorded run, decoded: connections with their packets and states, series, and the events of the kernel.
const inflate = async (base64) => {
  const text = atob(base64.trim());
  const bytes = Uint8Array.from(text, (symbol) => symbol.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
};

// TCP_TIMEWAIT_LEN, include/net/tcp.h: the kernel does not trace the end of TIME_WAIT.
const TIME_WAIT_LASTS = 60e9;

// The clocks of a capture and of a trace differ by less than this.
const CLOCKS_APART = 1e6;
// A packet is dropped within this time of its last sighting.
const DROP_AFTER = 20e6;
// The kernel frees what a closed socket still held, which is not a loss.
const NOT_LOST = /^(QUEUE_PURGE|SOCKET_CLOSE)\b/;

class Recording {
  constructor(data) {
    Object.assign(this, {
      name: data.name,
      label: data.label,
      kernel: data.kernel,
      outcome: data.outcome,
      end: data.end,
      traced: data.traced,
      captured: data.captured,
      notes: data.notes,
      nodes: data.nodes,
      links: data.links,
      verdicts: data.verdicts,
      moments: data.moments,
      settings: data.settings,
      why: data.why,
      texts: data.texts,
      paths: data.columns.paths,
    });
    this.readConnections(data.columns);
    this.readSeries(data.series);
    this.readEvents(data.events);
    this.readWindows(data.windows);
    this.readTracked(data.tracked);
  }

  text(number) {
    return number < 0 ? "" : this.texts[number];
  }

  readConnections({ began, connections, packets, hops, states }) {
    const [client, attempt, path, outcome, addresses, packetCounts, stateCounts] = connections;
    const starts = sums(began);
    this.connections = [];
    this.packets = [];
    this.states = [];
    this.hops = [];
    this.named = new Map();
    let [packet, hop, state] = [0, 0, 0];
    for (let index = 0; index < starts.length; index += 1) {
      const [nodes, links] = this.paths[path[index]];
      const connection = {
        index,
        nodes,
        links,
        client: this.text(client[index]),
        attempt: attempt[index],
        began: starts[index],
        outcome: this.text(outcome[index]),
        addresses: this.text(addresses[index])
          .split("|")
          .map((text) => text.trim()),
        packets: [],
        states: [[], []],
        windows: [],
        until: Infinity,
        all: [],
      };
      connection.name = `${connection.client}:${connection.attempt}`;
      for (const end = packet + packetCounts[index]; packet < end; packet += 1) {
        hop = this.readPacket(connection, packets, packet, hops, hop);
      }
      let time = connection.began;
      for (const end = state + stateCounts[index]; state < end; state += 1) {
        time += states[0][state];
        const change = {
          connection,
          kind: "state",
          t: time,
          side: states[1][state] & 1,
          inferred: states[1][state] > 1,
          state: this.text(states[2][state]),
          apart: states[3][state],
        };
        connection.states[change.side].push(change);
        connection.all.push(change);
        this.states.push(change);
      }
      connection.all.sort((a, b) => a.t - b.t);
      connection.overUdp = connection.packets.some(({ flags }) => flags === "UDP");
      this.connections.push(connection);
      this.named.set(connection.name, connection);
    }
    const byTime = (a, b) => a.t - b.t;
    this.packets.sort(byTime);
    this.states.sort(byTime);
    this.hops.sort((a, b) => a.left - b.left);
    this.longest = this.hops.reduce((most, each) => Math.max(most, each.transit), 0);
    this.endReused();
  }

  // A later connection with the same addresses takes the place of the one before.
  endReused() {
    const latest = new Map();
    for (const connection of [...this.connections].sort((a, b) => a.began - b.began)) {
      const key = `${connection.nodes[0]} ${connection.addresses[0]}`;
      const before = latest.get(key);
      if (before) before.until = connection.began;
      latest.set(key, connection);
    }
  }

  readPacket(connection, columns, index, hops, hop) {
    const [time, bits, flags, seq, ack, length, mark, fate, reason] = columns.map((column) => column[index]);
    const packet = {
      connection,
      kind: "packet",
      t: connection.began + time,
      forward: (bits & 1) === 1,
      kernel: (bits & 2) === 2,
      flags: this.text(flags),
      seq,
      ack,
      length,
      mark: this.text(mark),
      reason: this.text(reason),
      hops: [],
      lost: fate > 1,
      open: fate === 1,
      place: fate > 1 ? { node: fate % 2 === 0, index: (fate - 2) >> 1 } : null,
    };
    const end = hop + (bits >> 2);
    for (; hop < end; hop += 1) {
      const [position, left, transit] = hops.map((column) => column[hop]);
      const one = {
        packet,
        link: position >> 1,
        arrived: (position & 1) === 1,
        left: packet.t + Math.max(left, 0),
        transit: Math.max(transit, 0),
        departed: left >= 0,
      };
      packet.hops.push(one);
      this.hops.push(one);
    }
    connection.packets.push(packet);
    connection.all.push(packet);
    this.packets.push(packet);
    return hop;
  }

  readSeries(all) {
    this.series = all.map((each) => {
      const name = this.text(each.name);
      const dot = name.indexOf(".");
      return {
        ...each,
        name,
        owner: name.slice(0, dot),
        short: name.slice(dot + 1),
        meaning: this.text(each.meaning),
        source: this.text(each.source),
        t: sums(each.t),
        v: sums(each.v),
      };
    });
    this.seriesNamed = new Map(this.series.map((series) => [series.name, series]));
  }

  // The last value up to t; a counter begins at 0, a gauge is unknown before its first value.
  value(series, t) {
    const index = lastAt(series.t, t);
    if (index >= 0) return series.v[index];
    return series.counter ? 0 : null;
  }

  readEvents({ t, node, kind, text, local, peer }) {
    this.events = [...sums(t)].map((time, index) => ({
      kind: kind[index],
      t: time,
      node: node[index],
      text: this.text(text[index]),
      local: this.text(local[index]),
      peer: this.text(peer[index]),
      recording: this,
    }));
    this.attribute();
  }

  // Gives each event of the kernel to the connection with its addresses. A drop that is shown as the fate of a packet
  // is not shown twice; without a capture, the events are rows of their connection.
  attribute() {
    const byAddresses = new Map();
    for (const connection of this.connections) {
      for (const addresses of connection.addresses.flatMap((each) => each.split(", "))) {
        const known = byAddresses.get(addresses);
        if (known) known.push(connection);
        else byAddresses.set(addresses, [connection]);
      }
    }
    this.byAddresses = byAddresses;
    for (const event of this.events) {
      event.connection = this.connectionOf(event, event.t);
      const { connection } = event;
      if (!connection) continue;
      event.shown = connection.packets.some(
        (packet) => packet.lost && packet.kernel && Math.abs(event.t - packet.t) < DROP_AFTER,
      );
      // A packet that arrived was not lost, whatever became of its memory.
      event.freed = this.captured && !event.shown && event.text.startsWith("NOT_SPECIFIED");
      if (!this.captured) connection.all.push(event);
    }
    if (!this.captured) for (const connection of this.connections) connection.all.sort((a, b) => a.t - b.t);
  }

  // The latest connection with these addresses that has begun at t.
  connectionOf({ local, peer }, t) {
    const ways = [`${local} → ${peer}`, `${peer} → ${local}`];
    const known = ways.flatMap((way) => this.byAddresses.get(way) ?? []);
    const begun = known.filter(({ began }) => began <= t + CLOCKS_APART);
    return begun.reduce((latest, each) => (latest && latest.began > each.began ? latest : each), null);
  }

  // The entries of connection tracking tables: each has reports, in the order of time.
  readTracked({ entries, t, entry, state, timeout, bits, followed, filled }) {
    this.followed = new Map(followed.map((span) => [span.node, span]));
    this.filled = filled;
    this.entries = entries.map(([node, protocol, original, reply]) => {
      const [from, to] = this.text(original).split(" → ");
      return {
        node,
        protocol: this.text(protocol),
        original: this.text(original),
        reply: this.text(reply),
        translated: this.text(reply) !== `${to} → ${from}`,
        reports: [],
      };
    });
    this.tracked = [...sums(t)].map((time, index) => {
      const one = this.entries[entry[index]];
      const [from, to] = one.original.split(" → ");
      const first = one.reports.length === 0;
      const report = {
        kind: "tracked",
        t: time,
        node: one.node,
        entry: one,
        first,
        connection: first ? this.connectionOf({ local: from, peer: to }, time) : one.reports[0].connection,
        state: this.text(state[index]),
        timeout: timeout[index],
        answered: (bits[index] & 1) > 0,
        assured: (bits[index] & 2) > 0,
        late: (bits[index] & 4) > 0,
        removed: (bits[index] & 8) > 0,
        recording: this,
      };
      one.reports.push(report);
      return report;
    });
  }

  // The latest report about each entry that a node has at t.
  entriesAt(node, t) {
    const found = [];
    for (const { node: own, reports } of this.entries) {
      if (own !== node || reports[0].t > t) continue;
      const latest = reports.findLast((report) => report.t <= t);
      if (!latest.removed) found.push(latest);
    }
    return found;
  }

  // Gives each curve to the connection with its addresses. Sockets that used the same addresses share a curve, which
  // is cut at the beginning of each connection.
  readWindows(sockets) {
    for (const { node, local, peer, t, v } of sockets) {
      const addresses = { local: this.text(local), peer: this.text(peer) };
      const times = sums(t);
      const columns = v.map(sums);
      for (let from = 0; from < times.length;) {
        const connection = this.connectionOf(addresses, times[from]);
        let to = from + 1;
        while (to < times.length && this.connectionOf(addresses, times[to]) === connection) to += 1;
        if (connection)
          connection.windows.push({
            side: node === connection.nodes[0] ? 0 : 1,
            t: times.slice(from, to),
            v: columns.map((column) => column.slice(from, to)),
          });
        from = to;
      }
    }
  }

  // The state of one end of a connection, or null if it has no socket.
  stateAt(connection, side, t) {
    if (t < connection.began || t >= connection.until) {
      const early = side === 0 && connection.states[0][0];
      if (!early || t < early.t || t >= connection.until) return null;
    }
    const changes = connection.states[side];
    let found = null;
    for (const change of changes) {
      if (change.t > t) break;
      found = change;
    }
    if (!found || found.state === "CLOSE") return null;
    if (found.state === "TIME_WAIT" && t - found.t >= TIME_WAIT_LASTS) return null;
    return found;
  }

  // The link of the topology that a hop of a connection passes, and whether it passes from its first node.
  passage(hop) {
    const { connection, forward } = hop.packet;
    const link = connection.links[hop.link];
    const from = connection.nodes[forward ? hop.link : hop.link + 1];
    return { link, along: this.links[link] && this.links[link][0] === from };
  }

  nodesOf(packet) {
    return packet.connection.nodes.map((node) => this.nodes[node]);
  }

  place(packet) {
    if (!packet.place) return "";
    const names = this.nodesOf(packet);
    const { node, index } = packet.place;
    return node ? `in ${names[index]}` : `between ${names[index]} and ${names[index + 1]}`;
  }

  describe(packet) {
    const parts = [packet.flags];
    if (packet.mark) parts.push(packet.mark);
    if (packet.seq < 0 && packet.flags === "UDP") return [...parts, `len ${packet.length}`].join(" ");
    parts.push(packet.length > 0 ? `seq ${packet.seq}:${packet.seq + packet.length}` : `seq ${packet.seq}`);
    if (packet.flags.includes("ACK")) parts.push(`ack ${packet.ack}`);
    if (packet.length > 0) parts.push(`len ${packet.length}`);
    return parts.join(" ");
  }

  // An event of the kernel that is not a state, in words.
  said(event) {
    const node = this.nodes[event.node];
    const reason = event.text ? ` (${event.text})` : "";
    if (event.kind === "tracked") return this.reported(event, node);
    return {
      "drop": `${node} drops a packet: ${event.text}`,
      "again": `${node} sends a segment again`,
      "reset-sent": `${node} sends a RST${reason}`,
      "reset-received": `${node} receives a RST`,
    }[event.kind];
  }

  reported({ entry, first, removed, state, timeout, answered, late }, node) {
    const what = removed ? "removes the entry" : first ? "makes the entry" : "changes the entry";
    const parts = [`${node} ${what} ${entry.protocol} ${entry.original}`];
    if (entry.translated) parts.push(`answers ${entry.reply}`);
    if (!removed) parts.push(state || (answered ? "answered" : "no answer yet"));
    if (timeout >= 0 && !removed) parts.push(`timeout ${grouped(timeout)} s`);
    return parts.join(", ") + (late ? " (reported some milliseconds late)" : "");
  }

  fate(packet) {
    if (packet.open) return "the capture ends before its fate is known";
    if (!packet.lost) return "";
    if (!packet.reason) return `lost ${this.place(packet)}`;
    if (!packet.kernel) return `lost ${this.place(packet)}: ${packet.reason} (inferred)`;
    const [reason, ...bound] = packet.reason.split(": ");
    return `lost ${this.place(packet)}: ${[`${reason} (the kernel's reason)`, ...bound].join(", ")}`;
  }
}
