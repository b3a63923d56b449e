// Two predictions over ordered classes, side by side: drag a bar and see what four losses make of it.

import { createActions, KEYS } from "../kit/actions.js";
import { askPython, numbers, understood } from "../kit/asking.js";
import { closedForms } from "../kit/closed_forms.js";
import { formatLoss, formatProbability, html, set, write } from "../kit/dom.js";
import { equal, oneHot, places } from "../kit/distributions.js";
import {
  equalXePath, moveBar, other, PAIR, PAIR_STATE, tie, withTarget,
} from "./equal_cross_entropy.js";
import { createBarPanel } from "../kit/bar_chart.js";
import {
  createActionMenu, createButton, createMenu, createRange, createTargetMenu, createTile, createToggle, createToolbar,
} from "../kit/controls.js";
import { makeWidget } from "../kit/widget.js";

const SEE = "Move probability: which losses change, and which do not?";
const SEE_BOTH =
  "Cross-entropy looks at the true class alone, wherever the rest lies. " +
  "EMD² falls whenever some of the rest moves towards it.";
const HINT =
  "Drag a bar up or down, or sideways to another bar to carry probability there. " +
  "Double-click pins a bar; a click on a class name makes it the true class.";
const WORDS = { same: "= same as", lower: "▼ lower than", higher: "▲ higher than" };

/** The controls above the panels: true class, presets, and equal cross-entropy. */
function createControls({ model, x, actions, note }) {
  const presets = model.get("_presets");
  const target = createTargetMenu(model, actions);
  const pair = createButton({
    label: "Figure 1's pair",
    press() {
      const state = actions.state();
      const [p, q] = ["far", "near"].map((name) => presets[name].rows[state.target]);
      actions.put({ ...state, p, q, pinned_p: [], pinned_q: [], equal_xe: true, equal_loss: "" });
    },
  });
  const lock = createToggle({
    label: "Equal cross-entropy",
    trait: "equal_xe",
    choose(on) {
      const state = { ...actions.state(), equal_xe: on, equal_loss: "" };
      actions.put(on ? withTarget(state, state.target) : state);
    },
  });
  const losses = model.get("_losses");
  // Python keeps it equal, for losses that the browser does not know
  const equalLoss = createMenu({
    label: "Equal loss",
    choices: [["", "none"], ...losses.map(({ name, label }) => [name, label])],
    trait: "equal_loss",
    choose: (name) => actions.put(name ? { equal_loss: name, equal_xe: false } : { equal_loss: "" }),
  });
  equalLoss.node.hidden = model.get("_kernel") === false || !losses.some(({ asked }) => asked);
  const journey = createJourney({ x, actions });
  const keys = `${KEYS}; t makes its class the true one.`;
  const toolbar = createToolbar([target, lock, equalLoss, pair], { see: note, hint: HINT, keys, below: [journey.node] });
  return {
    node: toolbar.node,
    /** A menu that sets one prediction to an example. */
    presetMenu: (list, letter) =>
      createActionMenu({
        label: `Set prediction ${letter} to an example`,
        title: `Set ${letter} to …`,
        examples: presets,
        act({ rows }) {
          const state = actions.state();
          const next = { ...state, [list]: rows[state.target], [`pinned_${list}`]: [] };
          actions.put(state.equal_xe ? tie(next, other(list)) : next);
        },
      }),
    update(state, emd2) {
      toolbar.update(state);
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
      range.show(
        share === null ? null : Math.round(100 * share),
        `EMD squared of B ${formatLoss(emd2)}, possible ${words}`,
        `EMD² from ${words}`,
      );
    },
  };
}

