// Two predictions over ordered classes, side by side: drag a bar and see what four losses make of it.

import { createActions, KEYS } from "../kit/actions.js";
import { closedForms } from "../kit/closed_forms.js";
import { formatLoss, formatProbability, html } from "../kit/dom.js";
import { oneHot, places } from "../kit/distributions.js";
import {
  equalXePath, moveBar, other, PAIR, PAIR_STATE, tie, withTarget,
} from "./equal_cross_entropy.js";
import { createBarPanel } from "../kit/bar_chart.js";
import {
  createActionMenu, createButton, createRange, createTargetMenu, createTile, createToggle, createToolbar,
} from "../kit/controls.js";
import { makeWidget } from "../kit/widget.js";

const HINT = "Drag a bar; double-click pins it. Click a class name to make it the true class.";
const WORDS = { same: "= same", lower: "▼ lower", higher: "▲ higher" };

/** The controls above the panels: true class, presets, and equal cross-entropy. */
function createControls({ model, x, actions }) {
  const presets = model.get("_presets");
  const target = createTargetMenu(model, actions);
  const pair = createButton({
    label: "Figure 1's pair",
    press() {
      const state = actions.state();
      const [p, q] = ["far", "near"].map((name) => presets[name].rows[state.target]);
      actions.put({ ...state, p, q, pinned_p: [], pinned_q: [] });
    },
  });
  const lock = createToggle({
    label: "Equal cross-entropy",
    toggle(on) {
      const state = { ...actions.state(), equal_xe: on };
      actions.put(on ? withTarget(state, state.target) : state);
    },
  });
  const journey = createJourney({ x, actions });
  const keys = `${KEYS}; t makes its class the true one.`;
  const node = createToolbar([target.node, lock.node, pair], { hint: HINT, keys, below: [journey.node] });
  return {
    node,
    /** A menu that sets one prediction to an example. */
    presetMenu: (list, letter) =>
      createActionMenu({
        label: `Set prediction ${letter} to an example`,
        title: `Set ${letter} to …`,
        choices: Object.entries(presets).map(([name, { label }]) => [name, label]),
        act(name) {
          const state = actions.state();
          const row = presets[name].rows[state.target];
          const next = { ...state, [list]: row, [`pinned_${list}`]: [] };
          actions.put(state.equal_xe ? tie(next, other(list)) : next);
        },
      }),
    update(state, emd2) {
      target.update(state.target);
      lock.update(state.equal_xe);
      journey.update(state, emd2);
    },
  };
}

/** One slider that carries B's remaining mass from the least EMD² to the greatest. */
function createJourney({ x, actions }) {
  const pathOf = (state) => equalXePath(state.target, state.q[state.target], x);
  const range = createRange({
    label: "The rest of B",
    ends: ["near", "far"],
    slide(value) {
      const state = actions.state();
      actions.put({ ...state, q: pathOf(state).at(value / 100), pinned_q: [] });
    },
  });
  return {
    node: range.node,
    update(state, emd2) {
      range.node.hidden = !state.equal_xe;
      if (range.node.hidden) return;
      const { least, greatest } = pathOf(state);
      const words = `${formatLoss(least)} to ${formatLoss(greatest)}`;
      const share = greatest > least ? (emd2 - least) / (greatest - least) : null;
      range.update(
        share === null ? null : Math.round(100 * share),
        `EMD squared of B ${formatLoss(emd2)}, possible ${words}`,
        `EMD² from ${words}`,
      );
    },
  };
}

function createPanel({ letter, list, model, root, act }) {
  const classes = model.get("classes");
  const tiles = model.get("_losses").map(({ name: key, label: name }) => {
    const { words: spoken, formula } = closedForms[key];
    return { key, ...createTile({ key, name, formula: formula[model.get("positions") ? 1 : 0], spoken }) };
  });
  const { node, chart, resize } = createBarPanel({
    kind: letter.toLowerCase(), letter, title: `Prediction ${letter}`, list,
    menu: act.presetMenu(list, letter), model, root, act,
    below: [html("div", { class: "emdviz-tiles" }, ...tiles.map((tile) => tile.node))],
  });
  return {
    node,
    resize,
    update(state, own, theirs) {
      const truth = oneHot(state.target, classes.length);
      chart.update(state[list], truth, { target: state.target, pinned: state[`pinned_${list}`] });
      for (const { key, update } of tiles) {
        const word = compare(own[key], theirs[key]);
        update(formatLoss(own[key]), WORDS[word], word);
      }
    },
  };
}

function build(model, root) {
  const classes = model.get("classes");
  const x = places(model.get("positions"), classes.length);
  const keys = model.get("_losses").map(({ name }) => name);
  const actions = createActions(model, {
    lists: PAIR, names: PAIR_STATE, moveBar, choose: withTarget,
  });
  const controls = createControls({ model, x, actions });
  const act = { ...actions, presetMenu: controls.presetMenu };
  const a = createPanel({ letter: "A", list: "p", model, root, act });
  const b = createPanel({ letter: "B", list: "q", model, root, act });
  const frame = html("div", { class: "emdviz-panels" }, a.node, b.node);
  root.append(controls.node, frame);
  return {
    frame,
    resize(unit, tall) {
      a.resize(unit, x, tall);
      b.resize(unit, x, tall);
    },
    update() {
      const state = actions.state();
      const truth = oneHot(state.target, classes.length);
      const losses = (p) =>
        Object.fromEntries(keys.map((key) => [key, closedForms[key].expected(truth, x)(p)]));
      const lossesOf = { A: losses(state.p), B: losses(state.q) };
      a.update(state, lossesOf.A, lossesOf.B);
      b.update(state, lossesOf.B, lossesOf.A);
      controls.update(state, lossesOf.B.EMD2);
      return describe({ classes, state, lossesOf });
    },
  };
}

/** How the first of two losses stands to the second, at the digits shown. */
function compare(mine, theirs) {
  if (formatLoss(mine) === formatLoss(theirs)) return "same";
  return mine < theirs ? "lower" : "higher";
}

/** What the picture shows, for those who hear it. */
function describe({ classes, state, lossesOf }) {
  const k = state.target;
  const one = (letter, p, values) => {
    const top = p.indexOf(Math.max(...p));
    const numbers = Object.entries(values).map(
      ([key, value]) => `${closedForms[key].words} ${formatLoss(value)}`,
    );
    return (
      `Prediction ${letter} gives the true class ${formatProbability(p[k])} and is largest at ` +
      `${classes[top]} with ${formatProbability(p[top])}; ${numbers.join(", ")}.`
    );
  };
  const verdicts = Object.keys(lossesOf.A).map((key) => {
    const verdict = compare(lossesOf.A[key], lossesOf.B[key]);
    const lower = verdict === "lower" ? "A" : "B";
    return `${closedForms[key].words} is ${verdict === "same" ? "the same" : `lower for ${lower}`}`;
  });
  const compared = verdicts.join(", ");
  return [
    `Two predictions over ${classes.length} ordered classes; the true class is ${classes[k]}.`,
    one("A", state.p, lossesOf.A),
    one("B", state.q, lossesOf.B),
    `${compared[0].toUpperCase()}${compared.slice(1)}.`,
  ].join(" ");
}

export default makeWidget({
  name: "prediction", build, follow: PAIR_STATE, lists: PAIR, moveBar,
  watched: ["target"], settle: (state) => withTarget(state, state.target),
});
