// Acts on the page as a reader would and leaves what it saw at the end of the document.
"use strict";
{
  const charts = [...document.querySelectorAll("figure.chart svg.plot")];
  const tip = (svg) => svg.parentNode.querySelector(".tip");
  const shown = (svg) => tip(svg) !== null && tip(svg).style.display !== "none";
  const text = (svg) => [...tip(svg).children].map((row) => row.textContent.trim()).join("; ");
  const point = (svg, share) => {
    const box = svg.getBoundingClientRect();
    const [left, , width, , whole] = svg.dataset.plot.split(" ").map(Number);
    const clientX = box.left + (left + width * share) / whole * box.width;
    svg.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY: box.top + 50, bubbles: true }));
    return text(svg);
  };
  const press = (svg, key) => {
    svg.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    return tip(svg) && text(svg);
  };
  const titled = (words) => charts.find((svg) => svg.querySelector("title").textContent === words);
  const background = (theme) => {
    document.getElementById(`theme-${theme}`).checked = true;
    return getComputedStyle(document.body).backgroundColor;
  };

  const seen = { charts: charts.length };
  seen.charts_without_height = charts.filter((svg) => svg.getBoundingClientRect().height < 100).length;
  const first = charts[0];
  if (first) {
    seen.first = { before: shown(first), pointed: point(first, 0.5) };
    first.dispatchEvent(new PointerEvent("pointerleave"));
    seen.first.left = !shown(first);
    seen.first.end = press(first, "End");
    seen.first.home = press(first, "Home");
    seen.first.right = press(first, "ArrowRight");
    press(first, "Escape");
    seen.first.escaped = !shown(first);
  }
  const stack = titled("client sockets by state") && charts.filter((svg) => svg.querySelector("title").textContent === "client sockets by state").at(-1);
  if (stack) seen.stack = point(stack, 0.7);
  const table = titled("nat conntrack table against its limit");
  if (table) seen.table = point(table, 0.9);
  seen.light = background("light");
  seen.dark = background("dark");
  background("auto");

  // Words of a drawing must neither cover each other nor leave the drawing.
  for (const fold of document.querySelectorAll("details.topology, details.ladder")) fold.open = true;
  seen.overlaps = [];
  seen.outside = [];
  for (const svg of document.querySelectorAll("figure svg:not(.swatch), svg.ladder")) {
    const whole = svg.getBoundingClientRect();
    const words = [...svg.querySelectorAll("text")].map((node) => [node.textContent, node.getBoundingClientRect()]);
    for (const [word, box] of words) {
      if (box.left < whole.left - 1 || box.right > whole.right + 1 || box.top < whole.top - 1 || box.bottom > whole.bottom + 1) {
        seen.outside.push(`${svg.querySelector("title").textContent}: ${word}`);
      }
    }
    words.forEach(([word, a], index) => words.slice(index + 1).forEach(([other, b]) => {
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 1 && down > 2) seen.overlaps.push(`${svg.querySelector("title").textContent}: ${word} / ${other}`);
    }));
  }

  const left = document.createElement("pre");
  left.id = "probe";
  left.textContent = JSON.stringify(seen);
  document.body.append(left);
}
