// A vertical axis: grid lines, numbers, and its name.

import { svg } from "./dom.js";

export const PROBABILITIES = [0, 0.5, 1];

/** The elements of an axis that `at` maps to pixels; `start` and `height` say where it lies. */
export function drawAxis({ left, right, unit }, { at, start, height, name, ticks = PROBABILITIES }) {
  const lines = ticks.flatMap((tick) => {
    const y = at(tick);
    return [
      svg("line", { class: "emdviz-grid", x1: left, x2: right, y1: y, y2: y }),
      svg("text", { class: "emdviz-tick", x: left - 0.5 * unit, y: y + 0.3 * unit }, String(tick)),
    ];
  });
  const turned = `translate(${0.9 * unit} ${start + height / 2}) rotate(-90)`;
  return [...lines, svg("text", { class: "emdviz-axis", transform: turned }, name)];
}

/** What is said below columns that had to be drawn evenly, as a list of elements. */
export function drawNotToScale({ left, right, unit, height, toScale }) {
  const note = { class: "emdviz-axis", x: (left + right) / 2, y: height - 0.55 * unit };
  return toScale ? [] : [svg("text", note, "columns drawn evenly, not to scale")];
}
