// Lines of one number per loss against the steps taken.

import { ofLoss } from "../kit/closed_forms.js";
import { createLineChart } from "../kit/line_chart.js";

const SIZE = { left: 2, top: 0.8, height: 7.4, foot: 1.5, tick: 1.15, name: 1.15 };
const DASHES = [null, "2 3", "7 3", null, "8 3 2 3"]; // line by line, as colours alone do not tell them apart

export function createTrails({ losses, root }) {
  const series = losses.map((loss, i) => ({ of: ofLoss(loss), dash: DASHES[i % DASHES.length] }));
  const chart = createLineChart({ series, root, size: SIZE });
  return {
    node: chart.node,
    resize: (width, unit, labels) => chart.resize(width, unit, { labels }),
    /** Show a list of numbers, one per step from 0 on, for every loss. */
    update(lists, words) {
      const last = Math.max(10, lists[0].length - 1);
      const greatest = Math.max(1, ...lists.flat());
      const points = lists.map((list) => list.map((value, step) => [step, value]));
      chart.update({
        up: { at: (value) => value / greatest, ticks: [[0, "0"], [1, "1"]] },
        along: { at: (step) => step / last, ticks: [0, last], name: "steps" },
        points, dots: points.map((list) => list.at(-1)), words,
      });
    },
  };
}
