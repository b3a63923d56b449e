// A chart of lines: its axes, and for each line a dot and its name at its end.

import { drawAxis } from "./columns.js";
import { ruler, set, shorten, svg, wholePixel, write } from "./dom.js";

const APART = 1.1; // the least distance of two names, in units of the text size
const NAMES = 0.45; // the greatest share of the width that names may take

/**
 * Make a chart; call `resize` and then `update`.
 *
 * Each of `series` has a `label`, the attributes `of` of its element, the class `kind` of its path,
 * its dashes `dash`, and `dotted` if every point is marked. `size` holds, in units of the text
 * size, what is `left` of the axes, `top` above and `foot` below them, their `height`, and how far
 * below them the name of the lower axis is. `marks` are elements between the axes and the lines.
 */
export function createLineChart({ series, root, size, marks = [] }) {
  const axes = svg("g");
  const lines = series.map(createLine);
  const node = svg("svg", { class: "emdviz-chart", role: "img" }, axes, ...marks);
  node.append(...lines.map((line) => line.node));
  let place = null;
  let drawn = ""; // what the axes were drawn for

  function drawAxes({ up, along }, x, y) {
    const { unit, left, right, top, bottom, measure } = place;
    const words = (at, text) => svg("text", { class: "emdviz-axis", ...at }, text);
    const middle = { x: (left + right) / 2, y: bottom + size.name * unit };
    const fits = size.name > size.tick || right - left > measure(`00 ${along.name} 000`);
    axes.replaceChildren(
      ...drawAxis(place, { at: y, ticks: up.ticks }),
      ...along.ticks.flatMap((value) => [
        along.grid ? svg("line", { class: "emdviz-grid", x1: x(value), x2: x(value), y1: top, y2: bottom }) : "",
        words({ x: x(value), y: bottom + size.tick * unit }, String(value)),
      ]),
      along.name && fits ? words(middle, along.name) : "",
    );
  }

  return {
    node,
    /**
     * Return where the axes lie; `value` is the widest text that follows a label, and `besides` are
     * other texts that would have to fit where the names are.
     */
    resize(width, unit, { labels = series.map(({ label }) => label), value = "", besides = [], tall = 1 } = {}) {
      const measure = ruler(root, 0.92 * unit);
      const left = size.left * unit;
      const room = Math.max(NAMES * width - measure(value), 3 * unit);
      const names = labels.map((label) => shorten(label, room, measure));
      const widest = Math.max(...[...names, ...besides].map((name) => measure(name + value)));
      const right = Math.max(width - widest - 1.9 * unit, left + 3 * unit);
      const top = size.top * unit;
      // names need their room, however low the rest is
      const bottom = top + Math.max(tall * size.height, Math.min(APART * series.length, size.height)) * unit;
      const height = bottom + size.foot * unit;
      place = { unit, left, right, top, bottom, measure, names };
      drawn = "";
      set(node, { width, height, viewBox: `0 0 ${width} ${height}` });
      return place;
    },
    /**
     * Draw a list of points [a, b] for each line, and a dot at one point or at null.
     *
     * `up` and `along` tell of either axis where a value is, as a share of its length, and its
     * ticks. `values` are the texts that follow the labels; a line without one has no name. Names
     * that are `parked` stand at the right, as a legend does, and not where the lines end.
     */
    update({ up, along, points, dots, values = series.map(() => ""), words, parked = false }) {
      const { unit, left, right, top, bottom, names } = place;
      const x = (value) => left + (right - left) * along.at(value);
      const y = (value) => bottom - (bottom - top) * up.at(value);
      const asked = JSON.stringify([up.ticks.map(([value, text]) => [y(value), text]), along.ticks]);
      if (asked !== drawn) drawAxes({ up, along }, x, y);
      drawn = asked;
      const placed = (point) => point && [x(point[0]), y(point[1])];
      const named = series.flatMap((_, i) => (values[i] !== null && points[i].length ? [i] : []));
      const ends = points.map((list, i) => {
        if (parked && list.length) return [right, top + (named.indexOf(i) + 0.5) * APART * unit];
        return placed(list.at(-1));
      });
      const heights = spreadOut(named.map((i) => ends[i][1]), APART * unit, top, bottom);
      lines.forEach((line, i) => {
        const height = heights[named.indexOf(i)];
        line.update(points[i].map(placed), placed(dots[i]), unit);
        line.name(`${names[i]}${values[i]}`, height === undefined ? null : ends[i], height, unit);
      });
      set(node, { "aria-label": words });
      return { x, y };
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
