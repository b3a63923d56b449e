// What each loss teaches when labels are drawn from t: the prediction of least expected loss.

import { createActions, KEYS } from "../kit/actions.js";
import { askPython, numbers } from "../kit/asking.js";
import { closedForms, medians, ofLoss } from "../kit/closed_forms.js";
import { formatLoss, framed, html, set, write } from "../kit/dom.js";
import { equal, oneHot, places } from "../kit/distributions.js";
import { createOutcome } from "./best_prediction.js";
import { createBarPanel } from "../kit/bar_chart.js";
import { createActionMenu, createToggle, createToolbar } from "../kit/controls.js";
import { score, scoreOfAnswer, verdict, verdictOnAnswer } from "./minimisers.js";
import { makeWidget } from "../kit/widget.js";
import { createSimplex } from "./simplex.js";

const LISTS = ["t", "p"];
const STATE = [...LISTS, "pinned_t", "pinned_p", "show_p", "positions"];
const LEAST_TALL = 0.7; // of the bars of t, beside more cards than the screen holds
const QUESTION = ["t", "p", "positions"];
const TITLES = { t: "True labels", p: "Your prediction" };
const SEE =
  "A loss is proper if no answer to uncertain labels is better than their own distribution t.";
const SEE_FOUR =
  "Cross-entropy and EMD² reward it; EMD rewards certainty of the median, REG the mean alone.";
const HINT =
  "Drag a bar of t; double-click pins it. Labels are drawn from t, one at a time; below stands " +
  "the prediction with which each loss is least on average.";

/** Rows of a name, an expected loss, and how much more it is than the least. */
function createCosts() {
  const rows = {};
  const table = html("table", { class: "emdviz-costs", title: "mean over labels drawn from t" });
  for (const [key, words] of [["least", "loss"], ["honest", "loss of t"], ["yours", "of your p"]]) {
    const value = html("td", { class: "emdviz-cost", "data-cost": key });
    const more = html("td", { class: "emdviz-regret", "data-regret": key });
    const row = html("tr", {}, html("th", { scope: "row" }, words), value, more);
    if (key === "least") write(more, "lower is better");
    rows[key] = { row, value, more };
    table.append(row);
  }
  return {
    node: table,
    update(costs) {
      for (const [key, { row, value, more }] of Object.entries(rows)) {
        row.hidden = costs[key] === null;
        if (row.hidden) continue;
        const known = costs[key] !== undefined;
        write(value, known ? formatLoss(costs[key]) : "–");
        if (key !== "least" && !known) write(more, "");
        if (!known) continue;
        const regret = costs[key] - costs.least;
        const worse = regret > 1e-9;
        set(more, { class: `emdviz-regret${worse ? " emdviz-worse" : ""}` });
        if (key !== "least") write(more, worse ? `+${formatLoss(regret)}` : "= best");
      }
    },
  };
}

/** All that one loss has to show: the best prediction, the verdict, costs, and the landscape. */
function createCard({ loss, model, root, act }) {
  const classes = model.get("classes");
  const spoken = loss.asked ? loss.label : closedForms[loss.name].words;
  const by = model.get("_kernel") === false ? "stored" : "in Python";
  const outcome = framed(createOutcome({ classes, root }));
  const words = html("p", { class: "emdviz-verdict" });
  const costs = createCosts();
  const simplex = classes.length === 3 && createSimplex({ classes, root, move: act.place });
  const node = html(
    "section",
    { ...ofLoss(loss, "emdviz-outcome"), "aria-label": spoken },
    html("h3", {}, loss.label, html("span", { class: "emdviz-end" }, loss.asked ? by : spoken)),
    words, outcome.node, costs.node,
  );
  if (simplex) node.append(simplex.node);
  return {
    node,
    resize(unit, x, tall, named) {
      outcome.resize(unit, x, tall, named);
      if (simplex) simplex.resize(simplex.node.clientWidth, unit, tall);
    },
    update(state, x) {
      const { answer, late, words: why } = loss.asked ? askPython(model, loss.name, QUESTION) : {};
      // where t is the same, all but the cost of p holds
      const same = late && equal(model.get("_answers")[loss.name]?.question.t, state.t);
      set(node, { "data-late": late && !same && "true" });
      if (loss.asked && !answer) {
        write(words, why);
        outcome.update(state.t, state.t.map(() => 0), 0);
        costs.update({ least: undefined, honest: undefined, yours: state.show_p ? undefined : null });
        if (simplex) simplex.hide("");
        return `${spoken}: ${why}.`;
      }
      const found = loss.asked ? scoreOfAnswer(numbers(answer), x) : score(loss.name, state.t, x);
      const { least, honest, best, mean } = found;
      const told = loss.asked ? (late ? undefined : found.yours) : found.expected(state.p);
      const yours = state.show_p ? told : null;
      const text = loss.asked
        ? verdictOnAnswer(found, { ...state, classes })
        : verdict(loss.name, found, { ...state, classes });
      write(words, text);
      outcome.update(state.t, best, mean);
      costs.update({ least, honest, yours });
      if (simplex && found.expected) simplex.update(found, state.t, state.show_p ? state.p : null);
      else if (simplex) simplex.hide("It takes no p, so that no landscape can be drawn.");
      if (loss.asked) return `${spoken}: ${text}; the best found costs ${formatLoss(least)}.`;
      const own = yours === null ? "" : `, yours costs ${formatLoss(yours)}`;
      return `${spoken}: ${text}; the best costs ${formatLoss(least)}, honest costs ${formatLoss(honest)}${own}.`;
    },
  };
}

