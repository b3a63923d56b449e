// The gradient of five losses on the logits of one prediction, and a walk down each of them.

import { createActions, KEYS } from "../kit/actions.js";
import { askPython, numbers } from "../kit/asking.js";
import { closedForms, ofLoss } from "../kit/closed_forms.js";
import { formatLoss, formatProbability, framed, html, set, write } from "../kit/dom.js";
import { descend } from "./descent.js";
import { equal, moveOne, places } from "../kit/distributions.js";
import { createBarPanel } from "../kit/bar_chart.js";
import { createActionMenu, createTargetMenu, createToggle, createToolbar } from "../kit/controls.js";
import { createPushes, createReached, formatPush, formatSmall, niceLimit } from "./pushes.js";
import { makeWidget } from "../kit/widget.js";
import { createWalk, inWords } from "./walk.js";

const STATE = [
  "p", "target", "pinned_p", "emd_weight", "learning_rate", "own_scale", "positions", "_walk",
];
const QUESTION = ["p", "target", "positions", "learning_rate", "_walk"];
const SEE = "How hard does each loss push where the prediction is sure and wrong?";
const SEE_SUM =
  "Where the prediction is sure and wrong, EMD² hardly pushes, but XE + EMD² does.";
const HINT =
  "Drag a bar; double-click pins it. Click a class name to make it the true class. " +
  "Take steps to see where each loss leads.";
const PUSH = "−∂loss/∂logit: a step moves each logit by learning rate × push";
const LOWER = "lower is better: at the start, and after the steps";
const HIGHER = "its probability, higher is better: at the start, and after the steps";
const LEAST_SCALE = 1e-9; // below it all pushes are drawn as nothing

const formatNorm = (value) => formatSmall(value, formatLoss);

/** How many steps were taken from the present start; none if they began elsewhere. */
const stepsOf = ({ p, target, _walk: walk }) =>
  walk && walk.target === target && equal(walk.p, p) ? walk.steps : 0;

const fromAnew = (state) => ({ ...state, _walk: null });
const moveBar = (...move) => fromAnew(moveOne(...move));
const chooseClass = (state, i) => fromAnew({ ...state, target: i });

/** The labels of the losses; a sum tells the weight of its second part. */
function nameLosses(losses, weight) {
  const labelOf = (wanted) => losses.find(({ name }) => name === wanted)?.label ?? wanted;
  return losses.map(({ name, label, asked }) => {
    const parts = asked ? null : closedForms[name].sumOf?.map(labelOf);
    return parts && weight !== 1 ? parts.join(` + ${Number(weight.toPrecision(3))} `) : label;
  });
}

/** The walk down one loss: worked out here, or in Python, where it may be `missing`, for some reason. */
function walkDown({ name, asked }, model, p, at) {
  if (!asked) return descend(name, p, at);
  const { answer, late, words } = askPython(model, name, QUESTION);
  if (answer) return { ...numbers(answer), late };
  const nothing = p.map(() => 0);
  return { values: [], truth: [], prediction: nothing, gradient: nothing, missing: words };
}

function createLossRow({ loss, classes, root, named }) {
  const words = loss.asked ? "in Python" : closedForms[loss.name].words;
  const about = html("span", { class: "emdviz-words" }, words);
  const title = html("span", { class: "emdviz-loss", title: words });
  const number = (what) => html("b", { "data-number": what });
  const [value, norm, now, began, truth] = ["loss", "norm", "now", "began", "truth"].map(number);
  const pushes = framed(createPushes({ classes, root, named }));
  const reached = framed(createReached({ classes, root, named }));
  const swatch = html("span", { class: "emdviz-swatch" });
  const head = html(
    "div", { class: "emdviz-head" }, swatch, title, about,
    html("span", { title: LOWER }, "loss ", value, " → ", now),
    html("span", { title: HIGHER }, "truth ", began, " → ", truth),
    html("span", {}, html("span", { class: "emdviz-long" }, "gradient "), "norm ", norm),
  );
  const row = html("section", ofLoss(loss, "emdviz-row"), head, pushes.node, reached.node);
  return {
    node: row,
    resize(...sizes) {
      pushes.resize(...sizes);
      reached.resize(...sizes);
    },
    update({ label, walk, norm: length, limit, start, k }) {
      const known = !walk.missing;
      set(row, { "data-late": walk.late && "true", "data-missing": walk.missing && "true" });
      write(title, label);
      write(about, walk.missing ?? words);
      write(value, known ? formatLoss(walk.values[0]) : "–");
      write(norm, known ? formatNorm(length) : "–");
      write(now, known ? formatLoss(walk.values.at(-1)) : "–");
      write(began, formatProbability(start[k]));
      write(truth, known ? formatProbability(walk.prediction[k]) : "–");
      const push = walk.gradient.map((slope) => -slope);
      const said = classes.map((text, i) => `${text} ${formatPush(push[i]) || formatSmall(push[i], () => "0")}`);
      pushes.update(push, limit, k, `Pushes of ${label}: ${said.join(", ")}`);
      const held = classes.map((text, i) => `${text} ${formatProbability(walk.prediction[i])}`);
      reached.update(walk.prediction, start, k, `Prediction of ${label}: ${held.join(", ")}`);
    },
  };
}

