// The steps of two CDFs, and the gap between them shaded.

import { clampText } from "./columns.js";
import { set, svg, wholePixel, write } from "./dom.js";
import { cdfGaps, cumulative } from "./distributions.js";

/**
 * Make the steps of the prediction called `letter` and of the target called `truth`.
 *
 * Where they are placed, `place` is what `placeColumns` gave and also tells `step` (probability to
 * pixels), `foot` (the base line of the numbers below) and `showGap` (which numbers fit).
 */
export function createSteps({ letter, truth: truthWord = "truth", count }) {
  const gap = svg("path", { class: "emdviz-gap" });
  const sizes = Array.from({ length: count - 1 }, () => svg("text", { class: "emdviz-gap-size" }));
  const truth = svg("path", { class: "emdviz-truth-step" });
  const own = svg("path", { class: "emdviz-own-step" });
  const truthName = svg("text", { class: "emdviz-truth-name" }, truthWord);
  const ownName = svg("text", { class: "emdviz-own-name" }, letter);
  const node = svg("g", { "aria-hidden": "true" }, gap, truth, own, ...sizes, truthName, ownName);

  return {
    node,
    resize(place) {
      sizes.forEach((text, i) =>
        set(text, { x: (place.centres[i] + place.centres[i + 1]) / 2, y: place.foot }),
      );
    },
    /** Show the prediction p and the target t, both distributions. */
    update(place, p, t) {
      const heights = cumulative(p);
      const others = cumulative(t);
      const differences = cdfGaps(p, t);
      const pieces = sizes.map((text, i) => {
        write(text, place.showGap[i] ? Math.abs(differences[i]).toFixed(2) : "");
        const [a, b] = [heights[i], others[i]].map(place.step);
        return `M${place.centres[i]} ${a}H${place.centres[i + 1]}V${b}H${place.centres[i]}Z`;
      });
      set(gap, { d: pieces.join("") });
      set(own, { d: staircase(place, heights) });
      set(truth, { d: staircase(place, others) });
      const top = others.findIndex((height) => height > others[count - 1] - 1e-9);
      const above = wholePixel(place.step(others[top]) - 0.5 * place.unit);
      set(truthName, { x: clampText(place.centres[top], place), y: above });
      nameTheStep(ownName, place, heights, differences);
    },
  };
}

/** What stands before the numbers of the gap, as a list of elements. */
export const nameGaps = ({ left, unit, foot, showGap }) =>
  showGap.some(Boolean) ? [svg("text", { class: "emdviz-tick", x: left - 0.5 * unit, y: foot }, "|gap|")] : [];

function staircase({ left, right, centres, step }, heights) {
  const rises = heights.map((height, i) => `H${centres[i]}V${step(height)}`);
  return `M${left} ${step(0)}${rises.join("")}H${right}`;
}

/** Put the prediction's letter at its step where the gap is widest: outside the gap, unless that is below the axis. */
function nameTheStep(text, place, heights, differences) {
  const sizes = differences.slice(0, -1).map(Math.abs);
  const i = sizes.indexOf(Math.max(...sizes));
  const height = place.step(heights[i]);
  const below = height + 1.05 * place.unit;
  const above = differences[i] > 0 || below > place.step(0);
  set(text, {
    x: (place.centres[i] + place.centres[i + 1]) / 2,
    y: wholePixel(above ? height - 0.4 * place.unit : below),
    visibility: sizes[i] > 0.02 ? null : "hidden",
  });
}
