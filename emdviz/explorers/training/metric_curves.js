// Curves of a metric over the epochs, one per loss.

import { ofLoss } from "../kit/closed_forms.js";
import { createMenu } from "../kit/controls.js";
import { html, set, svg, write } from "../kit/dom.js";
import { createLineChart } from "../kit/line_chart.js";
import { commit } from "../kit/sync.js";

const SIZE = { left: 3.2, top: 0.8, height: 13, foot: 3.1, tick: 1.3, name: 2.6 };

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

/** Make the drawing of `metrics` for `count` epochs; a marker stands at one of them if `marked`. */
export function createCurves({ losses, metrics, count, root, marked }) {
  const marker = svg("line", { class: "emdviz-marker" });
  const series = losses.map((loss) => ({ label: loss.label, of: ofLoss(loss), dotted: true }));
  const chart = createLineChart({ series, root, size: SIZE, marks: marked ? [marker] : [] });
  let epochs = [];

  return {
    node: chart.node,
    resize(width, unit, tall) {
      const { left, right, top, bottom } = chart.resize(width, unit, { value: " −0.000", tall });
      epochs = epochTicks(count, Math.max(2, (right - left) / (2.5 * unit)));
      set(marker, { y1: top, y2: bottom });
    },
    /** Show a metric of `done`, a list of epochs per loss; `at` is the epoch that is marked. */
    update(done, metric, at) {
      const { unit, higher } = metrics[metric];
      const points = done.map((list) =>
        list.map((epoch, i) => [i + 1, epoch.metrics[metric] ?? null]).filter(([, value]) => value !== null),
      );
      const known = points.flat().map(([, value]) => value);
      const ticks = known.length ? niceTicks(known) : [0, 1];
      const [low, high] = [ticks[0], ticks.at(-1)];
      const chosen = points.map((list) => (marked ? list.find(([n]) => n === at) : list.at(-1)));
      const values = chosen.map((point) => ` ${formatMetric(point?.[1], unit)}`);
      const said = losses.map(({ label }, i) => label + values[i]);
      const { x } = chart.update({
        up: { at: (value) => (value - low) / (high - low), ticks: ticks.map((tick) => [tick, String(tick)]) },
        along: { at: (n) => (count > 1 ? (n - 1) / (count - 1) : 0.5), ticks: epochs, name: "epoch" },
        points, dots: chosen, values,
        words: `${withUnit(metric, metrics)}: ${direction(higher)} after epoch ${at}: ${said.join(", ")}`,
      });
      set(marker, { x1: x(at), x2: x(at) });
    },
  };
}

/** A menu that sets the trait `metric` to one of `metrics`, and a `line` on what the chosen one is. */
export function createMetricMenu(model, metrics) {
  const line = html("p", { class: "emdviz-metric" });
  const menu = createMenu({
    label: "Metric",
    choices: Object.entries(metrics).map(([name, { higher }]) => [name, `${name}, ${direction(higher)}`]),
    trait: "metric",
    act: { put: (state) => commit(model, state) },
  });
  return {
    node: menu.node,
    line,
    update({ metric: name }) {
      menu.update({ metric: name });
      const { definition, higher } = metrics[name];
      write(line, `${withUnit(name, metrics)}: ${definition}; ${direction(higher)}`);
    },
  };
}

const withUnit = (name, metrics) => name + (metrics[name].unit ? ` (${metrics[name].unit})` : "");
const direction = (higher) => `${higher ? "higher" : "lower"} is better`;