function createControls({ model, act, walk, summed }) {
  const target = createTargetMenu(model, act);
  const menu = createActionMenu({
    label: "Set the prediction to an example",
    title: "Set it to …",
    examples: model.get("_presets"),
    act({ rows }) {
      const state = act.state();
      act.put(fromAnew({ ...state, p: rows[state.target], pinned_p: [] }));
    },
  });
  const own = createToggle({ label: "Own scale for each loss", trait: "own_scale", act });
  const keys = `${KEYS}; t makes its class the true one.`;
  return { menu, ...createToolbar([target, own], { see: summed ? SEE_SUM : SEE, hint: HINT, keys, below: [walk] }) };
}

/** What a reader can do besides moving bars. */
function withSteps(actions, most) {
  return {
    ...actions,
    take(count) {
      const state = actions.state();
      const steps = Math.min(Math.max(stepsOf(state) + count, 0), most);
      actions.put({ _walk: steps ? { steps, p: state.p, target: state.target } : null });
    },
  };
}

function build(model, root) {
  const classes = model.get("classes");
  const x = places(model.get("positions"), classes.length);
  const limits = model.get("_limits");
  const losses = model.get("_losses");
  const act = withSteps(
    createActions(model, { lists: ["p"], names: STATE, moveBar, choose: chooseClass }),
    limits.steps,
  );
  const summed = losses.some(({ name, asked }) => !asked && closedForms[name].sumOf);
  const walk = createWalk({ losses, limits, act, root, summed });
  const toolbar = createControls({ model, act, walk: walk.controls, summed });
  const panel = createBarPanel({
    kind: "a", letter: "p", title: "Prediction", list: "p", menu: toolbar.menu, model, root, act,
    withSteps: false, tall: 0.8,
  });
  const rows = losses.map((loss, i) =>
    createLossRow({ loss, classes, root, named: i === losses.length - 1 }),
  );
  const after = html("b", {});
  const captions = [
    html("div", { title: PUSH }, html("b", {}, "Push on each logit, at the start")),
    html("div", { title: "lines: where it began" }, after),
  ];
  const frame = html(
    "div",
    { class: "emdviz-descent" },
    html("div", { class: "emdviz-side emdviz-stack" }, panel.node, walk.trails),
    html(
      "div",
      { class: "emdviz-rows emdviz-stack" },
      html("div", { class: "emdviz-row emdviz-caption" }, ...captions),
      ...rows.map((row) => row.node),
    ),
  );
  root.append(toolbar.node, frame);
  return {
    frame,
    resize(unit, tall) {
      panel.resize(unit, x, tall);
      walk.resize(unit, tall);
      for (const row of rows) row.resize(unit, x, tall);
    },
    update() {
      const state = act.state();
      const { p, target: k } = state;
      const steps = stepsOf(state);
      const at = {
        k, x, steps, weight: state.emd_weight, rate: state.learning_rate, floor: limits.floor,
      };
      const walks = losses.map((loss) => walkDown(loss, model, p, at));
      const named = nameLosses(losses, state.emd_weight);
      const norms = walks.map(({ gradient }) => Math.hypot(...gradient));
      const greatest = walks.map(({ gradient }) => Math.max(...gradient.map(Math.abs)));
      const shared = Math.max(...greatest);
      panel.update(state, k);
      toolbar.update(state);
      walk.update(state, walks, named, steps);
      write(after, `p after ${inWords(steps)}`);
      rows.forEach((row, i) => {
        const limit = niceLimit(Math.max(state.own_scale ? greatest[i] : shared, LEAST_SCALE));
        row.update({ label: named[i], walk: walks[i], norm: norms[i], limit, start: p, k });
      });
      return describeDescent({ classes, state, walks, named, norms, steps });
    },
  };
}

function describeDescent({ classes, state, walks, named, norms, steps }) {
  const k = state.target;
  const losses = walks.map(({ values, missing }, i) =>
    missing
      ? `${named[i]} ${missing}`
      : `${named[i]} is ${formatLoss(values[0])} with gradient norm ${formatNorm(norms[i])}`,
  );
  const after = walks.flatMap(({ values, truth }, i) =>
    values.length > steps
      ? [`${named[i]} ${formatLoss(values[steps])}, true class ${formatProbability(truth[steps])}`]
      : [],
  );
  return [
    `A prediction over ${classes.length} ordered classes; the true class is ${classes[k]} and has`,
    `${formatProbability(state.p[k])}. ${losses.join("; ")}.`,
    steps ? `After ${inWords(steps)} at learning rate ${state.learning_rate}: ${after.join("; ")}.` : "",
  ].join(" ").trim();
}

export default makeWidget({ name: "gradient", build, follow: [...STATE, "_answers"], names: STATE, lists: ["p"], moveBar });
