// The controls above the two panels: true class, presets, and equal cross-entropy.

import { formatLoss, html } from "../kit/dom.js";
import { equalXePath, other, tie, withTarget } from "./equal_cross_entropy.js";
import { createActionMenu, createButton, createMenu, createRange, createToggle } from "../kit/controls.js";

const HINT = "Drag a bar; double-click pins it. Click a class name to make it the true class.";
const KEYS =
  "Keys on a bar: arrows move it by 0.01, Page Up and Page Down by 0.1, " +
  "Home and End to 0 and 1; p pins it; t makes its class the true one.";

export function createControls({ model, x, actions }) {
  const presets = model.get("_presets");
  const target = createMenu({
    label: "True class",
    choices: model.get("classes").map((name, i) => [i, name]),
    choose: (value) => actions.choose(Number(value)),
  });
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
  const node = html(
    "div",
    { class: "emdviz-controls" },
    html("div", { class: "emdviz-toolbar" }, target.node, lock.node, pair),
    journey.node,
    html("p", { class: "emdviz-hint", title: KEYS }, HINT),
  );

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
