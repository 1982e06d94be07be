// A view: the runs under one cursor, their controls and keys.
class Machine {
  constructor(root, panes, id) {
    Object.assign(this, { root, panes });
    this.recordings = panes.map(({ recording }) => recording);
    this.stops = new Stops(this.recordings);
    this.cursor = new Cursor(Math.max(...this.recordings.map(({ end }) => end)), id);
    this.speed = 2;
    this.playing = null;
    this.controls = new Controls(this);
    root.prepend(...this.controls.nodes);
    for (const pane of panes) pane.fill(this.cursor, () => this.hold(true));
    this.cursor.followers.push((cursor) =>
      this.controls.show(cursor, cursor.current ? this.words(cursor.current) : ""),
    );
    document.addEventListener("keydown", (event) => this.key(event));
    // In a report, keys are for the view that was used last. A table that is drawn again loses the focus.
    for (const kind of ["focusin", "pointerdown"])
      document.addEventListener(kind, ({ target }) => {
        this.used = root.contains(target);
      });
    addEventListener("hashchange", () => this.readAddress());
    if (!this.readAddress()) this.begin();
  }

  // Without an address, the page opens at the first bookmark, else before the first packet.
  begin() {
    const bookmark = this.recordings.flatMap(({ moments }) => moments)[0];
    const first = this.recordings.flatMap(({ connections }) => connections.slice(0, 1))[0];
    if (bookmark) this.cursor.to(bookmark.t, { connection: bookmark.connection ?? this.nearest(bookmark.t) });
    else this.cursor.to(0, { connection: first?.name ?? null });
  }

  nearest(t) {
    const stop = this.stops.next("packet", t + 1, false) ?? this.stops.next("packet", t, true);
    return stop ? stop.what.connection.name : null;
  }

  readAddress() {
    const named = this.cursor.readAddress(location.hash);
    if (!named) return false;
    const unfold = this.root.closest("details");
    if (unfold) unfold.open = true;
    const known = this.recordings.some(({ named: names }) => names.has(named.connection));
    this.cursor.to(named.t, { connection: known ? named.connection : this.nearest(named.t) });
    if (named.connection !== undefined && !known)
      this.controls.say(`There is no connection ${named.connection} here; the nearest one is shown.`);
    return true;
  }

  words(event) {
    const { recordings } = this;
    const recording = recordings.find(({ connections }) => connections.includes(event.connection)) ?? recordings[0];
    if (event.kind === "packet") {
      const fate = recording.fate(event);
      const nodes = recording.nodesOf(event);
      const [from, to] = event.forward ? [nodes[0], nodes.at(-1)] : [nodes.at(-1), nodes[0]];
      return `${event.connection.name}: ${recording.describe(event)}, ${from} to ${to}${fate ? `; ${fate}` : ""}`;
    }
    if (event.kind === "state") {
      const inferred = event.inferred ? " (inferred)" : "";
      return `${event.connection.name}: ${event.side ? "server" : "client"} is ${event.state}${inferred}`;
    }
    if (event.kind === "counter")
      return `changed: ${event.series
        .slice(0, 6)
        .map(({ name }) => name)
        .join(", ")}${event.series.length > 6 ? ` and ${event.series.length - 6} more` : ""}`;
    if (event.kind === "expectation") return `${event.verdict.outcome}: ${event.verdict.text}`;
    return event.recording.said(event);
  }

  go(stop) {
    const { what } = stop;
    const connection = what.connection ? what.connection.name : this.cursor.connection;
    this.cursor.to(stop.t, { connection, current: what });
  }

  step(kind, forward) {
    const only = this.cursor.stays && kind !== "counter" && kind !== "expectation" ? this.cursor.connection : null;
    const { t, current } = this.cursor;
    const stop = this.stops.next(kind, t, forward, { name: only, current });
    if (stop) {
      this.go(stop);
      return true;
    }
    const { word } = KINDS.find((each) => each.kind === kind) ?? { word: "event" };
    this.controls.say(`There is no ${forward ? "later" : "earlier"} ${word}.`);
    return false;
  }

  hold(stays) {
    this.cursor.stays = stays;
    this.controls.stay.checked = stays;
  }

  play() {
    if (this.playing) {
      clearInterval(this.playing);
      this.playing = null;
    } else {
      this.playing = setInterval(() => {
        if (!this.step(null, true)) this.play();
      }, 1000 / this.speed);
    }
    this.controls.player.textContent = this.playing ? "Pause" : "Play";
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
    const target = event.target instanceof Element ? event.target : document.body;
    if (!this.root.matches(".whole") && !this.used) return;
    if (target.matches("input[type=text], textarea, select, svg.plot")) return;
    const act = this.action(event, target);
    if (!act) return;
    event.preventDefault();
    act();
  }

  ask() {
    const asked = this.panes.map((pane) => pane.ask(this.cursor));
    if (asked.includes(true)) return;
    this.controls.say("There is nothing to explain at this moment; go to a packet or a state.");
  }

  action({ key, shiftKey }, target) {
    const onSlider = target.matches("input[type=range], input[type=radio]");
    if (key === "ArrowRight" || key === "ArrowLeft")
      return onSlider ? null : () => this.step("packet", key === "ArrowRight");
    if (key === "n" || key === "p") return () => this.step("packet", key === "n");
    if (key === " ") return target.matches("button, summary, input") ? null : () => this.play();
    if (key === "Home" || key === "End")
      return onSlider ? null : () => this.cursor.to(key === "Home" ? 0 : this.cursor.end);
    const { kind } = KINDS.find((each) => each.key === key.toLowerCase()) ?? {};
    if (kind) return () => this.step(kind, !shiftKey);
    if (key === "l") return () => this.hold(!this.cursor.stays);
    if (key === "?") return () => this.controls.toggleHelp();
    if (key === "w") return () => this.ask();
    // On a control, Enter is the control's own.
    if (key === "Enter") return target.matches("button, summary, input, a, [tabindex='0']") ? null : () => this.ask();
    if (key === "Escape") return () => this.panes.forEach(({ why }) => why.close());
    return null;
  }
}

const paneOf = async (data) => {
  const section = document.getElementById(data.dataset.run);
  const box = make("div", { "class": "pane" });
  data.parentNode.append(box);
  return new Pane(new Recording(await inflate(data.textContent)), box, section);
};

const start = async (root) => {
  const isWhole = root.matches(".whole");
  try {
    const panes = await Promise.all([...root.querySelectorAll("script.view-data")].map(paneOf));
    new Machine(isWhole ? root : panes[0].box, panes, isWhole ? null : root.dataset.for);
  } catch (error) {
    root.append(make("p", { "class": "reason" }, `This browser cannot show the run: ${error.message}`));
    throw error;
  }
  performance.mark("view-ready");
  document.documentElement.dataset.views = String(Number(document.documentElement.dataset.views ?? 0) + 1);
};

for (const root of document.querySelectorAll(".machine")) {
  if (root.matches(".whole")) {
    start(root);
    continue;
  }
  // In a report, a run is read only when somebody looks at it.
  const isNamed = () => new URLSearchParams(location.hash.slice(1)).get("at") === root.dataset.for;
  const once = () => {
    if (root.dataset.started) return;
    root.dataset.started = "yes";
    start(root);
  };
  const unfold = () => {
    if (!isNamed()) return;
    root.open = true;
    once();
  };
  root.addEventListener("toggle", () => {
    if (root.open) once();
  });
  addEventListener("hashchange", unfold);
  unfold();
}
