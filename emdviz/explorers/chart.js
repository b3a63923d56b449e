// Draws one prediction: bars, and below them the steps of its CDF against the truth's.
// Elements are made once; a changed prediction only moves them.

import { formatProbability, ruler, set, shorten, svg, write } from "./common.js";
import { cdfGaps, cumulative } from "./ordinal.js";

const TICKS = [0, 0.5, 1];
const PIN = "M-3.5 -9h7l-1 1v3l2.5 2.5h-4.3v4.5h-1.4v-4.5h-4.3l2.5 -2.5v-3z";

/** Where everything lies, for a width in pixels and a text size. */
export function layout({ width, unit, classes, x, measure }) {
  const left = 3.4 * unit;
  const right = Math.max(width - 0.6 * unit, left + 40);
  const { centres, slot, toScale } = placeColumns({ left, right, unit, x });
  const between = (i) => centres[i + 1] - centres[i]; // NaN before the first and after the last
  const near = (i) => [between(i - 1), between(i)].filter((distance) => distance > 0);
  const room = measure("0.00") + 0.4 * unit;
  const labels = labelLayout({ classes, slot, unit, centre: centres[0], measure });
  const bars = Math.min(Math.max(0.36 * width, 11 * unit), 19 * unit);
  const steps = 0.6 * bars;
  const top = 3 * unit;
  const labelTop = top + bars + 0.4 * unit;
  const stepsTop = labelTop + labels.height + 2.2 * unit;
  const showGap = centres.map((_, i) => toScale && between(i) > room);
  const foot = !toScale || showGap.some(Boolean) ? 2.6 * unit : 0.8 * unit;
  return {
    unit, left, right, centres, labels, top, bars, labelTop, stepsTop, steps, toScale,
    bar: Math.min(0.7 * slot, 5 * unit),
    showValue: centres.map((_, i) => Math.min(...near(i)) > room),
    showGap,
    height: stepsTop + steps + foot,
    y: (value) => top + bars * (1 - value),
    step: (value) => stepsTop + steps * (1 - value),
    edges: centres.map((centre, i) => [
      i ? centre - between(i - 1) / 2 : left,
      i + 1 < centres.length ? centre + between(i) / 2 : right,
    ]),
  };
}

