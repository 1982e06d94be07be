  // The controls of a view, its keys, and what puts everything together.
  const SPEEDS = [1, 2, 5, 10, 30, 100];

  class Machine {
    constructor(root, panes, id) {
      Object.assign(this, { root, panes });
      const recordings = panes.map(({ recording }) => recording);
      this.recordings = recordings;
      this.stops = new Stops(recordings);
      this.cursor = new Cursor(Math.max(...recordings.map(({ end }) => end)), id);
      this.speed = 2;
      this.build();
      for (const pane of panes) this.fillPane(pane);
      this.cursor.followers.push((cursor) => this.follow(cursor));
      document.addEventListener("keydown", (event) => this.key(event));
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
      return true;
    }

    build() {
      this.clock = make("output", { "class": "clock", "aria-live": "off" });
      this.said = make("p", { "class": "said", "aria-live": "polite" });
      this.slider = make("input", { type: "range", min: 0, max: this.cursor.end, step: Math.max(1, Math.round(this.cursor.end / 1000)), "aria-label": "Moment" });
      this.slider.addEventListener("input", () => this.cursor.to(Number(this.slider.value)));
      this.playing = null;
      this.player = button("Play", () => this.play(), { "class": "play", title: "Space" });
      const speed = make("select", { "aria-label": "Events per second" }, ...SPEEDS.map((each) => make("option", { value: each, selected: each === this.speed }, `${each} events/s`)));
      speed.addEventListener("change", () => { this.speed = Number(speed.value); if (this.playing) { this.play(); this.play(); } });
      const steps = KINDS.map(({ kind, key, word }) => {
        const name = key === "ArrowRight" ? "← →" : key;
        return make("span", { "class": "step" },
          button("‹", () => this.step(kind, false), { "aria-label": `previous ${word}`, title: key === "ArrowRight" ? "Left" : `Shift+${key}` }),
          make("span", {}, `${word} `, make("kbd", {}, name)),
          button("›", () => this.step(kind, true), { "aria-label": `next ${word}`, title: key === "ArrowRight" ? "Right" : key }));
      });
      const stay = make("input", { type: "checkbox" });
      stay.addEventListener("change", () => { this.cursor.stays = stay.checked; });
      this.stay = stay;
      const link = button("Copy link", () => this.copy(link));
      const help = make("details", { "class": "help" }, make("summary", {}, "Keys"), make("p", {},
        "Left and Right: previous and next packet. s: next state change. d: next drop. c: next counter change. e: next decided expectation. With Shift: the previous one. ",
        "Space: play and pause. l: stay with the connection. Home and End: begin and end. w: why? ?: this help."));
      this.help = help;
      const bookmarks = this.recordings.flatMap((recording) => recording.moments);
      const moments = bookmarks.length > 0 && make("ul", { "class": "moments" }, ...bookmarks.map((mark) => make("li", {},
        button(moment(mark.t), () => this.cursor.to(mark.t, { connection: mark.connection ?? this.nearest(mark.t) })), ` ${mark.note}`)));
      this.strip = this.density();
      this.controls = make("div", { "class": "controls", role: "group", "aria-label": "Moment" },
        make("div", { "class": "line" }, this.player, speed, this.clock, link, make("label", {}, stay, " stay with this connection ", make("kbd", {}, "l"))),
        this.strip, this.slider, make("div", { "class": "line steps" }, ...steps), this.said, help, moments || null);
      this.root.prepend(this.controls);
    }

    // Where packets, losses and decisions are, above the slider.
    density() {
      const bins = 240;
      const most = new Array(bins).fill(0);
      const lost = new Set();
      const bin = (t) => Math.min(bins - 1, Math.floor(t / Math.max(this.cursor.end, 1) * bins));
      for (const { kind, t } of this.stops.all) {
        if (kind === "drop") lost.add(bin(t)); else if (kind === "packet" || kind === "state") most[bin(t)] += 1;
      }
      const highest = Math.max(1, ...most);
      const bars = most.map((number, index) => (number ? `M${index} 20v-${(2 + 16 * Math.log1p(number) / Math.log1p(highest)).toFixed(1)}` : "")).join("");
      const drops = [...lost].map((index) => `M${index} 24v-3`).join("");
      const decided = this.stops.lists.get("expectation").map(({ t }) => `M${bin(t)} 0v3`).join("");
      return draw("svg", { "class": "density", viewBox: `-0.5 0 ${bins} 24`, preserveAspectRatio: "none", role: "img", "aria-label": "Packets over time; below, losses" },
        draw("path", { "class": "packets", d: bars }), draw("path", { "class": "losses", d: drops }), draw("path", { "class": "decided", d: decided }));
    }

    fillPane(pane) {
      const { recording, box, section } = pane;
      const follower = (part) => { this.cursor.followers.push((cursor) => part.follow(cursor)); return part.node; };
      const why = new Explainer(recording, this.cursor);
      const explain = (event) => why.explain(event);
      pane.why = why;
      pane.flight = new Flight(recording, section.querySelector("svg.topology"));
      this.cursor.followers.push((cursor) => { pane.flight.follow(cursor); pane.air.textContent = this.inTheAir(pane.flight.hops.length); });
      pane.air = make("p", { "class": "faint" });
      const ladder = new Ladder(recording, this.cursor, explain);
      const list = new ConnectionList(recording, (connection) => {
        this.hold(true);
        this.cursor.to(Math.max(connection.began, connection.all[0]?.t ?? 0), { connection: connection.name, current: connection.all[0] ?? null });
      });
      const notes = recording.notes.length > 0 && make("details", { "class": "notes-of-view" }, make("summary", {}, count(recording.notes.length, "note")),
        make("ul", {}, ...recording.notes.map((note) => make("li", {}, note))));
      const verdicts = make("section", { "class": "panel verdicts-panel" }, make("h3", {}, "Expectations"), make("ul", { "class": "decided" }, ...recording.verdicts.map((verdict) => make("li", {},
        make("span", { "class": `badge ${verdict.outcome.replace(" ", "-")}` }, verdict.outcome), " ", make("code", {}, verdict.text), verdict.observed && ` [${verdict.observed}] `,
        verdict.t !== null && button(`at ${moment(verdict.t)}`, () => this.cursor.to(verdict.t))))));
      box.append(pane.air, follower(list), follower(ladder), why.node, follower(new SocketTables(recording, this.cursor, explain)),
        follower(new Levels(recording, this.cursor, explain)), verdicts, ...(notes ? [notes] : []));
      this.lines = [...(this.lines ?? []), ...[...section.querySelectorAll("svg.plot")].map((svg) => this.curveLine(svg))];
    }

    inTheAir(number) {
      return number ? `${count(number, "packet")} on the way at this moment.` : "No packet is on the way at this moment.";
    }

    curveLine(svg) {
      const [left, top, width, height] = svg.dataset.plot.split(" ").map(Number);
      const line = svg.appendChild(draw("line", { "class": "cursor-line", y1: top, y2: top + height }));
      const end = Number(svg.dataset.end) * Number(svg.dataset.seconds) * 1e9;
      return (t) => {
        const x = left + width * Math.min(1, t / end);
        line.setAttribute("x1", x);
        line.setAttribute("x2", x);
      };
    }

    follow({ t, current }) {
      this.clock.textContent = moment(t);
      this.slider.value = t;
      this.slider.setAttribute("aria-valuetext", moment(t));
      for (const move of this.lines ?? []) move(t);
      this.said.textContent = current ? this.words(current) : "";
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
      if (event.kind === "state") return `${event.connection.name}: ${event.side ? "server" : "client"} is ${event.state}${event.inferred ? " (inferred)" : ""}`;
      if (event.kind === "counter") return `changed: ${event.series.slice(0, 6).map(({ name }) => name).join(", ")}${event.series.length > 6 ? ` and ${event.series.length - 6} more` : ""}`;
      if (event.kind === "expectation") return `${event.verdict.outcome}: ${event.verdict.text}`;
      return `the kernel dropped ${event.text} in ${recording.nodes[event.node]}`;
    }

    go(stop) {
      const { what } = stop;
      const connection = what.connection ? what.connection.name : this.cursor.connection;
      this.cursor.to(stop.t, { connection, current: what });
    }

    step(kind, forward) {
      const only = this.cursor.stays && kind !== "counter" && kind !== "expectation" ? this.cursor.connection : null;
      const stop = this.stops.next(kind, this.cursor.t, forward, only);
      if (stop) { this.go(stop); return true; }
      const { word } = KINDS.find((each) => each.kind === kind) ?? { word: "event" };
      this.said.textContent = `There is no ${forward ? "later" : "earlier"} ${word}.`;
      return false;
    }

    hold(stays) {
      this.cursor.stays = stays;
      this.stay.checked = stays;
    }

    play() {
      if (this.playing) {
        clearInterval(this.playing);
        this.playing = null;
      } else {
        this.playing = setInterval(() => { if (!this.step(null, true)) this.play(); }, 1000 / this.speed);
      }
      this.player.textContent = this.playing ? "Pause" : "Play";
    }

    async copy(control) {
      const address = location.href.split("#")[0] + this.cursor.address;
      try { await navigator.clipboard.writeText(address); control.textContent = "Copied"; } catch { location.hash = this.cursor.address; }
      setTimeout(() => { control.textContent = "Copy link"; }, 1500);
    }

    key(event) {
      if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
      const target = event.target instanceof Element ? event.target : document.body;
      if (!this.root.matches(".whole") && !this.root.contains(target)) return;
      if (target.matches("input[type=text], textarea, select, svg.plot")) return;
      const act = this.action(event, target);
      if (!act) return;
      event.preventDefault();
      act();
    }

    action({ key, shiftKey }, target) {
      const onSlider = target.matches("input[type=range], input[type=radio]");
      if (key === "ArrowRight" || key === "ArrowLeft") return onSlider ? null : () => this.step("packet", key === "ArrowRight");
      if (key === " ") return target.matches("button, summary, input") ? null : () => this.play();
      if (key === "Home" || key === "End") return onSlider ? null : () => this.cursor.to(key === "Home" ? 0 : this.cursor.end);
      const { kind } = KINDS.find((each) => each.key === key.toLowerCase()) ?? {};
      if (kind) return () => this.step(kind, !shiftKey);
      if (key === "l") return () => this.hold(!this.cursor.stays);
      if (key === "?") return () => { this.help.open = !this.help.open; };
      if (key === "w") return () => this.ask();
      return null;
    }

    // Explains what the cursor was moved to, or the latest event of the connection.
    ask() {
      const { t, connection, current } = this.cursor;
      for (const { recording, why } of this.panes) {
        const chosen = recording.named.get(connection);
        const own = current && (!current.connection || recording.connections.includes(current.connection)) && current.kind !== "expectation" && current.kind !== "counter";
        const event = own ? current : chosen?.all.findLast((each) => each.t <= t && (each.kind === "state" || each.lost));
        if (event) why.explain(event);
      }
    }
  }

  const paneOf = async (data) => {
    const section = document.getElementById(data.dataset.run);
    const box = make("div", { "class": "pane" });
    data.parentNode.append(box);
    return { recording: new Recording(await inflate(data.textContent)), box, section };
  };

  const start = async (root) => {
    const data = [...root.querySelectorAll("script.view-data")];
    const panes = await Promise.all(data.map(paneOf));
    const id = root.matches(".whole") ? null : root.dataset.for;
    new Machine(root.matches(".whole") ? root : panes[0].box, panes, id);
    performance.mark("view-ready");
    document.documentElement.dataset.views = String(Number(document.documentElement.dataset.views ?? 0) + 1);
  };

  for (const root of document.querySelectorAll(".machine")) {
    if (root.matches(".whole")) start(root);
    else {
      const named = () => new URLSearchParams(location.hash.slice(1)).get("at") === root.dataset.for;
      const once = () => { if (!root.dataset.started) { root.dataset.started = "yes"; start(root); } };
      root.addEventListener("toggle", () => { if (root.open) once(); });
      if (named()) { root.open = true; once(); }
    }
  }