/** A line that says what became of a move, where the bars alone would leave a reader to wonder. */
function createAccount(model, see) {
  const classes = model.get("classes");
  const node = html("p", { class: "emdviz-see", role: "status" }, see);
  let told = null; // the state of which the line tells
  let limit = ""; // what Python said of it
  const say = (words, state) => {
    write(node, words || see);
    set(node, { class: words ? "emdviz-see emdviz-note" : "emdviz-see" });
    told = state;
  };
  return {
    node,
    /** Let actions tell of what they do. */
    tellOf: (actions) => ({
      ...actions,
      move(list, i, value) {
        actions.move(list, i, value);
        const now = actions.state();
        if (Math.abs(now[list][i] - value) > 1e-9) say(explainLimit(classes, now, list, i), now);
      },
      carry(list, began, i, j, value) {
        const swap = began.equal_xe && i === began.target; // the other prediction follows there
        if (swap) actions.carry(list, began, j, i, began[list][i] + began[list][j] - value);
        else actions.carry(list, began, i, j, value);
        const now = actions.state();
        say(explainCarried(classes, began, now, list, i, j), now);
      },
    }),
    update(state) {
      told ??= state;
      if (model.get("_limit") !== limit) {
        limit = model.get("_limit");
        return say(limit, state);
      }
      if (limit) return (told = state);
      if (!equal(told, state)) say(explainTie(classes, told, state), state);
    },
  };
}

const LETTERS = { p: "A", q: "B" };

function explainLimit(classes, state, list, i) {
  const { target, equal_xe: tied, [`pinned_${list}`]: pins } = state;
  const others = pins.filter((j) => j !== i && !(tied && j === target));
  const kept = [
    tied && i !== target && `with equal cross-entropy the true class keeps its ${formatProbability(state[list][target])}`,
    others.length && `${others.map((j) => classes[j]).join(", ")} ${others.length > 1 ? "are" : "is"} pinned`,
    tied && i === target && "with equal cross-entropy the other prediction must follow, which a pin forbids",
  ];
  const why = kept.filter(Boolean).slice(0, 2).join(", and ");
  return `${LETTERS[list]} stops at ${formatProbability(state[list][i])} for ${classes[i]}: ${why}.`;
}

function explainCarried(classes, began, state, list, i, j) {
  const mass = state[list][j] - began[list][j];
  const [from, to] = (mass < 0 ? [j, i] : [i, j]).map((k) => classes[k]);
  const tied = began.equal_xe && [i, j].includes(began.target);
  const rest = tied
    ? `with equal cross-entropy ${LETTERS[other(list)]} follows at the true class.`
    : "all other classes keep theirs.";
  return `${formatProbability(Math.abs(mass))} of ${LETTERS[list]} carried from ${from} to ${to}; ${rest}`;
}

/** What equal cross-entropy changed besides what the reader did, if anything. */
function explainTie(classes, before, now) {
  const k = now.target;
  if (!now.equal_xe || equal(before.q, now.q)) return "";
  const share = formatProbability(now.q[k]);
  if (before.target !== k || !before.equal_xe) {
    return `B was changed: with equal cross-entropy it gives the true class, ${classes[k]}, ${share}, as A does.`;
  }
  if (equal(before.p, now.p) || before.p[k] === now.p[k]) return "";
  return `With equal cross-entropy A and B change together at the true class: both give it ${share}.`;
}

function createPanel({ letter, list, model, root, act }) {
  const uneven = model.get("positions") ? 1 : 0;
  const tiles = model.get("_losses").map(({ name: key, label: name, asked, knowsPositions }) => {
    const { words: full, brief, formula } = asked
      ? { words: "", formula: Array(2).fill(uneven && !knowsPositions ? "in Python, classes 1 apart" : "in Python") }
      : closedForms[key];
    const facts = { key, name, full, brief, spoken: full || name, better: "lower is better", formula: formula[uneven] };
    return { key, ...createTile(facts) };
  });
  const panel = createBarPanel({
    kind: letter.toLowerCase(), letter, title: `Prediction ${letter}`, list,
    menu: act.presetMenu(list, letter), model, root, act,
    below: [html("div", { class: `emdviz-tiles${tiles.length > 4 ? " emdviz-many" : ""}` }, ...tiles.map((tile) => tile.node))],
    withSteps: !model.get("_bars_only"), // as the first steps of the site's tour ask
  });
  return {
    ...panel,
    update(state, own, theirs) {
      panel.update(state, state.target);
      for (const { key, node: tile, update } of tiles) {
        const [mine, his] = [own[key], theirs[key]];
        set(tile, { "data-late": mine.late && "true" });
        if (mine.value === null) update(mine.late ? "…" : "–", mine.words);
        else if (his.value === null) update(formatLoss(mine.value));
        else {
          const word = compare(mine.value, his.value);
          update(formatLoss(mine.value), `${WORDS[word]} ${LETTERS[other(list)]}`, word);
        }
      }
    },
  };
}