/** Menus that set t or p to an example. */
function createExamples({ model, act }) {
  const own = {
    t: { label: "t, the honest one", of: (t) => t },
    median: { label: "certain of the median", of: (t) => oneHot(medians(t)[0], t.length) },
  };
  const menu = (list, examples) =>
    createActionMenu({
      label: `Set ${TITLES[list].toLowerCase()} ${list} to an example`,
      title: `Set ${list} to …`,
      examples,
      act: ({ p, of }) => act.place(list, p ?? of(act.state().t)),
    });
  const examples = model.get("_presets");
  return { t: menu("t", examples), p: menu("p", { ...own, ...examples }) };
}

function build(model, root) {
  const classes = model.get("classes");
  const x = places(model.get("positions"), classes.length);
  const actions = createActions(model, { lists: LISTS, names: STATE, choose: (state) => state });
  const act = {
    ...actions,
    place: (list, p) => actions.put({ [list]: p, [`pinned_${list}`]: [] }),
  };
  const own = createToggle({ label: "Try a prediction of your own", trait: "show_p", act });
  const names = model.get("_losses").map(({ name }) => name);
  const judged = Object.keys(closedForms).filter((name) => closedForms[name].best);
  const four = judged.every((name) => names.includes(name));
  const menus = createExamples({ model, act });
  const panels = LISTS.map((list) =>
    createBarPanel({
      kind: list === "t" ? "t" : "a",
      letter: list, title: TITLES[list], list, menu: menus[list], model, root, act,
      withSteps: false, mayChoose: false, marked: false,
    }),
  );
  const cards = model.get("_losses").map((loss) => createCard({ loss, model, root, act }));
  const landscapes = classes.length === 3;
  const frame = html(
    "div",
    { class: "emdviz-layout", "data-landscapes": landscapes },
    html("div", { class: "emdviz-panels" }, ...panels.map(({ node }) => node)),
    html("div", { class: "emdviz-outcomes" }, ...cards.map(({ node }) => node)),
  );
  const toolbar = createToolbar([own], { see: four ? `${SEE} ${SEE_FOUR}` : SEE, hint: HINT, keys: `${KEYS}.` });
  root.append(toolbar.node, frame);

  return {
    frame,
    resize(unit, tall) {
      const shown = act.state().show_p;
      set(panels[1].node, { hidden: !shown });
      const high = cards.length > 4 ? Math.max(tall, LEAST_TALL) : tall;
      for (const panel of shown ? panels : panels.slice(0, 1)) panel.resize(unit, x, high);
      // one below the other, they have the classes' names in common
      const together = !landscapes && "fit" in root.dataset;
      cards.forEach((card, i) => card.resize(unit, x, tall, !together || i === cards.length - 1));
    },
    update() {
      const state = act.state();
      toolbar.update(state);
      panels[0].update(state);
      if (state.show_p) panels[1].update(state);
      const said = cards.map((card) => card.update(state, x));
      return [describeTruth(classes, state.t), ...said].join(" ");
    },
  };
}

function describeTruth(classes, t) {
  const shares = t.map((value, i) => `${classes[i]} ${value.toFixed(2)}`);
  return `Labels are drawn from ${shares.join(", ")}. Best predictions:`;
}

export default makeWidget({ name: "propriety", build, follow: [...STATE, "_answers"], panels: ["show_p"], names: STATE, lists: LISTS });
