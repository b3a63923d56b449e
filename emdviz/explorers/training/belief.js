// What one network believes of one image: a bar per class, or a mark where it only names a class.

import { drawAxis, placeColumns, placeLabel } from "../kit/columns.js";
import { formatProbability, ruler, set, svg, write } from "../kit/dom.js";

/**
 * Make the drawing; with axis and numbers if it is `large`, and then with the names of the classes
 * if it is `named`.
 */
export function createBelief({ classes, root, large, named = false }) {
  const band = svg("rect", { class: "emdviz-label-band" });
  const axis = svg("g", {});
  const foot = svg("line", { class: "emdviz-grid" });
  const bars = classes.map(() => svg("rect", { class: "emdviz-bar-fill" }));
  const truth = svg("path", { class: "emdviz-truth-line" });
  const mark = svg("path", { class: "emdviz-class-mark" });
  const values = large ? classes.map(() => svg("text", { class: "emdviz-value" })) : [];
  const names = named ? classes.map(() => svg("text", { class: "emdviz-class-name" })) : [];
  const none = svg("text", { class: "emdviz-axis" });
  const node = svg("svg", { class: "emdviz-chart", role: "img" }, band, axis, foot, ...bars, truth, mark);
  node.append(...values, ...names, none);
  let place = null;

  return {
    node,
    resize(width, unit, tall = 1) {
      const measure = ruler(root, 0.92 * unit);
      const x = classes.map((_, i) => i);
      const columns = placeColumns({ width, unit, classes, x, measure, left: large ? 2.6 : 0.6 });
      const top = (large ? 1.5 : 0.3) * unit;
      const bottom = top + tall * (large ? 5 : 2.2) * unit;
      const height = bottom + (named ? columns.labels.height + 0.3 * unit : large ? 0.7 * unit : 1);
      place = { ...columns, top, bottom, y: (p) => bottom - (bottom - top) * p };
      set(node, { width, height, viewBox: `0 0 ${width} ${height}` });
      set(foot, { x1: columns.left, x2: columns.right, y1: bottom, y2: bottom });
      if (large) axis.replaceChildren(...drawAxis(place, { at: place.y }));
      names.forEach((text, i) => placeLabel(text, place, i, bottom));
      set(none, { x: (columns.left + columns.right) / 2, y: (top + bottom) / 2 + 0.3 * unit });
    },
    /** Show `belief`, {p, k} or null; `label` is a class or null, `known` the true distribution or null. */
    update(belief, { label, known, who, why = "" }) {
      const { centres, edges, bar, top, bottom, y, unit, showValue } = place;
      const p = belief?.p ?? null;
      bars.forEach((rect, i) => {
        const value = p ? p[i] : 0;
        set(rect, { x: centres[i] - bar / 2, width: bar, y: y(value), height: bottom - y(value) });
      });
      values.forEach((text, i) => {
        set(text, { x: centres[i], y: y(p ? p[i] : 0) - 0.4 * unit });
        write(text, p && showValue[i] ? formatProbability(p[i]) : "");
      });
      names.forEach((text, i) => set(text, { "font-weight": i === label ? 700 : null }));
      set(band, { visibility: label === null ? "hidden" : null });
      if (label !== null) {
        const [from, to] = edges[label];
        set(band, { x: from, width: to - from, y: top, height: bottom - top });
      }
      const steps = known?.map((value, i) => `${edges[i][0]} ${y(value)}H${edges[i][1]}`);
      set(truth, { d: steps ? `M${steps.join("L")}` : null });
      const only = belief && !p;
      set(mark, { d: only ? diamond(centres[belief.k], (top + bottom) / 2, bottom, unit) : null });
      write(none, belief || !large ? "" : why);
      set(node, { "aria-label": inWords(belief, { classes, who, why }) });
    },
  };
}

/** A diamond on a stem. */
function diamond(x, y, foot, unit) {
  const r = 0.6 * unit;
  return `M${x} ${foot}V${y}M${x - r} ${y}L${x} ${y - r}L${x + r} ${y}L${x} ${y + r}Z`;
}

export function inWords(belief, { classes, who, why }) {
  if (!belief) return `${who}: ${why}`;
  if (!belief.p) return `${who} predicts ${classes[belief.k]}, without probabilities`;
  const parts = classes.map((name, i) => `${name} ${formatProbability(belief.p[i])}`);
  return `${who}: ${parts.join(", ")}`;
}

/** What a network's prediction of all probe images, or undefined, says of image i. */
export const beliefOf = (prediction, i) =>
  prediction ? { k: prediction.classes[i], p: prediction.p ? prediction.p[i] : null } : null;

/** What the label of image i and, where it is known, its true distribution are. */
export const targetOf = ({ labels, truth }, i) => ({
  label: labels ? labels[i] : null,
  known: truth ? truth[i] : null,
});

/** Say what the marks in the drawings are; `predictions` holds those of each loss, if there are. */
export function describeMarks({ labels, truth }, losses, predictions) {
  const marks = ["Bars: the predicted distribution."];
  const only = losses.filter((_, i) => predictions[i] && !predictions[i].p);
  if (only.length) {
    const named = only.map(({ label }) => label).join(" and ");
    marks.push(`Diamond: ${named} predict${only.length > 1 ? "" : "s"} a class only.`);
  }
  if (labels) marks.push("Green band: the label.");
  if (truth) marks.push("Green line: the true distribution.");
  return marks.join(" ");
}

/** How wide a column of the names of losses is, of `width` pixels in all. */
export const nameColumn = (losses, { root, unit, width }) => {
  const measure = ruler(root, unit);
  return Math.ceil(Math.min(Math.max(...losses.map(({ label }) => measure(label))) + 0.4 * unit, 0.36 * width));
};
