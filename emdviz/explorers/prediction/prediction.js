// Two predictions over ordered classes, side by side: drag a bar and see what four losses make of it.

import { createActions } from "../kit/actions.js";
import { formatLoss, html } from "../kit/dom.js";
import { createControls } from "./toolbar.js";
import { compare, describe } from "./in_words.js";
import { createMover, oneHot, places } from "../kit/distributions.js";
import { keepInStep } from "../kit/sync.js";
import { losses, moveBar, PAIR, PAIR_STATE, withTarget } from "./equal_cross_entropy.js";
import { createBarPanel } from "../kit/bar_panel.js";
import { createTile } from "../kit/controls.js";
import { makeWidget } from "../kit/widget.js";

// name, formula, formula where the classes lie at uneven positions, explanation
const FORMULAS = {
  XE: ["XE", "−ln pₖ", "−ln pₖ", "cross-entropy"],
  EMD: ["EMD", "Σ |gap|", "Σ |gap| Δ", "Earth Mover's Distance"],
  EMD2: ["EMD²", "Σ gap²", "Σ gap² Δ", "squared Earth Mover's Distance"],
  REG: ["REG", "(E[p] − xₖ)²", "(E[p] − xₖ)²", "squared error of the expected class"],
};
const WORDS = { same: "= same", lower: "▼ lower", higher: "▲ higher" };

function createPanel({ letter, list, model, root, act }) {
  const classes = model.get("classes");
  const tiles = Object.entries(FORMULAS).map(([key, [name, even, uneven, spoken]]) => {
    const formula = model.get("positions") ? uneven : even;
    return { key, ...createTile({ key, name, formula, spoken }) };
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
  const names = PAIR_STATE;
  const actions = createActions(model, { lists: PAIR, names, moveBar, choose: withTarget });
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
      const lossesOf = { A: losses(state.p, state.target, x), B: losses(state.q, state.target, x) };
      a.update(state, lossesOf.A, lossesOf.B);
      b.update(state, lossesOf.B, lossesOf.A);
      controls.update(state, lossesOf.B.EMD2);
      return describe({ classes, state, lossesOf });
    },
  };
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
