// One distribution: its bars, if wished below them the steps of its CDF against the target's, and the
// titled panel in which they can be moved.

import { makeBarsMovable } from "./actions.js";
import { createBars } from "./bars.js";
import { drawAxis, drawNotToScale, numberRoom, placeColumns } from "./columns.js";
import { createPanel } from "./controls.js";
import { html, ruler, set, svg } from "./dom.js";
import { createSteps, nameGaps } from "./cdf_steps.js";
import { oneHot } from "./distributions.js";

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

function drawBackground(place, withSteps) {
  const parts = drawAxis(place, { at: place.y, start: place.top, height: place.bars, name: "probability" });
  if (withSteps) {
    const { step: at, stepsTop: start, steps: height } = place;
    parts.push(...drawAxis(place, { at, start, height, name: "cumulative" }), ...nameGaps(place));
  }
  return [...parts, ...drawNotToScale(place)];
}

/**
 * Make a panel whose bars move the trait `list`; call `resize` and then `update`.
 *
 * `kind` names its colour, `menu` stands beside its title and `below` under its bars; `act` is what
 * `createActions` gave. Without `withSteps` there are bars alone, `tall` times as high as usual;
 * `mayChoose` says whether a class name can be clicked, and `marked` whether a true class may be
 * marked above its bar.
 */
export function createBarPanel({
  kind, letter, title, list, menu, model, root, act, below = [],
  withSteps = true, tall = 1, mayChoose = true, marked = true,
}) {
  const classes = model.get("classes");
  const background = svg("g", { "aria-hidden": "true" });
  const bars = createBars({ owner: title, classes, mayChoose });
  const steps = withSteps && createSteps({ letter, count: classes.length });
  const chart = svg("svg", { class: "emdviz-chart", role: "group" }, background, bars.node);
  if (steps) chart.append(steps.node);
  const frame = html("div", { class: "emdviz-frame" }, chart);
  let place = null;
  makeBarsMovable({ bars: bars.bars, worth: (pixels) => pixels / place.bars }, { model, list, act });

  return {
    node: createPanel({ kind, title, letter, menu }, html("div", { class: "emdviz-beside" }, frame, ...below)),
    resize(unit, x, taller) {
      const width = frame.clientWidth;
      const measure = ruler(root, 0.92 * unit);
      place = layout({ width, unit, classes, x, measure, withSteps, tall: tall * taller, marked });
      set(chart, { width, height: place.height, viewBox: `0 0 ${width} ${place.height}` });
      background.replaceChildren(...drawBackground(place, withSteps));
      bars.resize(place);
      if (steps) steps.resize(place);
    },
    /** Show the distribution and its pins, and the true class if there is one. */
    update(state, target = -1) {
      const p = state[list];
      bars.update(place, p, { target, pinned: state[`pinned_${list}`] });
      if (steps) steps.update(place, p, oneHot(target, p.length));
    },
  };
}
