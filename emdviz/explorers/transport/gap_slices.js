// The two CDFs of what a plan moves. The plan cuts the gap between them into slices, one for each
// way: as high as the mass that goes there, and as wide as the way is long.

import { drawAxis, drawNotToScale, numberRoom, placeColumns, placeLabel } from "../kit/columns.js";
import { ruler, set, svg } from "../kit/dom.js";
import { createSteps, nameGaps } from "../kit/cdf_steps.js";

function placeSlices({ width, unit, classes, x, tall, measure }) {
  const columns = placeColumns({ width, unit, classes, x, measure });
  const { between, centres, labels, toScale } = columns;
  const steps = tall * Math.min(Math.max(0.5 * width, 14 * unit), 26 * unit);
  const top = 1.9 * unit;
  const showGap = centres.map((_, i) => toScale && between(i) > numberRoom(measure, unit));
  const foot = top + steps + 1.5 * unit;
  const labelTop = foot + 0.4 * unit;
  const height = labelTop + labels.height + (toScale ? 0.4 : 2) * unit;
  return { ...columns, top, steps, showGap, foot, labelTop, height, step: (u) => top + steps * (1 - u) };
}

/** Make the drawing; call `resize` and then `update`. */
export function createSlices({ classes, root }) {
  const background = svg("g", { "aria-hidden": "true" });
  const steps = createSteps({ letter: "p", truth: "t", count: classes.length });
  const cuts = svg("path", { class: "emdviz-cuts" });
  const slice = svg("rect", { class: "emdviz-slice", visibility: "hidden" });
  const picture = svg("g", { "aria-hidden": "true" }, steps.node, cuts, slice);
  const node = svg("svg", { class: "emdviz-chart", role: "img", "aria-label": "Gap between the CDFs" });
  node.append(background, picture);
  let place = null;
  let corners = () => null;

  return {
    node,
    resize(width, unit, x, tall) {
      place = placeSlices({ width, unit, classes, x, tall, measure: ruler(root, 0.92 * unit) });
      set(node, { width, height: place.height, viewBox: `0 0 ${width} ${place.height}` });
      background.replaceChildren(...drawGround(place, classes));
      steps.resize(place);
    },
    update({ plan, leaves, arrives }) {
      steps.update(place, leaves, arrives);
      const { centres, step } = place;
      const between = ({ i, j }) => [Math.min(i, j), Math.max(i, j)].map((k) => centres[k]);
      corners = (way) => [...between(way), step(way.level + way.mass), step(way.level)];
      const outline = (way) => {
        const [a, b, y, z] = corners(way);
        return `M${a} ${z}H${b}V${y}H${a}Z`;
      };
      set(cuts, { d: plan.filter(({ i, j }) => i !== j).map(outline).join("") });
    },
    /** Light up the slice of one way of the plan, or none. */
    mark(way) {
      set(slice, { visibility: way ? null : "hidden" });
      if (!way) return;
      const [a, b, y, z] = corners(way);
      set(slice, { x: a, width: b - a, y, height: z - y });
      set(slice, { "data-from": way.i, "data-to": way.j });
    },
  };
}

function drawGround(place, classes) {
  const { top, steps, labelTop } = place;
  const labels = classes.map((_, i) => placeLabel(svg("text", { class: "emdviz-class-name" }), place, i, labelTop));
  return [
    ...drawAxis(place, { at: place.step, start: top, height: steps, name: "cumulative" }),
    ...labels,
    ...drawNotToScale(place),
    ...nameGaps(place),
  ];
}
