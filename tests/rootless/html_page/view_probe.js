// Uses the view of a run by keyboard alone, as a reader would, and leaves what it saw at the end of the document.
"use strict";
(async () => {
  while (!document.documentElement.dataset.views) await new Promise((go) => setTimeout(go, 20));
  const root = document.querySelector(".machine");
  const press = (key, shiftKey = false) =>
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey, bubbles: true, cancelable: true }));
  const text = (selector) => root.querySelector(selector)?.textContent ?? null;
  const texts = (selector) => [...root.querySelectorAll(selector)].map((node) => node.textContent);
  const now = () => ({
    clock: text(".clock"),
    said: text(".said"),
    heading: text(".ladder-panel h3"),
    rung: text(".rung.now .what"),
  });
  const after = (key, shift = false) => {
    press(key, shift);
    return now();
  };
  const seen = {
    panes: root.querySelectorAll(".pane").length,
    opened: now(),
    moments: texts(".moments li"),
    about: texts(".ladder-panel > p"),
  };
  press("Home");
  seen.packet = after("ArrowRight");
  seen.second = after("ArrowRight");
  seen.back = after("ArrowLeft");
  seen.state = after("s");
  press("Home");
  seen.drop = after("d");
  press("w");
  seen.why = { shown: !root.querySelector(".why").hidden, text: text(".why") };
  seen.sockets = texts(".sockets caption");
  seen.rows = texts(".sockets tbody tr");
  seen.counter = after("c");
  seen.counters = texts(".counters tbody th");
  seen.expectation = after("e");
  seen.again = after("d", true);
  seen.line = [...root.querySelectorAll("line.cursor-line")].map((line) => Number(line.getAttribute("x1")));
  press("End");
  seen.end = now();
  seen.none = after("d");
  const list = root.querySelector("details.list");
  list.open = true;
  await new Promise((go) => setTimeout(go, 50));
  seen.groups = texts("details.list > details > summary");
  press("Home");
  press(" ");
  await new Promise((go) => setTimeout(go, 2600));
  press(" ");
  seen.played = now();
  // The address names the moment, and takes the reader there.
  await new Promise((go) => setTimeout(go, 400));
  seen.address = location.hash;
  location.hash = "#t=0.5s&c=burst:10";
  await new Promise((go) => setTimeout(go, 400));
  seen.named = now();
  seen.windows = texts(".windows figure .now");
  seen.curves = root.querySelectorAll(".windows path.client").length;
  location.hash = "#t=0.5s&c=burst:500";
  await new Promise((go) => setTimeout(go, 400));
  seen.unknown = now();
  seen.nameless = [...root.querySelectorAll("button, input, select, [role=region]")].filter((node) => {
    const label =
      node.getAttribute("aria-label") || node.textContent.trim() || node.closest("label")?.textContent.trim();
    return !label;
  }).length;
  seen.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const left = document.createElement("pre");
  left.id = "probe";
  left.textContent = JSON.stringify(seen);
  document.body.append(left);
})();
