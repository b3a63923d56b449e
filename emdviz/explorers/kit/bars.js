// The bars of one distribution: each is a slider that can be dragged, and has a name below it.
// Elements are made once; a changed distribution only moves them.

import { clampText, placeLabel } from "./columns.js";
import { formatProbability, set, svg, wholePixel, write } from "./dom.js";

const PIN = "M-3.5 -9h7l-1 1v3l2.5 2.5h-4.3v4.5h-1.4v-4.5h-4.3l2.5 -2.5v-3z";

/**
 * Make the bars of the distribution called `owner`.
 *
 * Where they are placed, `place` is what `placeColumns` gave and also tells `top`, `bars` (their
 * height), `y` (probability to pixels) and `labelTop`; bars may also hang, where it says `hangs`.
 */
export function createBars({ owner, classes, mayChoose = true, named = true }) {
  const bars = classes.map((name) => createBar({ owner, name, mayChoose, named }));
  return {
    node: svg("g", {}, ...bars.map((bar) => bar.node)),
    bars,
    resize: (place) => bars.forEach((bar, i) => bar.resize(place, i)),
    update(place, p, { target = -1, pinned = [] } = {}) {
      bars.forEach((bar, i) => bar.update(place, i, p[i], i === target, pinned.includes(i)));
    },
  };
}

function createBar({ owner, name, mayChoose, named }) {
  const hit = svg("rect", { class: "emdviz-hit" });
  const truth = svg("rect", { class: "emdviz-truth-bar" });
  const truthText = svg("text", { class: "emdviz-truth-name", "aria-hidden": "true" }, "truth");
  const column = svg("rect", { class: "emdviz-bar-fill" });
  const cap = svg("rect", { class: "emdviz-bar-cap" });
  const value = svg("text", { class: "emdviz-value", "aria-hidden": "true" });
  const pin = svg("path", { class: "emdviz-pin", d: PIN });
  const slider = svg(
    "g",
    {
      class: "emdviz-bar", role: "slider", tabindex: 0, "aria-orientation": "vertical",
      "aria-label": `${owner}, class ${name}`, "aria-valuemin": 0, "aria-valuemax": 1,
    },
    hit, column, cap, value, pin,
  );
  const text = svg("text", { class: "emdviz-class-name" });
  const label = svg("g", { class: mayChoose && "emdviz-class", "aria-hidden": "true" }, text);
  if (mayChoose) label.prepend(svg("title", {}, `Make ${name} the true class`));
  const node = svg("g", {}, truth, truthText, slider);
  if (named) node.append(label);
  let centre = 0;

  return {
    node,
    slider,
    label,
    resize(place, i) {
      const { unit, bar } = place;
      const [from, to] = place.edges[i];
      centre = place.centres[i];
      set(hit, { x: from, width: to - from, y: place.top, height: place.bars });
      set(truth, { x: centre - bar / 2 - 0.25 * unit, width: bar + 0.5 * unit });
      set(truth, { y: place.top, height: place.bars, rx: 0.2 * unit });
      set(truthText, { x: clampText(centre, place), y: place.top - 1.6 * unit });
      set(column, { x: centre - bar / 2, width: bar });
      set(cap, { x: centre - bar / 2, width: bar, height: Math.max(2, 0.18 * unit) });
      set(value, { x: centre });
      placeLabel(text, place, i, place.labelTop);
    },
    update(place, i, p, isTruth, isPinned) {
      const y = place.y(p);
      set(column, { y: Math.min(y, place.y(0)), height: Math.abs(place.y(0) - y) });
      set(cap, { y: place.hangs ? y - Math.max(2, 0.18 * place.unit) : y });
      set(value, { y: wholePixel(y + (place.hangs ? 1.1 : -0.45) * place.unit) });
      write(value, place.showValue[i] || isTruth ? formatProbability(p) : "");
      // also where it is hidden, since its place counts for where the slider is
      const foot = wholePixel(pinAt(place, y));
      set(pin, { transform: `translate(${centre} ${foot}) scale(${place.unit / 11})` });
      set(node, { class: `emdviz-column${isTruth ? " emdviz-true" : ""}${isPinned ? " emdviz-pinned" : ""}` });
      const said = [p.toFixed(2), isTruth && "true class", isPinned && "pinned"];
      set(slider, { "aria-valuenow": p.toFixed(4), "aria-valuetext": said.filter(Boolean).join(", ") });
    },
  };
}

/** At the foot of the bar, or above the number of a bar that is too low to hold a pin. */
function pinAt({ y, unit, hangs }, top) {
  if (hangs) return top - y(0) > 2 * unit ? y(0) + 1.2 * unit : top + 2.4 * unit;
  return y(0) - top > 2 * unit ? y(0) - 0.6 * unit : top - 1.9 * unit;
}
