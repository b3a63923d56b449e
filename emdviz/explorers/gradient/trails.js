// Lines of one number per loss against the steps taken, each with its name at its end.

import { ofLoss } from "../kit/closed_forms.js";
import { ruler, set, svg, write } from "../kit/dom.js";
import { createLines } from "../kit/line_chart.js";

const TRAIL_HEIGHT = 7.4; // of the axis, in units of the text size
const DASHES = [null, "2 3", "7 3", null, "8 3 2 3"]; // line by line, as colours alone do not tell them apart

/** Make a drawing of `title` for these losses. */
export function createTrails({ losses, root }) {
  const grid = [0, 1].map(() => svg("line", { class: "emdviz-grid" }));
  const ticks = ["0", "1"].map((text) => svg("text", { class: "emdviz-tick" }, text));
  const ends = ["0", ""].map((text) => svg("text", { class: "emdviz-tick emdviz-step" }, text));
  const axis = svg("text", { class: "emdviz-axis" }, "steps");
  const lines = createLines(losses.map((loss, i) => ({ of: ofLoss(loss), dash: DASHES[i % DASHES.length] })));
  const node = svg("svg", { class: "emdviz-chart", role: "img" }, ...grid, ...ticks, ...ends, axis);
  node.append(...lines.nodes);
  let place = null;

  return {
    node,
    resize(width, unit, labels) {
      const measure = ruler(root, 0.92 * unit);
      const left = 2 * unit;
      const right = width - Math.max(...labels.map(measure)) - 1.9 * unit;
      const [top, height] = [0.8 * unit, TRAIL_HEIGHT * unit];
      place = { unit, left, right, top, bottom: top + height, height };
      const whole = place.bottom + 1.5 * unit;
      set(node, { width, height: whole, viewBox: `0 0 ${width} ${whole}` });
      ends.forEach((text, i) => set(text, { x: i ? right : left, y: place.bottom + 1.15 * unit }));
      set(axis, { x: (left + right) / 2, y: place.bottom + 1.15 * unit });
      set(axis, { visibility: right - left > measure("00 steps 000") ? null : "hidden" });
    },
    /** Show a list of numbers, one per step from 0 on, for every loss. */
    update(lists, labels, words) {
      const { unit, left, right, top, bottom, height } = place;
      const steps = lists[0].length - 1;
      const greatest = Math.max(1, ...lists.flat());
      const x = (step) => left + ((right - left) * step) / Math.max(10, steps);
      const y = (value) => bottom - (height * value) / greatest;
      [0, 1].forEach((tick, i) => {
        set(grid[i], { x1: left, x2: right, y1: y(tick), y2: y(tick) });
        set(ticks[i], { x: left - 0.5 * unit, y: y(tick) + 0.3 * unit });
      });
      write(ends[1], String(Math.max(10, steps)));
      const places = lists.map((list) => list.map((value, step) => [x(step), y(value)]));
      lines.update({ places, dots: places.map((list) => list[steps]), labels, unit, top, bottom });
      set(node, { "aria-label": words });
    },
  };
}
