// The entropic plan from a prediction to a target, scaling by scaling, as a computer rounds it.

import { chooseTarget, createActions, KEYS } from "../kit/actions.js";
import { formatProbability, framed, html, set, write } from "../kit/dom.js";
import { createCurves } from "./scaling_curves.js";
import { createAccount, createFindings, describeScalings, formatCost, inWords, isOneHot } from "./cost_and_errors.js";
import { createChoice, createMatrix } from "../kit/plan_matrix.js";
import { normalized, oneHot, places } from "../kit/distributions.js";
import { createBarPanel } from "../kit/bar_chart.js";
import { createExampleMenu, createGroup, createPanel, createRange, createSwitch, createToolbar } from "../kit/controls.js";
import { makeWidget } from "../kit/widget.js";

const LISTS = ["p", "t"];
const STATE = [...LISTS, "pinned_p", "pinned_t", "lam", "iterations", "precision", "domain"];
const TITLES = { p: "Prediction", t: "Target" };
const SEE =
  "The cost is off for two reasons: too few scalings, and the blur of a small λ.";
const HINT =
  "λ multiplies the distances (POT's reg is 1/λ); a scaling makes the column sums t, then the row " +
  "sums p. Drag a bar; click a class name of t to make the target one-hot. " +
  "Point at a cell of the plan to see its three factors.";
const MORE_KEYS =
  "; t gives its class all of the target. Double-click a bar to pin it. Arrow keys go from cell to cell.";
const ERRORS = ["cost error", "column error", "blur"];
const UNCHOSEN = "Entropic plan F: its cells are u × exp(−λD) × v.";

const DECADE = [1, 1.1, 1.25, 1.4, 1.6, 1.8, 2, 2.2, 2.5, 2.8, 3.2, 3.6, 4, 4.5, 5, 5.6, 6.3, 7.1, 8, 9];
const LAMBDAS = [...[0.1, 1, 10, 100].flatMap((ten) => DECADE.map((value) => Number((ten * value).toPrecision(3)))), 1000];
const COUNTS_OFFERED = [
  ...Array.from({ length: 10 }, (_, i) => i + 1),
  ...[1, 10].flatMap((ten) => [12, 14, 16, 18, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 90, 100].map((n) => ten * n)),
];

/** A target around the class that has most. */
function soften(t) {
  const most = t.indexOf(Math.max(...t));
  return normalized(t.map((_, i) => 0.5 ** (Math.abs(i - most) ** 1.5)));
}

function createControls({ model, act }) {
  const menu = createExampleMenu(model, act, "Show an example");
  const makeSwitch = (label, trait, ...names) =>
    createSwitch({ label, trait, act, choices: names.map((name) => [name, name]) });
  const domain = makeSwitch("Domain", "domain", "plain", "log");
  const precision = makeSwitch("Numbers", "precision", "float32", "float64");
  const target = createSwitch({
    label: "Target",
    choices: [[true, "one-hot"], [false, "soft"]],
    now: ({ t }) => isOneHot(t),
    choose(hot) {
      const { t } = act.state();
      act.put({ t: hot ? oneHot(t.indexOf(Math.max(...t)), t.length) : soften(t), pinned_t: [] });
    },
  });
  const lam = createRange({
    label: "λ", values: LAMBDAS, trait: "lam", act, say: (value) => String(Number(value.toPrecision(4))),
  });
  const count = createRange({
    label: "Scalings", values: COUNTS_OFFERED, trait: "iterations", act, say: inWords, note: String,
  });
  return createToolbar([menu, domain, precision, target], {
    see: SEE,
    hint: HINT,
    keys: KEYS + MORE_KEYS,
    below: [createGroup([lam, count], "emdviz-dials")],
  });
}

