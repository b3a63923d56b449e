// The lines of a chart, each with a dot and with its name at its end.

import { set, svg, wholePixel, write } from "./dom.js";

const APART = 1.2; // the least distance of two names, in units of the text size

/**
 * Make a line for each of `series`: `of` are the attributes of its element, `kind` the class of its
 * path, `dash` its dashes, and `dotted` says whether every point is marked.
 */
export function createLines(series) {
  const lines = series.map(createLine);
  return {
    nodes: lines.map((line) => line.node),
    /**
     * Draw a list of places [x, y] for each line, a dot at one place or null, and its label, none
     * if empty; names lie between `top` and `bottom`.
     */
    update({ places, dots, labels, unit, top, bottom }) {
      const ends = places.map((list, i) => (labels[i] ? list.at(-1) : undefined));
      const named = ends.flatMap((end, i) => (end ? [i] : []));
      const heights = spreadOut(named.map((i) => ends[i][1]), APART * unit, top, bottom);
      lines.forEach((line, i) => {
        line.update(places[i], dots[i], unit);
        line.name(labels[i], ends[i], heights[named.indexOf(i)], unit);
      });
    },
  };
}

function createLine({ of, kind = "emdviz-curve", dash = null, dotted = false }) {
  const line = svg("path", { class: kind, "stroke-dasharray": dash });
  const dots = svg("path", { class: "emdviz-curve-dots" });
  const dot = svg("circle", { class: "emdviz-curve-end" });
  const lead = svg("path", { class: "emdviz-curve-lead" });
  const text = svg("text", { class: "emdviz-curve-name" });
  return {
    node: svg("g", of, lead, line, dots, dot, text),
    update(places, at, unit) {
      const spots = places.map(([x, y]) => `${x} ${y}`);
      set(line, { d: spots.length ? `M${spots.join("L")}` : null });
      if (dotted) set(dots, { d: spots.length ? spots.map((spot) => `M${spot}h0`).join("") : null });
      set(dot, { visibility: at ? null : "hidden", r: 0.32 * unit });
      if (at) set(dot, { cx: at[0], cy: at[1] });
    },
    name(label, end, height, unit) {
      write(text, end ? label : "");
      set(lead, { d: end ? `M${end[0] + 0.5 * unit} ${end[1]}L${end[0] + 1.1 * unit} ${height}` : null });
      if (end) set(text, { x: end[0] + 1.35 * unit, y: wholePixel(height + 0.3 * unit) });
    },
  };
}

/** Move heights as little as it takes for them to lie `apart`, between `top` and `bottom`. */
function spreadOut(heights, apart, top, bottom) {
  const order = heights.map((_, i) => i).sort((a, b) => heights[a] - heights[b] || a - b);
  const placed = [...heights];
  let least = top;
  for (const i of order) {
    placed[i] = Math.max(placed[i], least);
    least = placed[i] + apart;
  }
  let most = bottom;
  for (const i of order.reverse()) {
    placed[i] = Math.min(placed[i], most);
    most = placed[i] - apart;
  }
  return placed;
}
