// The controls of the walk, and the two trails that it leaves.

import { framed, html, write } from "../kit/dom.js";
import { equal } from "../kit/distributions.js";
import { createButton, createRange } from "../kit/controls.js";
import { ofLoss } from "../kit/closed_forms.js";
import { createLineChart } from "../kit/line_chart.js";

const SIZE = { left: 2, top: 0.6, height: 7, foot: 1.3, tick: 1.05, name: 1.05 };
const DASHES = [null, "2 3", "7 3", null, "8 3 2 3"]; // line by line, as colours alone do not tell them apart

/** What of each loss is left, and what the true class has, at every step. */
const MEASURES = [
  { title: "Loss left: lower is better", of: ({ values }) => values.map((v) => share(v, values[0])) },
  { title: "True class: higher is better", of: ({ truth }) => truth },
];
const share = (value, start) => (start > 1e-12 ? value / start : 0);

export const inWords = (steps) => `${steps} ${steps === 1 ? "step" : "steps"}`;

/** Buttons and sliders; `act` tells how to take steps and how to set a trait. */
function createWalkControls({ limits, act, summed }) {
  const say = (value) => String(Number(value.toPrecision(4)));
  const rate = createRange({ label: "Learning rate", values: limits.rates, trait: "learning_rate", act, say });
  const weight = createRange({ label: "Weight of EMD²", max: limits.weight, step: 0.1, trait: "emd_weight", act, say });
  weight.node.hidden = !summed; // of a loss that is not shown
  const one = createButton({ label: "Take a step", press: () => act.take(1) });
  const ten = createButton({ label: "10 steps", press: () => act.take(10) });
  const again = createButton({ label: "Reset", press: () => act.take(-Infinity) });
  const count = html("output", { class: "emdviz-taken" });
  return {
    node: html(
      "div",
      { class: "emdviz-walk" },
      html("div", { class: "emdviz-toolbar" }, one, ten, again, count),
      rate.node,
      weight.node,
    ),
    update(state, steps) {
      rate.update(state);
      weight.update(state);
      one.disabled = ten.disabled = steps >= limits.steps;
      again.disabled = steps === 0;
      write(count, steps >= limits.steps ? `${inWords(steps)}, no more` : inWords(steps));
    },
  };
}

/** Lines of a measure of each loss against the steps taken. */
function createTrail({ title, of }, { losses, root }) {
  const series = losses.map((loss, i) => ({ of: ofLoss(loss), dash: DASHES[i % DASHES.length] }));
  const chart = framed(createLineChart({ series, root, size: SIZE }));
  return {
    node: html("div", {}, html("div", { class: "emdviz-caption" }, title), chart.node),
    resize: ([unit, tall], labels) => chart.resize(unit, { labels, tall }),
    update(walks, labels, steps) {
      const lists = walks.map(of);
      const last = Math.max(10, steps);
      const greatest = Math.max(1, ...lists.flat());
      const points = lists.map((list) => list.map((value, step) => [step, value]));
      const ends = labels.flatMap((label, i) =>
        lists[i].length > steps ? [`${label} ${lists[i][steps].toFixed(2)}`] : [],
      );
      chart.update({
        up: { at: (value) => value / greatest, ticks: [[0, "0"], [1, "1"]] },
        along: { at: (step) => step / last, ticks: [0, last], name: "steps" },
        points, dots: points.map((list) => list.at(-1) ?? null), parked: steps === 0,
        words: `${title} after ${inWords(steps)}: ${ends.join(", ")}`,
      });
    },
  };
}

export function createWalk({ losses, limits, act, root, summed }) {
  const controls = createWalkControls({ limits, act, summed });
  const trails = MEASURES.map((measure) => createTrail(measure, { losses, root }));
  let size = [0, 1];
  let room = null;
  return {
    controls: controls.node,
    trails: html("section", { class: "emdviz-trails", "aria-label": "The walk" }, ...trails.map(({ node }) => node)),
    resize(...next) {
      size = next;
      room = null;
    },
    update(state, walks, labels, steps) {
      controls.update(state, steps);
      if (!equal(room, labels)) {
        // the names at the ends of the lines decide how much is left for these
        room = labels;
        for (const trail of trails) trail.resize(size, labels);
      }
      for (const trail of trails) trail.update(walks, labels, steps);
    },
  };
}