function build(model, root) {
  const classes = model.get("classes");
  const x = places(model.get("positions"), classes.length);
  const losses = model.get("_losses");
  const both = ["XE", "EMD2"].every((wanted) => losses.some(({ name }) => name === wanted));
  const account = createAccount(model, both ? SEE_BOTH : SEE);
  const actions = account.tellOf(
    createActions(model, { lists: PAIR, names: PAIR_STATE, moveBar, choose: withTarget }),
  );
  const controls = createControls({ model, x, actions, note: account.node });
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
      account.update(state);
      const truth = oneHot(state.target, classes.length);
      const valuesOf = (letter, p) =>
        Object.fromEntries(
          losses.map(({ name, asked }) => [
            name,
            asked ? byPython(model, name, letter, p, state) : { value: closedForms[name].expected(truth, x)(p) },
          ]),
        );
      const lossesOf = { A: valuesOf("A", state.p), B: valuesOf("B", state.q) };
      a.update(state, lossesOf.A, lossesOf.B);
      b.update(state, lossesOf.B, lossesOf.A);
      controls.update(state, closedForms.EMD2.expected(truth, x)(state.q));
      return describe({ classes, state, lossesOf, losses });
    },
  };
}

const QUESTION = ["p", "q", "target", "positions"];

/** What Python makes of the prediction p, which stands at `letter`: { value, late, words }. */
function byPython(model, name, letter, p, { target }) {
  const { answer, ...rest } = askPython(model, name, QUESTION);
  if (answer) return { value: numbers(answer[letter]), ...rest };
  // a page without a kernel knows the examples one by one
  const known = model.get("_known").find(({ question }) => question.target === target && equal(question.p, p));
  const told = known ? understood(known.told[name]) : rest;
  return told.answer ? { value: numbers(told.answer.A) } : { value: null, ...told };
}

/** How the first of two losses stands to the second, at the digits shown. */
function compare(mine, theirs) {
  if (formatLoss(mine) === formatLoss(theirs)) return "same";
  return mine < theirs ? "lower" : "higher";
}

/** What the picture shows, for those who hear it. */
function describe({ classes, state, lossesOf, losses }) {
  const k = state.target;
  const called = ({ name, label, asked }) => (asked ? label : closedForms[name].words);
  const one = (letter, p) => {
    const top = p.indexOf(Math.max(...p));
    const said = losses.map((loss) => {
      const { value, words } = lossesOf[letter][loss.name];
      return `${called(loss)} ${value === null ? words : formatLoss(value)}`;
    });
    return (
      `Prediction ${letter} gives the true class ${formatProbability(p[k])} and is largest at ` +
      `${classes[top]} with ${formatProbability(p[top])}; ${said.join(", ")}.`
    );
  };
  const known = losses.filter(({ name }) => lossesOf.A[name].value !== null && lossesOf.B[name].value !== null);
  const verdicts = known.map((loss) => {
    const verdict = compare(lossesOf.A[loss.name].value, lossesOf.B[loss.name].value);
    const lower = verdict === "lower" ? "A" : "B";
    return `${called(loss)} is ${verdict === "same" ? "the same" : `lower for ${lower}`}`;
  });
  const compared = verdicts.join(", ") || "no loss is known of both";
  return [
    `Two predictions over ${classes.length} ordered classes; the true class is ${classes[k]}.`,
    one("A", state.p),
    one("B", state.q),
    `${compared[0].toUpperCase()}${compared.slice(1)}.`,
  ].join(" ");
}

export default makeWidget({
  name: "prediction", build, follow: [...PAIR_STATE, "_answers", "_limit"], names: PAIR_STATE, lists: PAIR, moveBar,
  watched: ["target"], settle: (state) => withTarget(state, state.target),
  complete(state, given) {
    const { p, q, target: k } = state;
    if (!state.equal_xe || Math.abs(p[k] - q[k]) < 1e-6) return state;
    if (given.includes("equal_xe")) {
      return `equal = 1 needs p and q to give the true class the same, got ${p[k]} and ${q[k]}`;
    }
    return given.includes("q") ? { ...state, equal_xe: false } : tie(state, "q");
  },
});
