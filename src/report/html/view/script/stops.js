// The moments that the keys go to, by kind.
const KINDS = [
  { kind: "packet", key: "ArrowRight", word: "packet" },
  { kind: "state", key: "s", word: "state change" },
  { kind: "drop", key: "d", word: "drop" },
  { kind: "counter", key: "c", word: "counter change" },
  { kind: "tracked", key: "t", word: "tracking change" },
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
    for (const report of recording.tracked) put("tracked", report.t, report);
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

  // Returns the next moment of a kind (or of any) after t, or the one before; of one connection if it is given. Of
  // those at the same moment, the one after `current` is next, so that each is reached.
  next(kind, t, forward, { name = null, current = null } = {}) {
    const list = kind ? this.lists.get(kind) : this.all;
    const wanted = ({ what }) => (!name || !what.connection || what.connection.name === name) && what !== current;
    const after = lastStop(list, t);
    let at = after;
    while (at >= 0 && list[at].t === t && list[at].what !== current) at -= 1;
    const isThere = current !== null && at >= 0 && list[at].t === t;
    if (forward) {
      for (let index = isThere ? at + 1 : after + 1; index < list.length; index += 1)
        if (wanted(list[index])) return list[index];
      return null;
    }
    for (let index = isThere ? at - 1 : after; index >= 0; index -= 1)
      if ((isThere || list[index].t < t) && wanted(list[index])) return list[index];
    return null;
  }
}
