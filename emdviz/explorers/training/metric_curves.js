// Curves of a metric over the epochs, one per loss, each with its name at its end.

import { ofLoss } from "../kit/closed_forms.js";
import { ruler, set, svg } from "../kit/dom.js";
import { createLines } from "../kit/line_chart.js";

const CURVE_HEIGHT = 13; // of the axis, in units of the text size

/** Write a number of a metric; there may be none. */
export const formatMetric = (value, unit) => value?.toFixed(unit === "%" ? 1 : 3) ?? "–";

/** About four round numbers around all values, a tenth of the greatest apart at least. */
function niceTicks(values) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const room = Math.max(0, 0.1 * (Math.max(Math.abs(least), Math.abs(most)) || 1) - (most - least));
  const low = least < 0 ? least - room / 2 : Math.max(0, least - room / 2);
  const high = most + room / 2;
  const span = high - low;
  const power = 10 ** Math.floor(Math.log10(span / 3));
  const step = power * [1, 2, 5, 10].find((factor) => span / (factor * power) <= 4);
  const from = Math.floor(low / step + 1e-9);
  const to = Math.max(Math.ceil(high / step - 1e-9), from + 1);
  return Array.from({ length: to - from + 1 }, (_, i) => Number(((from + i) * step).toPrecision(10)));
}

/** Some of the whole numbers from 1 to `count`, both ends among them. */
function epochTicks(count, most) {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((s) => count / s <= most) ?? count;
  const ticks = [1];
  for (let n = step; n < count; n += step) if (n > 1 && count - n >= step / 2) ticks.push(n);
  return count > 1 ? [...ticks, count] : ticks;
}

/** Make the drawing for `count` epochs; a marker stands at one of them if `marked`. */
export function createCurves({ losses, count, root, marked }) {
  const axis = svg("g", {});
  const marker = svg("line", { class: "emdviz-marker" });
  const curves = createLines(losses.map((loss) => ({ of: ofLoss(loss), dotted: true })));
  const node = svg("svg", { class: "emdviz-chart", role: "img" }, axis);
  if (marked) node.append(marker);
  node.append(...curves.nodes);
  let place = null;
  let axes = ""; // what the axes were drawn for

  function drawAxes(ticks, named, y) {
    if (axes === `${named} ${ticks}`) return;
    axes = `${named} ${ticks}`;
    const { unit, left, right, top, bottom, x } = place;
    const epochs = epochTicks(count, Math.max(2, (right - left) / (2.5 * unit)));
    const words = (name, at, text) => svg("text", { class: `emdviz-${name}`, ...at }, String(text));
    axis.replaceChildren(
      ...ticks.flatMap((tick) => [
        svg("line", { class: "emdviz-grid", x1: left, x2: right, y1: y(tick), y2: y(tick) }),
        words("tick", { x: left - 0.5 * unit, y: y(tick) + 0.3 * unit }, tick),
      ]),
      ...epochs.map((n) => words("axis", { x: x(n), y: bottom + 1.3 * unit }, n)),
      words("axis", { x: (left + right) / 2, y: bottom + 2.6 * unit }, "epoch"),
      words("curve-title", { x: 0, y: top - 1.1 * unit }, named),
    );
  }

  return {
    node,
    resize(width, unit) {
      const measure = ruler(root, 0.92 * unit);
      const names = Math.max(...losses.map(({ label }) => measure(`${label} −0.000`)));
      const [left, top] = [3.2 * unit, 2.2 * unit];
      const right = Math.max(width - names - 1.9 * unit, left + 3 * unit);
      const bottom = top + CURVE_HEIGHT * unit;
      const x = (n) => (count > 1 ? left + ((right - left) * (n - 1)) / (count - 1) : (left + right) / 2);
      place = { unit, left, right, top, bottom, x };
      axes = "";
      const height = bottom + 3.1 * unit;
      set(node, { width, height, viewBox: `0 0 ${width} ${height}` });
      set(marker, { y1: top, y2: bottom });
    },
    /**
     * Show lists of numbers, null where there is none, one list per loss and one number per
     * epoch; `named` is the title, `unit` that of the metric, `at` the epoch that is marked.
     */
    update(lists, { named, unit: measured, at }) {
      const { unit, top, bottom, x } = place;
      const values = lists.flat().filter((value) => value !== null);
      const ticks = values.length ? niceTicks(values) : [0, 1];
      const [low, high] = [ticks[0], ticks.at(-1)];
      const y = (value) => bottom - ((bottom - top) * (value - low)) / (high - low);
      drawAxes(ticks, named, y);
      const points = lists.map((list) =>
        list.map((value, i) => [i + 1, value]).filter(([, value]) => value !== null),
      );
      const chosen = points.map((list) => (marked ? list.find(([n]) => n === at) : list.at(-1)));
      const placed = ([n, value]) => [x(n), y(value)];
      const labels = losses.map(({ label }, i) => `${label} ${formatMetric(chosen[i]?.[1], measured)}`);
      curves.update({
        places: points.map((list) => list.map(placed)),
        dots: chosen.map((point) => point && placed(point)),
        labels, unit, top, bottom,
      });
      set(marker, { x1: x(at), x2: x(at) });
      set(node, { "aria-label": `${named} after epoch ${at}: ${labels.join(", ")}` });
    },
  };
}

/** What the curves of a metric are called, and its unit. */
export const nameMetric = (name, { unit, higher }) => ({
  unit,
  named: `${name}${unit ? ` (${unit})` : ""}: ${higher ? "higher" : "lower"} is better`,
});

/** A list per loss of a metric's numbers; `epochs` is a list per loss of its epochs. */
export const metricLists = (epochs, metric) =>
  epochs.map((done) => done.map(({ metrics }) => metrics[metric] ?? null));
