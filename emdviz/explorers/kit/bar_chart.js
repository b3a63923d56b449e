// One distribution: its bars, if wished below them the steps of its CDF against the target's, and the
// titled panel in which they can be moved.

import { makeBarsMovable } from "./actions.js";
import { createBars } from "./bars.js";
import { drawAxis, drawNotToScale, numberRoom, placeColumns } from "./columns.js";
import { createPanel } from "./controls.js";
import { html, ruler, set, svg } from "./dom.js";
import { createSteps } from "./cdf_steps.js";

/** Where everything lies, for a width in pixels and a text size. */
function layout({ width, unit, classes, x, measure, withSteps, tall, marked }) {
  const columns = placeColumns({ width, unit, classes, x, measure });
  const { between, centres, labels, toScale } = columns;
  const bars = tall * Math.min(Math.max(0.36 * width, 11 * unit), 19 * unit);
  const top = (marked ? 3 : 1.7) * unit;
  const labelTop = top + bars + 0.4 * unit;
  const place = { ...columns, top, bars, labelTop, y: (value) => top + bars * (1 - value) };
  const labelEnd = labelTop + labels.height;
  if (!withSteps) return { ...place, height: labelEnd + (toScale ? 0.4 : 2) * unit };
  const steps = 0.6 * bars;
  const stepsTop = labelEnd + 2.2 * unit;
  const room = numberRoom(measure, unit);
  const showGap = centres.map((_, i) => toScale && between(i) > room);
  const foot = !toScale || showGap.some(Boolean) ? 2.6 * unit : 0.8 * unit;
  const height = stepsTop + steps + foot;
  return {
    ...place, steps, stepsTop, showGap, height,
    foot: height - 0.55 * unit,
    step: (value) => stepsTop + steps * (1 - value),
  };
}

/**
 * Make the drawing of the distribution called `owner`; call `resize` and then `update`.
 *
 * `letter` names its steps, `truthName` the target's; without `withSteps` there are bars alone,
 * `tall` times as high as usual; `mayChoose` says whether a class name can be clicked, and `marked`
 * whether a true class may be marked above its bar.
 */
function createChart(options) {
  const { owner, letter, truthName, classes, root, withSteps = true, tall = 1, mayChoose, marked = true } = options;
  const background = svg("g", { "aria-hidden": "true" });
  const bars = createBars({ owner, classes, truthName, mayChoose });
  const steps = withSteps && createSteps({ letter, truth: truthName, count: classes.length });
  const node = svg("svg", { class: "emdviz-chart", role: "group" }, background, bars.node);
  if (steps) node.append(steps.node);
  let place = null;

  return {
    node,
    bars: bars.bars,
    /** How much probability a movement of `pixels` is worth. */
    worth: (pixels) => pixels / place.bars,
    resize(width, unit, x, taller = 1) {
      const measure = ruler(root, 0.92 * unit);
      place = layout({ width, unit, classes, x, measure, withSteps, tall: tall * taller, marked });
      set(node, { width, height: place.height, viewBox: `0 0 ${width} ${place.height}` });
      background.replaceChildren(...drawBackground(place, withSteps));
      bars.resize(place);
      if (steps) steps.resize(place);
    },
    /** Show the distribution p; the steps also show t. */
    update(p, t, marks) {
      bars.update(place, p, marks);
      if (steps) steps.update(place, p, t);
    },
  };
}

function drawBackground(place, withSteps) {
  const { left, unit } = place;
  const last = place.height - 0.55 * unit;
  const parts = drawAxis(place, { at: place.y, start: place.top, height: place.bars, name: "probability" });
  if (withSteps) {
    const { step: at, stepsTop: start, steps: height } = place;
    parts.push(...drawAxis(place, { at, start, height, name: "cumulative" }));
    const caption = { class: "emdviz-tick", x: left - 0.5 * unit, y: last };
    if (place.showGap.some(Boolean)) parts.push(svg("text", caption, "|gap|"));
  }
  return [...parts, ...drawNotToScale(place)];
}

/**
 * Make a panel whose bars move the trait `list`; call `resize`, and then `chart.update`.
 *
 * `kind` names its colour, `menu` stands beside its title and `below` under its bars; `act` is
 * what `createActions` gave, and `options` are those of `createChart`.
 */
export function createBarPanel({ kind, letter, title, list, menu, model, root, act, below = [], options }) {
  const chart = createChart({ owner: title, letter, classes: model.get("classes"), root, ...options });
  const frame = html("div", { class: "emdviz-frame" }, chart.node);
  makeBarsMovable(chart, { model, list, act });
  return {
    node: createPanel({ kind, title, letter, menu }, html("div", { class: "emdviz-beside" }, frame, ...below)),
    chart,
    resize: (unit, x, tall) => chart.resize(frame.clientWidth, unit, x, tall),
  };
}
