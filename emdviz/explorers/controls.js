// The controls above the two panels: true class, presets, and equal cross-entropy.

import { formatLoss, html, set, uniqueId, write } from "./common.js";
import { equalXePath, other, tie } from "./ordinal.js";
import { withTarget } from "./owner.js";

const HINT = "Drag a bar; double-click pins it. Click a class name to make it the true class.";
const KEYS =
  "Keys on a bar: arrows move it by 0.01, Page Up and Page Down by 0.1, " +
  "Home and End to 0 and 1; p pins it; t makes its class the true one.";

export function createControls({ model, x, actions }) {
  const classes = model.get("classes");
  const presets = model.get("_presets");
  const target = html("select", { class: "emdviz-select" }, ...options(classes));
  target.addEventListener("change", () => actions.choose(Number(target.value)));

  const pair = html("button", { class: "emdviz-button", type: "button" }, "Figure 1's pair");
  pair.addEventListener("click", () => {
    const state = actions.state();
    const [p, q] = ["far", "near"].map((name) => presets[name].rows[state.target]);
    actions.put({ ...state, p, q, pinned_p: [], pinned_q: [] });
  });

  const lock = html("input", { type: "checkbox", id: uniqueId("lock") });
  lock.addEventListener("change", () => {
    const state = { ...actions.state(), equal_xe: lock.checked };
    actions.put(lock.checked ? withTarget(state, state.target) : state);
  });

  const journey = createJourney({ x, actions });
  const node = html(
    "div",
    { class: "emdviz-controls" },
    html(
      "div",
      { class: "emdviz-toolbar" },
      html("label", { class: "emdviz-field" }, html("span", {}, "True class"), target),
      html("label", { class: "emdviz-field", for: lock.id }, lock, html("span", {}, "Equal cross-entropy")),
      pair,
    ),
    journey.node,
    html("p", { class: "emdviz-hint", title: KEYS }, HINT),
  );

  return {
    node,
    /** A menu that sets one prediction to an example. */
    presetMenu(list, letter) {
      const label = `Set prediction ${letter} to an example`;
      const menu = html("select", { class: "emdviz-select emdviz-preset", "aria-label": label });
      menu.append(html("option", { value: "" }, `Set ${letter} to …`));
      for (const [name, { label }] of Object.entries(presets)) {
        menu.append(html("option", { value: name }, label));
      }
      menu.addEventListener("change", () => {
        const state = actions.state();
        const row = presets[menu.value].rows[state.target];
        const next = { ...state, [list]: row, [`pinned_${list}`]: [] };
        menu.value = ""; // the menu acts; it does not show a state
        actions.put(state.equal_xe ? tie(next, other(list)) : next);
      });
      return menu;
    },
    update(state, emd2) {
      target.value = String(state.target);
      lock.checked = state.equal_xe;
      journey.update(state, emd2);
    },
  };
}

const options = (names) => names.map((name, i) => html("option", { value: i }, name));

/** One slider that carries B's remaining mass from the least EMD² to the greatest. */
function createJourney({ x, actions }) {
  const slider = html("input", { type: "range", min: 0, max: 100, step: 1, id: uniqueId("far") });
  const note = html("output", { class: "emdviz-range", for: slider.id });
  const node = html(
    "div",
    { class: "emdviz-journey" },
    html("label", { for: slider.id }, "The rest of B"),
    html("span", { class: "emdviz-end" }, "near"),
    slider,
    html("span", { class: "emdviz-end" }, "far"),
    note,
  );
  slider.addEventListener("input", () => {
    const state = actions.state();
    const path = equalXePath(state.target, state.q[state.target], x);
    actions.put({ ...state, q: path.at(slider.value / 100), pinned_q: [] });
  });
  return {
    node,
    update(state, emd2) {
      node.hidden = !state.equal_xe;
      if (node.hidden) return;
      const { least, greatest } = equalXePath(state.target, state.q[state.target], x);
      const range = `${formatLoss(least)} to ${formatLoss(greatest)}`;
      if (greatest > least) slider.value = Math.round((100 * (emd2 - least)) / (greatest - least));
      set(slider, { "aria-valuetext": `EMD squared of B ${formatLoss(emd2)}, possible ${range}` });
      write(note, `EMD² from ${range}`);
    },
  };
}
