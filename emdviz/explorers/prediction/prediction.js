// Two predictions over ordered classes, side by side: drag a bar and see what four losses make of it.

import { createActions } from "../kit/actions.js";
import { closedForms } from "../kit/closed_forms.js";
import { formatLoss, formatProbability, html } from "../kit/dom.js";
import { createControls } from "./toolbar.js";
import { createMover, oneHot, places } from "../kit/distributions.js";
import { keepInStep } from "../kit/sync.js";
import { moveBar, PAIR, PAIR_STATE, withTarget } from "./equal_cross_entropy.js";
import { createBarPanel } from "../kit/bar_panel.js";
import { createTile } from "../kit/controls.js";
import { makeWidget } from "../kit/widget.js";

const WORDS = { same: "= same", lower: "▼ lower", higher: "▲ higher" };

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
    resize(unit) {
      a.resize(unit, x);
      b.resize(unit, x);
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

const initialize = ({ model }) =>
  keepInStep(model, {
    lists: PAIR,
    names: PAIR_STATE,
    move: createMover(PAIR, moveBar),
    watched: ["target"],
    settle: (state) => withTarget(state, state.target),
  });

export default makeWidget({ name: "prediction", build, follow: PAIR_STATE, initialize });
