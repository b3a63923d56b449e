// The transport plan from a prediction to a target, and the gap between the CDFs, whose area is its cost.

import { chooseTarget, createActions, KEYS, makeBarsMovable } from "../kit/actions.js";
import { formatProbability, framed, html, set, write } from "../kit/dom.js";
import { costsOf, createCosts, describeTransport, nameWays, QUESTION, reckon } from "./cost_tiles.js";
import { createChoice, createMatrix } from "../kit/plan_matrix.js";
import { places, sum } from "../kit/distributions.js";
import { read } from "../kit/sync.js";
import { createExampleMenu, createGroup, createPanel, createRange, createSwitch, createToggle, createToolbar } from "../kit/controls.js";
import { marginals, optimalPlan, trips, weigh } from "./optimal_plan.js";
import { createRibbons } from "./ribbons.js";
import { makeWidget } from "../kit/widget.js";
import { createSlices } from "./gap_slices.js";

const SIDES = ["p", "t"];
const SIDES_STATE = [...SIDES, "pinned_p", "pinned_t"];
const FOLLOWED = [...new Set([...SIDES_STATE, ...QUESTION]), "matrix", "_exact"];
const ROOM_FOR_THREE = 100; // text sizes

const SEE =
  "At l = 1 the cost of the plan is the area of the gap between the CDFs: every ribbon is one slice of it. " +
  "At l = 2 the two numbers differ.";
const HINT =
  "Drag a bar; double-click pins it. Click a class name to give it all of the target. " +
  "Point at a ribbon to see the slice of the gap that belongs to it.";
const MORE_KEYS = "; t gives its class all of the target. Arrow keys go from ribbon to ribbon.";
const UNCHOSEN = "Each slice of the gap is one ribbon: as high as its mass, as wide as its distance.";

function createControls({ model, act }) {
  const menu = createExampleMenu(model, act, "Set p and t to an example");
  const order = createSwitch({
    label: "A unit of mass pays",
    choices: [[1, "l = 1: |xᵢ − xⱼ|"], [2, "l = 2: |xᵢ − xⱼ|²"]],
    trait: "order",
    act,
  });
  const matrix = createToggle({ label: "Matrix", trait: "matrix", act });
  const masses = SIDES.map((side) =>
    createRange({
      label: `Mass of ${side}`, min: 0.1, max: 1, step: 0.01, trait: `mass_${side}`, act, say: formatProbability,
    }),
  );
  return createToolbar([menu, order, matrix], {
    see: SEE,
    hint: HINT,
    keys: KEYS + MORE_KEYS,
    below: [createGroup(masses, "emdviz-masses")],
  });
}

function build(model, root) {
  const classes = model.get("classes");
  const x = places(model.get("positions"), classes.length);
  const act = createActions(model, { lists: SIDES, names: SIDES_STATE, choose: chooseTarget });
  const choice = createChoice(mark);
  const toolbar = createControls({ model, act });
  const drawings = {
    ribbons: framed(createRibbons({ classes, root, choice })),
    matrix: framed(createMatrix({ classes, root, choice })),
    slices: framed(createSlices({ classes, root })),
  };
  for (const side of SIDES) makeBarsMovable(drawings.ribbons.sides[side], { model, list: side, act });
  const costs = createCosts();
  const note = html("p", { class: "emdviz-slice-note" });
  const panel = (name, title, ...more) => createPanel({ kind: `a emdviz-${name}`, title }, drawings[name].node, ...more);
  const panels = {
    ribbons: panel("ribbons", "Plan as ribbons"),
    slices: panel("slices", "CDFs and the gap between them", note),
    matrix: panel("matrix", "Plan as a matrix"),
  };
  const { ribbons, slices, matrix } = panels;
  const frame = html("div", { class: "emdviz-panels" }, ribbons, slices, costs.node, matrix);
  root.append(toolbar.node, frame);
  let [unit, tall] = [0, 1];
  let plan = [];
  let order = 1;

  function arrange() {
    const withMatrix = model.get("matrix");
    panels.matrix.hidden = !withMatrix;
    const three = withMatrix && frame.clientWidth >= ROOM_FOR_THREE * unit;
    set(frame, { "data-columns": three ? "three" : withMatrix && "two" });
    for (const [name, drawing] of Object.entries(drawings)) {
      if (panels[name].hidden) continue;
      if (name === "matrix") drawing.resize(unit, tall);
      else drawing.resize(unit, x, tall);
    }
  }

  function mark() {
    const chosen = choice.now();
    const way = chosen && plan.find(({ i, j }) => i === chosen[0] && j === chosen[1]);
    drawings.ribbons.ways.mark(chosen);
    drawings.matrix.ways.mark(chosen);
    drawings.slices.mark(way || null);
    write(note, way ? `${way.name}: ${reckon(way, x, order)}` : UNCHOSEN);
  }

  return {
    frame,
    resize(...size) {
      [unit, tall] = size;
      arrange();
    },
    update() {
      const state = read(model, FOLLOWED);
      order = state.order;
      const [supply, demand] = SIDES.map((side) => weigh(state[side], state[`mass_${side}`]));
      const name = nameWays({ classes, x, order, even: !state.positions });
      plan = optimalPlan(supply, demand, x, order).map((way) => ({
        ...way, name: name(way), cost: way.mass * trips(way.i, way.j, x, order),
      }));
      const moved = sum(plan.map(({ mass }) => mass));
      const pins = { p: state.pinned_p, t: state.pinned_t };
      const shown = { supply, demand, plan, pins, name, ...marginals(plan, classes.length) };
      for (const [key, drawing] of Object.entries(drawings)) {
        if (!panels[key].hidden) drawing.update(shown);
      }
      mark();
      const numbers = costsOf(model, state, plan, x);
      costs.update(state, numbers, moved, x);
      toolbar.update(state);
      return describeTransport({ classes, state, plan, costs: numbers, moved, name });
    },
  };
}

export default makeWidget({
  name: "transport", build, follow: FOLLOWED, panels: ["matrix"], lists: SIDES, names: SIDES_STATE,
});
