// A small picture of the prediction that a loss rewards most, before the outline of the truth.

import { placeColumns, placeLabel } from "../kit/columns.js";
import { ruler, set, svg } from "../kit/dom.js";

/**
 * Make the picture for these classes; call `resize` and then `update`.
 *
 * It shows a prediction as bars, or one number as a needle.
 */
export function createOutcome({ classes, root }) {
  const line = svg("line", { class: "emdviz-grid" });
  const make = (kind) => classes.map(() => svg("rect", { class: kind }));
  const bars = make("emdviz-bar-fill");
  const outlines = make("emdviz-outline");
  const names = classes.map(() => svg("text", { class: "emdviz-class-name" }));
  const needle = svg("path", { class: "emdviz-needle" });
  const letter = svg("text", { class: "emdviz-truth-name" }, "t");
  const parts = [line, ...bars, ...outlines, ...names, needle, letter];
  const node = svg("svg", { class: "emdviz-chart", "aria-hidden": "true" }, ...parts);
  let place = null;
  let x = null;

  /** Where a number lies between the columns. */
  function across(value) {
    const i = Math.max(1, x.findIndex((right) => right >= value));
    const share = (value - x[i - 1]) / (x[i] - x[i - 1]);
    return place.centres[i - 1] + share * place.between(i - 1);
  }

  return {
    node,
    resize(width, unit, positions, tall = 1, named = true) {
      x = positions;
      const measure = ruler(root, 0.92 * unit);
      const columns = placeColumns({ width, unit, classes, x, measure, left: 1.6 });
      const top = 1.5 * unit;
      const high = 7 * tall * unit;
      const foot = top + high;
      place = { ...columns, top, foot, y: (value) => foot - high * value };
      const height = foot + 0.4 * unit + (named ? columns.labels.height : 0);
      set(node, { width, height, viewBox: `0 0 ${width} ${height}` });
      set(line, { x1: columns.left, x2: columns.right, y1: foot, y2: foot });
      for (const rects of [bars, outlines]) {
        rects.forEach((rect, i) =>
          set(rect, { x: place.centres[i] - place.bar / 2, width: place.bar }),
        );
      }
      // where columns are narrower than letters are high, some names stand for all
      const every = Math.ceil((1.15 * unit) / columns.slot);
      names.forEach((text, i) => {
        placeLabel(text, place, i, foot + 0.3 * unit);
        set(text, { visibility: i % every || !named ? "hidden" : null });
      });
    },
    /** Show the truth t and the prediction p, or where p is null the number `mean`. */
    update(t, p, mean) {
      const { unit, foot, top, y, centres } = place;
      const raise = (rect, value) => set(rect, { y: y(value), height: foot - y(value) });
      t.forEach((value, i) => {
        raise(outlines[i], value);
        raise(bars[i], p ? p[i] : 0);
      });
      const at = across(mean);
      const tip = 0.55 * unit;
      const head = `M${at} ${foot}l${-tip} ${-1.6 * tip}h${2 * tip}Z`;
      set(needle, { d: p ? "" : `M${at} ${foot}V${top}${head}` });
      const free = (i) => (p ? p[i] < t[i] : Math.abs(centres[i] - at) > unit);
      const highest = t.reduce((best, value, i) => (free(i) && value > (t[best] ?? 0) ? i : best), -1);
      set(letter, { visibility: highest < 0 ? "hidden" : null });
      if (highest >= 0) set(letter, { x: centres[highest], y: y(t[highest]) - 0.4 * unit });
    },
  };
}