/** Columns stand at their positions, unless that would squeeze their names into each other. */
function placeColumns({ left, right, unit, x }) {
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
function labelLayout({ classes, slot, unit, centre, measure }) {
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

/** Make the drawing of prediction `letter`; call `resize` and then `update`. */
export function createChart({ letter, classes, root }) {
  const background = svg("g");
  const bars = classes.map((name) => createBar(letter, name));
  const steps = createSteps(letter, classes.length);
  const node = svg("svg", { class: "emdviz-chart", role: "group" });
  node.append(background, ...bars.map((bar) => bar.node), steps.node);
  let place = null;

  return {
    node,
    bars,
    /** How much probability a movement of `pixels` is worth. */
    worth: (pixels) => pixels / place.bars,
    resize(width, unit, x) {
      place = layout({ width, unit, classes, x, measure: ruler(root, 0.92 * unit) });
      set(node, { width, height: place.height, viewBox: `0 0 ${width} ${place.height}` });
      drawBackground(background, place);
      bars.forEach((bar, i) => bar.resize(place, i));
      steps.resize(place);
    },
    update(p, k, pinned) {
      bars.forEach((bar, i) => bar.update(place, i, p[i], i === k, pinned.includes(i)));
      steps.update(place, p, k);
    },
  };
}

function drawBackground(group, place) {
  const { left, right, unit } = place;
  const parts = [];
  for (const [at, start, height, name] of [
    [place.y, place.top, place.bars, "probability"],
    [place.step, place.stepsTop, place.steps, "cumulative"],
  ]) {
    for (const tick of TICKS) {
      const y = at(tick);
      parts.push(svg("line", { class: "emdviz-grid", x1: left, x2: right, y1: y, y2: y }));
      const text = { class: "emdviz-tick", x: left - 0.5 * unit, y: y + 0.3 * unit };
      parts.push(svg("text", text, tick === 0.5 ? "0.5" : String(tick)));
    }
    const middle = start + height / 2;
    const turned = { class: "emdviz-axis", transform: `translate(${0.9 * unit} ${middle}) rotate(-90)` };
    parts.push(svg("text", turned, name));
  }
  const caption = { class: "emdviz-tick", x: left - 0.5 * unit, y: place.height - 0.55 * unit };
  if (place.showGap.some(Boolean)) parts.push(svg("text", caption, "|gap|"));
  if (!place.toScale) {
    const note = { class: "emdviz-axis", x: (left + right) / 2, y: place.height - 0.55 * unit };
    parts.push(svg("text", note, "columns drawn evenly, not to scale"));
  }
  set(group, { "aria-hidden": "true" }).replaceChildren(...parts);
}

function createBar(letter, name) {
  const hit = svg("rect", { class: "emdviz-hit" });
  const truth = svg("rect", { class: "emdviz-truth-bar" });
  const truthName = svg("text", { class: "emdviz-truth-name", "aria-hidden": "true" }, "truth");
  const column = svg("rect", { class: "emdviz-bar-fill" });
  const cap = svg("rect", { class: "emdviz-bar-cap" });
  const value = svg("text", { class: "emdviz-value", "aria-hidden": "true" });
  const pin = svg("path", { class: "emdviz-pin", d: PIN });
  const slider = svg(
    "g",
    {
      class: "emdviz-bar", role: "slider", tabindex: 0, "aria-orientation": "vertical",
      "aria-label": `Prediction ${letter}, class ${name}`, "aria-valuemin": 0, "aria-valuemax": 1,
    },
    hit, column, cap, value, pin,
  );
  const text = svg("text", { class: "emdviz-class-name" });
  const title = svg("title", {}, `Make ${name} the true class`);
  const label = svg("g", { class: "emdviz-class", "aria-hidden": "true" }, title, text);
  const node = svg("g", {}, truth, truthName, slider, label);
  let centre = 0;

  return {
    node,
    slider,
    label,
    resize(place, i) {
      const { unit, labels, labelTop, bar } = place;
      const [from, to] = place.edges[i];
      centre = place.centres[i];
      set(hit, { x: from, width: to - from, y: place.top, height: place.bars });
      set(truth, { x: centre - bar / 2 - 0.25 * unit, width: bar + 0.5 * unit });
      set(truth, { y: place.top, height: place.bars, rx: 0.2 * unit });
      set(truthName, { x: clampText(centre, place), y: place.top - 1.6 * unit });
      set(column, { x: centre - bar / 2, width: bar });
      set(cap, { x: centre - bar / 2, width: bar, height: Math.max(2, 0.18 * unit) });
      set(text, labels.angle ? slanted(centre, labelTop, unit, labels.angle) : flat(centre, labelTop, unit));
      write(text, labels.texts[i]);
    },
    update(place, i, p, isTruth, isPinned) {
      const y = place.y(p);
      set(column, { y, height: place.y(0) - y });
      set(cap, { y });
      set(value, { x: centre, y: y - 0.45 * place.unit });
      write(value, place.showValue[i] || isTruth ? formatProbability(p) : "");
      set(pin, { transform: `translate(${centre} ${pinAt(place, y)}) scale(${place.unit / 11})` });
      set(node, { class: `emdviz-column${isTruth ? " emdviz-true" : ""}${isPinned ? " emdviz-pinned" : ""}` });
      const said = [p.toFixed(2), isTruth && "true class", isPinned && "pinned"];
      set(slider, { "aria-valuenow": p.toFixed(4), "aria-valuetext": said.filter(Boolean).join(", ") });
    },
  };
}

/** At the foot of the bar, or above the number of a bar that is too low to hold a pin. */
function pinAt({ y, unit }, top) {
  return y(0) - top > 2 * unit ? y(0) - 0.6 * unit : top - 1.9 * unit;
}

const clampText = (centre, { left, right, unit }) =>
  Math.min(Math.max(centre, left + unit), right - unit);

const flat = (x, y, unit) => ({ x, y: y + unit, transform: null, "text-anchor": "middle" });

function slanted(x, y, unit, angle) {
  const shift = angle === 90 ? 0.33 * unit : 0.25 * unit;
  const start = `translate(${x + shift} ${y + 0.5 * unit}) rotate(${-angle})`;
  return { x: 0, y: 0, transform: start, "text-anchor": "end" };
}

function createSteps(letter, count) {
  const gap = svg("path", { class: "emdviz-gap" });
  const sizes = Array.from({ length: count - 1 }, () => svg("text", { class: "emdviz-gap-size" }));
  const truth = svg("path", { class: "emdviz-truth-step" });
  const own = svg("path", { class: "emdviz-own-step" });
  const truthName = svg("text", { class: "emdviz-truth-name" }, "truth");
  const ownName = svg("text", { class: "emdviz-own-name" }, letter);
  const node = svg("g", { "aria-hidden": "true" }, gap, truth, own, ...sizes, truthName, ownName);

  return {
    node,
    resize(place) {
      sizes.forEach((text, i) =>
        set(text, {
          x: (place.centres[i] + place.centres[i + 1]) / 2,
          y: place.height - 0.55 * place.unit,
        }),
      );
    },
    update(place, p, k) {
      const heights = cumulative(p);
      const differences = cdfGaps(p, k);
      const pieces = sizes.map((text, i) => {
        const size = Math.abs(differences[i]).toFixed(2);
        write(text, place.showGap[i] ? size : "");
        const [a, b] = [heights[i], heights[i] - differences[i]].map(place.step);
        return `M${place.centres[i]} ${a}H${place.centres[i + 1]}V${b}H${place.centres[i]}Z`;
      });
      set(gap, { d: pieces.join("") });
      set(own, { d: staircase(place, heights) });
      set(truth, { d: staircase(place, heights.map((_, i) => (i >= k ? 1 : 0))) });
      set(truthName, { x: clampText(place.centres[k], place), y: place.step(1) - 0.5 * place.unit });
      nameTheStep(ownName, place, heights, differences);
    },
  };
}

function staircase({ left, right, centres, step }, heights) {
  const rises = heights.map((height, i) => `H${centres[i]}V${step(height)}`);
  return `M${left} ${step(0)}${rises.join("")}H${right}`;
}

/** Put the prediction's letter beside its step where the gap is widest, outside the gap. */
function nameTheStep(text, place, heights, differences) {
  const sizes = differences.slice(0, -1).map(Math.abs);
  const i = sizes.indexOf(Math.max(...sizes));
  const above = differences[i] > 0;
  const y = place.step(heights[i]) + (above ? -0.4 : 1.05) * place.unit;
  set(text, {
    x: (place.centres[i] + place.centres[i + 1]) / 2, y,
    visibility: sizes[i] > 0.02 ? null : "hidden",
  });
}
