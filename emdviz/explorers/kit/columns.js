// Where the columns of ordered classes stand, with their names below them and an axis at their left.

import { set, shorten, svg, write } from "./dom.js";

/**
 * Place a column for every class between the left and the right end of an axis.
 *
 * `x` holds the positions of the classes, `measure` the width of a text; `left` is the room for
 * what stands left of the axis, in units of the text size.
 */
export function placeColumns({ width, unit, classes, x, measure, left: room = 3.4 }) {
  const left = room * unit;
  const right = Math.max(width - 0.6 * unit, left + 40);
  const { centres, slot, toScale } = spread({ left, right, unit, x });
  const between = (i) => centres[i + 1] - centres[i]; // NaN before the first and after the last
  return {
    unit, left, right, centres, slot, toScale, between,
    labels: layLabels({ classes, slot, unit, centre: centres[0], measure }),
    bar: Math.min(0.7 * slot, 5 * unit),
    /** Whether numbers fit side by side, class by class. */
    showValue: centres.map((_, i) => {
      const near = [between(i - 1), between(i)].filter((distance) => distance > 0);
      return Math.min(...near) > numberRoom(measure, unit);
    }),
    edges: centres.map((centre, i) => [
      i ? centre - between(i - 1) / 2 : left,
      i + 1 < centres.length ? centre + between(i) / 2 : right,
    ]),
  };
}

export const numberRoom = (measure, unit) => measure("0.00") + 0.4 * unit;

/** Columns stand at their positions, unless that would squeeze their names into each other. */
function spread({ left, right, unit, x }) {
  const pad = (right - left) / (2 * x.length);
  const scale = (right - left - 2 * pad) / (x[x.length - 1] - x[0]);
  const widths = x.slice(1).map((value, i) => (value - x[i]) * scale);
  const narrowest = Math.min(...widths);
  const toScale = narrowest > 1.25 * unit || narrowest > 0.999 * Math.max(...widths);
  const centres = x.map((value, i) =>
    toScale ? left + pad + scale * (value - x[0]) : left + pad * (2 * i + 1),
  );
  return { centres, toScale, slot: toScale ? narrowest : 2 * pad };
}

/** Class names lie flat where they fit, else they lean, else they stand. */
function layLabels({ classes, slot, unit, centre, measure }) {
  const widest = Math.max(...classes.map(measure));
  if (widest <= slot - 0.4 * unit) return { angle: 0, height: 1.5 * unit, texts: classes };
  const longest = Math.min(widest, 9 * unit);
  const radians = (40 * Math.PI) / 180;
  const texts = classes.map((name) => shorten(name, longest, measure));
  const leans = longest * Math.cos(radians) < centre && slot > 1.7 * unit;
  const angle = leans ? 40 : 90;
  const height = leans ? longest * Math.sin(radians) + 1.2 * unit : longest + 0.6 * unit;
  return { angle, height, texts };
}

/** Write the name of class i with its upper edge at y, and return its element. */
export function placeLabel(text, { centres, labels, unit }, i, y) {
  if (labels.angle) {
    const shift = labels.angle === 90 ? 0.33 * unit : 0.25 * unit;
    const start = `translate(${centres[i] + shift} ${y + 0.5 * unit}) rotate(${-labels.angle})`;
    set(text, { x: 0, y: 0, transform: start, "text-anchor": "end" });
  } else {
    set(text, { x: centres[i], y: y + unit, transform: null, "text-anchor": "middle" });
  }
  write(text, labels.texts[i]);
  return text;
}

/** Keep a short text around x inside the drawing. */
export const clampText = (x, { left, right, unit }) =>
  Math.min(Math.max(x, left + unit), right - unit);

const PROBABILITIES = [[0, "0"], [0.5, "0.5"], [1, "1"]];

/**
 * The elements of an axis that `at` maps to pixels, with `ticks`, each a value and its text. It has a
 * `name` where there is room in its `height` from `start` on.
 */
export function drawAxis({ left, right, unit }, { at, ticks = PROBABILITIES, name = "", start, height }) {
  const lines = ticks.flatMap(([value, text]) => {
    const y = at(value);
    return [
      svg("line", { class: "emdviz-grid", x1: left, x2: right, y1: y, y2: y }),
      svg("text", { class: "emdviz-tick", x: left - 0.5 * unit, y: y + 0.3 * unit }, text),
    ];
  });
  if (!name || name.length * 0.48 * unit > height + unit) return lines;
  const turned = `translate(${0.9 * unit} ${start + height / 2}) rotate(-90)`;
  return [...lines, svg("text", { class: "emdviz-axis", transform: turned }, name)];
}

/** What is said below columns that had to be drawn evenly, as a list of elements. */
export function drawNotToScale({ left, right, unit, height, toScale }) {
  const note = { class: "emdviz-axis", x: (left + right) / 2, y: height - 0.55 * unit };
  return toScale ? [] : [svg("text", note, "columns drawn evenly, not to scale")];
}
