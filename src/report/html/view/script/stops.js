// The moments that the keys go to, by kind.
const KINDS = [
  { kind: "packet", key: "ArrowRight", word: "packet" },
  { kind: "state", key: "s", word: "state change" },
  { kind: "drop", key: "d", word: "drop" },
  { kind: "counter", key: "c", word: "counter change" },
  { kind: "expectation", key: "e", word: "decided expectation" },
];

const lastStop = (list, t) => {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle].t <= t) low = middle + 1;
    else high = middle;
  }
  return low - 1;
};

class Stops {
  // `recordings` are under one cursor, so their moments are merged.
  constructor(recordings) {
    this.lists = new Map(KINDS.map(({ kind }) => [kind, []]));
    recordings.forEach((recording, run) => this.add(recording, run));
    for (const list of this.lists.values()) list.sort((a, b) => a.t - b.t);
    this.all = [...this.lists.values()].flat().sort((a, b) => a.t - b.t);
  }

  add(recording, run) {
    const put = (kind, t, what) => this.lists.get(kind).push({ kind, t, run, what });
    for (const packet of recording.packets) {
      put("packet", packet.t, packet);
      if (packet.lost) put("drop", packet.t, packet);
    }
    for (const state of recording.states) put("state", state.t, state);
    for (const event of recording.events)
      if (event.kind === "drop" && !event.shown && !event.freed && !NOT_LOST.test(event.text))
        put("drop", event.t, event);
    const changes = new Map();
    for (const series of recording.series) {
      if (!series.counter) continue;
      for (const t of series.t) {
        const there = changes.get(t);
        if (there) there.push(series);
        else changes.set(t, [series]);
      }
    }
    for (const [t, series] of changes) put("counter", t, { kind: "counter", series });
    for (const verdict of recording.verdicts)
      if (verdict.t !== null) put("expectation", verdict.t, { kind: "expectation", verdict });
  }

  // Returns the next moment of a kind (or of any) after t, or the one before; of one connection if it is given.
  next(kind, t, forward, name) {
    const list = kind ? this.lists.get(kind) : this.all;
    const wanted = (stop) => {
      const connection = stop.what.connection;
      return !name || !connection || connection.name === name;
    };
    const after = lastStop(list, t);
    if (forward) {
      for (let index = after + 1; index < list.length; index += 1) if (wanted(list[index])) return list[index];
      return null;
    }
    for (let index = after; index >= 0; index -= 1) if (list[index].t < t && wanted(list[index])) return list[index];
    return null;
  }

  // Everything that happens at a moment.
  at(t) {
    let index = lastStop(this.all, t);
    const found = [];
    for (; index >= 0 && this.all[index].t === t; index -= 1) found.unshift(this.all[index]);
    return found;
  }
}