/** The plan as a matrix, and a line on the cell that is looked at. */
function createPlan({ classes, root }) {
  const choice = createChoice(mark);
  const matrix = framed(createMatrix({ classes, root, choice }));
  const note = html("p", { class: "emdviz-cell-note" });
  const count = classes.length;
  let shown = null;

  function mark() {
    const chosen = choice.now();
    matrix.ways.mark(chosen);
    write(note, chosen && shown ? factorsOf(chosen) : UNCHOSEN);
  }

  function factorsOf([i, j]) {
    const { found, state } = shown;
    const k = i * count + j;
    const { u, v } = found.factorsAt(state.iterations);
    const way = `${classes[i]} → ${classes[j]}`;
    const mass = formatCost(found.plan[k]);
    const short = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(3))) : sign(value));
    return state.domain === "plain"
      ? `${way}: u × exp(−λD) × v = ${short(u[i])} × ${short(found.kernel[k])} × ${short(v[j])} = ${mass}`
      : `${way}: exp(log u − λD + log v) = exp(${short(u[i])} − ${short(-found.exponent[k])} + ${short(v[j])}) = ${mass}`;
  }

  const sign = (value) => (Number.isNaN(value) ? "NaN" : value < 0 ? "−∞" : "∞");

  return {
    node: createPanel({ kind: "entropic", title: "Entropic plan" }, matrix.node, note),
    resize: matrix.resize,
    update(state, found) {
      shown = { state, found };
      const plain = state.domain === "plain";
      const plan = Array.from(found.plan, (mass, k) => {
        const dead = plain && found.kernel[k] === 0;
        const broken = !Number.isFinite(mass);
        set(matrix.ways.options[k], { "data-cell": broken ? "broken" : dead ? "dead" : null });
        const text = broken ? sign(mass) : dead ? "×" : mass < 0.005 ? "" : formatProbability(mass);
        return { i: Math.floor(k / count), j: k % count, mass: broken ? 0 : mass, text, dead };
      });
      const name = ({ i, j, text, dead }) =>
        `${text === "" ? "next to nothing" : dead ? "kernel entry 0" : text} from ${classes[i]} to ${classes[j]}`;
      matrix.update({ plan, name });
      mark();
    },
  };
}

/** The cost, and below it the errors, after every number of scalings. */
function createProgress(root) {
  const drawings = [
    {
      title: "Cost over scalings: exact is right",
      curves: ["cost"], levels: ["converged", "exact"], log: false,
      of: ({ costs, converged, exact, cost }) => ({ lists: [costs], values: [converged, exact], at: [cost] }),
      labels: ["plan", "converged", "exact"],
    },
    {
      title: "Errors over scalings: 0 is right",
      curves: ["cost", "columns"], levels: ["converged"], log: true,
      of: ({ costs, errors, converged, exact, cost, columnError }) => ({
        lists: [costs.map((value) => Math.abs(value - exact)), errors],
        values: [Math.abs(converged - exact)],
        at: [Math.abs(cost - exact), columnError],
      }),
      labels: ERRORS,
    },
  ].map((each) => createCurves({ ...each, root }));
  return {
    node: html("div", { class: "emdviz-progress" }, ...drawings.map(({ node }) => node)),
    resize: (unit, tall) => drawings.forEach((drawing) => drawing.resize(unit, ERRORS, tall)), // the longest labels
    update: (...now) => drawings.forEach((drawing) => drawing.update(...now)),
  };
}

function build(model, root) {
  const classes = model.get("classes");
  const x = places(model.get("positions"), classes.length);
  const act = createActions(model, { lists: LISTS, names: STATE, choose: chooseTarget });
  const toolbar = createControls({ model, act });
  const sides = LISTS.map((list) =>
    createBarPanel({
      kind: list === "p" ? "a" : "t",
      letter: list, title: TITLES[list], list, model, root, act,
      withSteps: false, tall: 0.62, mayChoose: list === "t", marked: false,
    }),
  );
  const plan = createPlan({ classes, root });
  const account = createAccount(classes);
  const progress = createProgress(root);
  const find = createFindings(x);
  const panels = html(
    "div",
    { class: "emdviz-panels" },
    html("div", { class: "emdviz-sides emdviz-stack" }, ...sides.map(({ node }) => node)),
    plan.node,
    html("section", { class: "emdviz-panel emdviz-account", "aria-label": "Cost and error" }, account.tiles, progress.node),
    account.notes,
  );
  const frame = html("div", { class: "emdviz-layout" }, panels);
  root.append(toolbar.node, frame);

  return {
    frame,
    resize(unit, tall) {
      for (const side of sides) side.resize(unit, x, tall);
      plan.resize(unit, tall);
      progress.resize(unit, tall);
    },
    update() {
      const state = act.state();
      const found = find(state);
      for (const side of sides) side.update(state);
      toolbar.update(state);
      plan.update(state, found);
      account.update(state, found);
      progress.update(state, found);
      return describeScalings(state, found, classes);
    },
  };
}

export default makeWidget({ name: "sinkhorn", build, follow: STATE, lists: LISTS });
