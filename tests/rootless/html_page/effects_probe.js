// Finds out why something happened by keyboard alone, and leaves what a screen reader announces at the end of the page.
"use strict";
(async () => {
  while (!document.documentElement.dataset.views) await new Promise((go) => setTimeout(go, 20));
  const root = document.querySelector(".machine");
  const announced = () => {
    const live = [...root.querySelectorAll("[aria-live=polite]")];
    return live.map((node) => node.textContent).join(" ").trim();
  };
  const press = (key) => {
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    return announced();
  };
  const each = (key) => {
    press("Home");
    const all = [];
    for (let times = 0; times < 100; times += 1) {
      const heard = press(key);
      if (heard.startsWith("There is no later")) break;
      all.push({ heard, why: press("Enter"), closed: press("Escape") });
    }
    return all;
  };
  press("Home");
  const seen = { drops: each("d"), expectations: each("e"), counters: each("c"), entries: each("t") };
  press("Home");
  seen.nothing = press("Enter");
  const left = document.createElement("pre");
  left.id = "probe";
  left.textContent = JSON.stringify(seen);
  document.body.append(left);
})();
