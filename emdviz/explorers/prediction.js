// Two predictions over ordered classes, side by side: drag a bar and see what four losses make of it.

import { createChart } from "./chart.js";
import { formatLoss, html, onceSettled, set, uniqueId, write } from "./common.js";
import { createControls } from "./controls.js";
import { compare, describe } from "./describe.js";
import { createMover, losses, places } from "./ordinal.js";
import { commit, keepInStep, read, withTarget } from "./owner.js";
import { makeMovable } from "./pointer.js";

// name, formula, formula where the classes lie at uneven positions, explanation
const FORMULAS = {
  XE: ["XE", "−ln pₖ", "−ln pₖ", "cross-entropy"],
  EMD: ["EMD", "Σ |gap|", "Σ |gap| Δ", "Earth Mover's Distance"],
  EMD2: ["EMD²", "Σ gap²", "Σ gap² Δ", "squared Earth Mover's Distance"],
  REG: ["REG", "(E[p] − xₖ)²", "(E[p] − xₖ)²", "squared error of the expected class"],
};
const WORDS = { same: "= same", lower: "▼ lower", higher: "▲ higher" };
const SPEAK_AFTER = 700; // milliseconds of rest before a screen reader is told

function createPanel({ letter, list, model, root, act }) {
  const classes = model.get("classes");
  const chart = createChart({ letter, classes, root });
  const frame = html("div", { class: "emdviz-frame" }, chart.node);
  const tiles = Object.entries(FORMULAS).map(([key, [name, even, uneven, spoken]]) =>
    createTile(key, name, model.get("positions") ? uneven : even, spoken),
  );
  const preset = act.presetMenu(list, letter);
  const node = html(
    "section",
    { class: `emdviz-panel emdviz-${letter.toLowerCase()}`, "aria-label": `Prediction ${letter}` },
    html(
      "header",
      { class: "emdviz-header" },
      html("span", { class: "emdviz-letter", "aria-hidden": "true" }, letter),
      html("span", { class: "emdviz-title" }, `Prediction ${letter}`),
      preset,
    ),
    frame,
    html("div", { class: "emdviz-tiles" }, ...tiles.map((tile) => tile.node)),
  );
  chart.bars.forEach((bar, i) => {
    makeMovable(bar.slider, {
      value: () => model.get(list)[i],
      worth: chart.worth,
      move: (value) => act.move(list, i, value),
      pin: () => act.pin(list, i),
      choose: () => act.choose(i),
    });
    bar.label.addEventListener("click", () => act.choose(i));
  });
  return {
    node,
    frame,
    resize: (unit, x) => chart.resize(frame.clientWidth, unit, x),
    update(state, own, theirs) {
      chart.update(state[list], state.target, state[`pinned_${list}`]);
      for (const tile of tiles) tile.update(own, theirs);
    },
  };
}

function createTile(key, name, formula, spoken) {
  const value = html("span", { class: "emdviz-number", "data-loss": key });
  const verdict = html("span", { class: "emdviz-verdict" });
  const node = html(
    "div",
    { class: "emdviz-tile", title: spoken },
    html("span", { class: "emdviz-loss" }, name),
    value,
    verdict,
    html("span", { class: "emdviz-formula" }, formula),
  );
  return {
    node,
    update(own, theirs) {
      const word = compare(own[key], theirs[key]);
      write(value, formatLoss(own[key]));
      write(verdict, WORDS[word]);
      set(node, { "data-verdict": word });
    },
  };
}

/** What a reader can do, whatever the device: each changes the model, and the views follow. */
function createActions(model) {
  const move = createMover();
  const put = (state) => commit(model, state);
  return {
    move: (list, i, value) => put(move(read(model), list, i, value)),
    choose: (i) => put(withTarget(read(model), i)),
    pin(list, i) {
      const state = read(model);
      const pins = state[`pinned_${list}`];
      const changed = pins.includes(i) ? pins.filter((j) => j !== i) : [...pins, i];
      put({ ...state, [`pinned_${list}`]: changed.sort((a, b) => a - b) });
    },
    put,
    state: () => read(model),
  };
}

function build(model, el) {
  const root = html("div", {
    class: "emdviz-explorer",
    role: "group",
    // JupyterLab would take the arrow keys for itself
    "data-lm-suppress-shortcuts": "true",
    style: `--emdviz-scale: ${model.get("_text_scale")}`,
  });
  el.replaceChildren(root);
  const classes = model.get("classes");
  const x = places(model.get("positions"), classes.length);
  const actions = createActions(model);
  const controls = createControls({ model, x, actions });
  const act = { ...actions, presetMenu: controls.presetMenu };
  const panels = { A: "p", B: "q" };
  for (const [letter, list] of Object.entries(panels)) {
    panels[letter] = createPanel({ letter, list, model, root, act });
  }
  const spoken = html("p", { class: "emdviz-spoken", role: "status", id: uniqueId("spoken") });
  const sides = html("div", { class: "emdviz-panels" }, panels.A.node, panels.B.node);
  root.append(controls.node, sides, spoken);

  function update() {
    const state = read(model);
    const lossesOf = { A: losses(state.p, state.target, x), B: losses(state.q, state.target, x) };
    panels.A.update(state, lossesOf.A, lossesOf.B);
    panels.B.update(state, lossesOf.B, lossesOf.A);
    controls.update(state, lossesOf.B.EMD2);
    const text = describe({ classes, state, lossesOf });
    set(root, { "aria-label": text });
    speak(text);
  }

  let timer = 0;
  function speak(text) {
    clearTimeout(timer);
    timer = setTimeout(() => write(spoken, text), SPEAK_AFTER);
  }

  function resize() {
    if (!panels.A.frame.clientWidth) return; // not shown yet
    const unit = parseFloat(getComputedStyle(root).fontSize);
    for (const panel of Object.values(panels)) panel.resize(unit, x);
    update();
  }

  const observer = new ResizeObserver(resize);
  observer.observe(sides);
  const draw = onceSettled(() => panels.A.frame.clientWidth && update());
  return {
    draw,
    destroy() {
      observer.disconnect();
      clearTimeout(timer);
    },
  };
}

function render({ model, el }) {
  let view = build(model, el);
  const draw = () => view.draw();
  const rebuild = () => {
    view.destroy();
    view = build(model, el);
  };
  const listeners = [
    ...["p", "q", "target", "pinned_p", "pinned_q", "equal_xe"].map((name) => [name, draw]),
    ...["classes", "positions", "_text_scale"].map((name) => [name, rebuild]),
  ];
  for (const [name, listener] of listeners) model.on(`change:${name}`, listener);
  return () => {
    for (const [name, listener] of listeners) model.off(`change:${name}`, listener);
    view.destroy();
  };
}

const initialize = ({ model }) => keepInStep(model);

export default { initialize, render };
