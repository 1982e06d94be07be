// The controls of a view: the clock, the slider, the keys, the bookmarks.
const SPEEDS = [1, 2, 5, 10, 30, 100];

class Controls {
  constructor(machine) {
    this.machine = machine;
    this.nodes = this.build();
  }

  build() {
    const { machine } = this;
    const { cursor } = machine;
    this.clock = make("output", { "class": "clock", "aria-live": "off" });
    this.said = make("p", { "class": "said", "aria-live": "polite" });
    this.slider = make("input", {
      type: "range",
      min: 0,
      max: cursor.end,
      step: Math.max(1, Math.round(cursor.end / 1000)),
      "aria-label": "Moment",
    });
    this.slider.addEventListener("input", () => cursor.to(Number(this.slider.value)));
    this.player = button("Play", () => machine.play(), { "class": "play", title: "Space" });
    const speed = make(
      "select",
      { "aria-label": "Events per second" },
      ...SPEEDS.map((each) => make("option", { value: each, selected: each === machine.speed }, `${each} events/s`)),
    );
    speed.addEventListener("change", () => {
      machine.speed = Number(speed.value);
      if (machine.playing) {
        machine.play();
        machine.play();
      }
    });
    const shown = KINDS.filter(({ kind }) => kind !== "tracked" || machine.stops.lists.get(kind).length);
    const steps = shown.map(({ kind, key, word }) => {
      const name = key === "ArrowRight" ? "← →" : key;
      return make(
        "span",
        { "class": "step" },
        button("‹", () => machine.step(kind, false), {
          "aria-label": `previous ${word}`,
          title: key === "ArrowRight" ? "Left" : `Shift+${key}`,
        }),
        make("span", {}, `${word} `, make("kbd", {}, name)),
        button("›", () => machine.step(kind, true), {
          "aria-label": `next ${word}`,
          title: key === "ArrowRight" ? "Right" : key,
        }),
      );
    });
    const stay = make("input", { type: "checkbox" });
    stay.addEventListener("change", () => {
      cursor.stays = stay.checked;
    });
    this.stay = stay;
    const link = button("Copy link", () => this.copy(link));
    const help = make(
      "details",
      { "class": "help" },
      make("summary", {}, "Keys"),
      make(
        "p",
        {},
        "Left and Right, or p and n: previous and next packet. s: next state change. d: next drop. c: next counter change. ",
        "t: next change of a connection tracking entry. ",
        "e: next decided expectation. With Shift: the previous one. ",
        "Space: play and pause. l: stay with the connection. Home and End: begin and end. w or Enter: why? Escape: close that. ?: this help.",
      ),
    );
    this.help = help;
    const bookmarks = machine.recordings.flatMap((recording) => recording.moments);
    const moments =
      bookmarks.length > 0 &&
      make(
        "ul",
        { "class": "moments" },
        ...bookmarks.map((mark) =>
          make(
            "li",
            {},
            button(moment(mark.t), () => cursor.to(mark.t, { connection: mark.connection ?? machine.nearest(mark.t) })),
            ` ${mark.note}`,
          ),
        ),
      );
    this.strip = this.density();
    const bar = make(
      "div",
      { "class": "controls", role: "group", "aria-label": "Moment" },
      make(
        "div",
        { "class": "line" },
        this.player,
        speed,
        this.clock,
        link,
        make("label", {}, stay, " stay with this connection ", make("kbd", {}, "l")),
      ),
      this.strip,
      this.slider,
      make("div", { "class": "line steps" }, ...steps),
      this.said,
    );
    return [bar, help, ...(moments ? [moments] : [])];
  }

  // Where packets, losses and decisions are, above the slider.
  density() {
    const { stops, cursor } = this.machine;
    const { end } = cursor;
    const bins = 240;
    const most = new Array(bins).fill(0);
    const lost = new Set();
    const bin = (t) => Math.min(bins - 1, Math.floor((t / Math.max(end, 1)) * bins));
    for (const { kind, t } of stops.all) {
      if (kind === "drop") lost.add(bin(t));
      else if (kind === "packet" || kind === "state") most[bin(t)] += 1;
    }
    const highest = Math.max(1, ...most);
    const bars = most
      .map((number, index) =>
        number ? `M${index} 20v-${(2 + (16 * Math.log1p(number)) / Math.log1p(highest)).toFixed(1)}` : "",
      )
      .join("");
    const drops = [...lost].map((index) => `M${index} 24v-3`).join("");
    const decided = stops.lists
      .get("expectation")
      .map(({ t }) => `M${bin(t)} 0v3`)
      .join("");
    return draw(
      "svg",
      {
        "class": "density",
        viewBox: `-0.5 0 ${bins} 24`,
        preserveAspectRatio: "none",
        role: "img",
        "aria-label": "Packets over time; below, losses",
      },
      draw("path", { "class": "packets", d: bars }),
      draw("path", { "class": "losses", d: drops }),
      draw("path", { "class": "decided", d: decided }),
    );
  }

  // `words` say what the cursor was moved to.
  show({ t }, words) {
    this.clock.textContent = moment(t);
    this.slider.value = t;
    this.slider.setAttribute("aria-valuetext", moment(t));
    this.say(words);
  }

  toggleHelp() {
    this.help.open = !this.help.open;
  }

  say(words) {
    this.said.textContent = words;
  }

  async copy(control) {
    const address = location.href.split("#")[0] + this.machine.cursor.address;
    try {
      await navigator.clipboard.writeText(address);
      control.textContent = "Copied";
    } catch {
      location.hash = this.machine.cursor.address;
    }
    setTimeout(() => {
      control.textContent = "Copy link";
    }, 1500);
  }
}
