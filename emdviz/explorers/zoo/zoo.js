// A table of losses: what each makes of mistakes, and what it rewards. Two of its rows are compared.

import { createActions, KEYS } from "../kit/actions.js";
import { createBarPanel } from "../kit/bar_chart.js";
import { createActionMenu, createButton, createMenu, createToolbar } from "../kit/controls.js";
import { equal } from "../kit/distributions.js";
import { formatLoss, formatProbability, html, set, write } from "../kit/dom.js";
import { makeWidget } from "../kit/widget.js";
import { createSmallBars, createSmallCurve, createSmallPush } from "./drawings.js";
import { readPair } from "./pairs.js";
import { answerOf } from "./rules.js";

const FILTERS = {
  family: ["Family", (row) => row.family],
  rewards: ["Proper?", (row) => row.proper],
  order: ["Order", (row) => (row.keeps?.order ? "kept" : "not kept")],
  push: ["Push", (row) => ({ true: "saturates", false: "pushes on" })[row.saturates]],
  cost: ["Cost", (row) => (row.cost <= 2 ? "at most twice XE" : "more")],
  outputs: ["Outputs", (row) => row.outputs],
  options: ["Options", (row) => (Object.keys(row.options ?? {}).length ? "some" : "none")],
};
const PROPER = ["strictly proper", "proper", "not proper", "no probabilities", "constant"];
// whose greatest comes first
const FALLING = ["order", "push"];
const many = (row) => Object.keys(row.options ?? {}).length;
const KEEPS =
  "what its best answers keep of six label distributions with one peak: mode, median, mean, order of the probabilities";
/** Columns: its trait value for sorting, its name, what it is explained by, and what is compared. */
const COLUMNS = [
  ["name", "Loss", "sorted by its name; click a loss to compare it", (row) => row.label.toLowerCase()],
  [null, "Best answer", "the prediction of least expected loss for labels drawn from t, whose outline is green"],
  ["proper", "Proper?", "is the best answer to uncertain labels their own distribution t?", (row) => PROPER.indexOf(row.proper)],
  ["order", "Keeps", KEEPS, (row) => -Object.values(row.keeps ?? {}).filter(Boolean).length],
  ["push", "Push", "push on each output in a confident mistake, as a share of the loss’s greatest push on the way there", (row) => -(row.share ?? 0)],
  [null, "Cost of certainty", "loss of an answer nearly certain of each class, from left to right; the green one is true"],
  ["cost", "Step", "time of a step, in steps of cross-entropy: lower is better", (row) => row.cost ?? 99],
  ["outputs", "Outputs", "numbers that a network gives, for C classes", (row) => row.outputs ?? ""],
  ["options", "Options", "how many options it has", many],
];
const KEPT = { mode: "mode", median: "median", mean: "mean", order: "order" };
const STATE = ["t", "pinned_t", "first", "second", "sort", "descending", ...Object.keys(FILTERS)];
const SEE = "Which losses reward the truth, and which a confident mistake? Drag t and see all best answers change.";
const HINT =
  "Drag a bar of t; double-click pins it. Click a column’s name to sort. Click two losses to compare them.";

function createRow({ row, model, act }) {
  const count = model.get("classes").length;
  const name = html("button", { class: "emdviz-name", type: "button", title: row.about }, row.label);
  name.addEventListener("click", () => act.compare(row.name));
  const family = html("span", { class: "emdviz-end" }, row.family);
  const mark = html("span", { class: "emdviz-mark", "aria-hidden": "true" });
  const head = html("th", { scope: "row" }, mark, name, family);
  const best = createSmallBars(count);
  const late = html("span", { class: "emdviz-end" });
  const cell = (content, title) => html("td", { title }, content);
  const node = html("tr", { "data-row": row.name }, head);
  if (row.pending || row.failed) {
    node.append(html("td", { colspan: COLUMNS.length - 1 }, row.failed ? `failed: ${row.failed}` : "Python computes this row …"));
  } else {
    const { counter } = row;
    const why = counter && `For t = (${counter.t.join(", ")}) it prefers (${counter.better.join(", ")})`;
    const kept = Object.keys(KEPT).filter((key) => row.keeps?.[key]);
    const asked = Object.entries(row.options).map(([key, meaning]) => `${key}: ${meaning}`).join("\n");
    const share = row.share === null ? "–" : `${Math.round(100 * row.share)} %`;
    node.append(
      html("td", { "data-best": "true" }, best.node, late),
      cell(row.proper, why),
      cell(kept.length === 4 ? "all four" : kept.join(", ") || "–", KEEPS),
      html("td", { "data-saturates": row.saturates && "true" }, createSmallPush(row.push), html("span", { class: "emdviz-share-of" }, share)),
      cell(createSmallCurve(row.curve, model.get("_label"))),
      cell(`× ${row.cost}`), cell(row.outputs), cell(many(row) ? String(many(row)) : "none", asked),
    );
  }
  return {
    node, row,
    update(state) {
      const place = [state.first, state.second].indexOf(row.name);
      set(node, { "data-chosen": place < 0 ? null : place + 1 });
      write(mark, place < 0 ? "" : String(place + 1));
      set(name, { "aria-pressed": String(place >= 0) });
      if (row.pending || row.failed) return false;
      const { answer, words } = answerOf(row, state.t, model);
      write(late, words);
      best.update(state.t, answer);
      return words === "…";
    },
  };
}

function createHead(act) {
  const cells = COLUMNS.map(([key, title, about]) => {
    if (!key) return html("th", { scope: "col", title: about }, title);
    const button = html("button", { class: "emdviz-sort", type: "button" }, title);
    button.addEventListener("click", () => act.sort(key));
    return html("th", { scope: "col", title: about }, button);
  });
  return {
    node: html("thead", {}, html("tr", {}, ...cells)),
    update({ sort, descending }) {
      const order = descending !== FALLING.includes(sort) ? "descending" : "ascending";
      COLUMNS.forEach(([key], i) => set(cells[i], { "aria-sort": key && key === sort ? order : null }));
    },
  };
}

/** The two predictions that one loss calls equal and the other tells apart. */
function createPair({ model, act }) {
  const classes = model.get("classes");
  const charts = [0, 1].map(() => createSmallBars(classes.length, { large: true }));
  const words = html("p", { class: "emdviz-told", role: "status" });
  const swap = createButton({ label: "⇄ swap", press: act.swap });
  const notes = charts.map(() => html("span", {}));
  const figures = charts.map((chart, i) =>
    html(
      "div",
      { class: `emdviz-one emdviz-${"ab"[i]}` },
      html("span", { class: "emdviz-letter", "aria-hidden": "true" }, "AB"[i]), chart.node, notes[i],
    ),
  );
  const both = html("div", { class: "emdviz-both" }, ...figures);
  const title = html("h3", {}, "Two losses");
  const node = html("section", { class: "emdviz-pair", "aria-label": "Two losses compared" }, html("div", { class: "emdviz-header" }, title, swap), words, both);
  const truth = classes.map((_, i) => (i === model.get("_label") ? 1 : 0));
  return {
    node,
    update(rows, { first, second }) {
      const [one, other] = [first, second].map((name) => rows.find((row) => row.name === name));
      const told = model.get("_pairs")[first]?.[second];
      const pair = told && readPair(told);
      both.hidden = !pair;
      const text = pair ? explainPair(one, other, pair, classes[model.get("_label")]) : explainNone(one, other, model);
      write(words, text);
      if (!pair) return text;
      charts.forEach((chart, i) => {
        chart.update(truth, { p: pair.both[i] });
        write(notes[i], `${one.label} ${formatLoss(pair.one)}, ${other.label} ${formatLoss(pair.other[i])}`);
      });
      return text;
    },
  };
}

function explainPair(one, other, pair, truth) {
  const [a, b] = pair.other;
  const better = a < b ? "A" : "B";
  return (
    `${one.label} calls A and B equal where class ${truth} is true: ${formatLoss(pair.one)}. ` +
    `${other.label} prefers ${better}: ${formatLoss(Math.min(a, b))} against ${formatLoss(Math.max(a, b))}.`
  );
}

function explainNone(one, other, model) {
  if (one === other) return "Click another loss to compare it with this one.";
  if (one.pending || other.pending) return "Python computes a row …";
  const failed = [one, other].find((row) => row.failed);
  if (failed) return `${failed.label} failed. Compare two losses that can be computed.`;
  const without = [one, other].find((row) => !row.takes_p);
  if (without) {
    const others = without.outputs === "C" ? "reads its outputs in its own way" : `has ${without.outputs} outputs`;
    return `${without.label} takes no distribution p: it ${others}. Compare two losses that do.`;
  }
  const batches = [one, other].find((row) => !row.comparable);
  if (batches) return `${batches.label} judges a whole batch. Compare two losses that judge single predictions.`;
  const known = model.get("_pairs")[one.name];
  if (known && other.name in known) {
    return `No two predictions were found that ${one.label} calls equal and ${other.label} tells apart by much.`;
  }
  return model.get("_kernel") === false ? "This pair needs a running kernel." : "Python searches for a pair …";
}

function build(model, root) {
  const actions = createActions(model, { lists: ["t"], names: STATE, choose: (state) => state });
  const act = {
    ...actions,
    sort(key) {
      const { sort, descending } = actions.state();
      actions.put({ sort: key, descending: sort === key && !descending });
    },
    compare(name) {
      const { first, second } = actions.state();
      if (name === second) return;
      actions.put({ first: second, second: name });
      if (name === first) actions.put({ first: second, second: first });
    },
    swap() {
      const { first, second } = actions.state();
      actions.put({ first: second, second: first });
    },
  };
  const filters = Object.entries(model.get("_filters")).map(([trait, values]) =>
    createMenu({ label: FILTERS[trait][0], choices: values.map((value) => [value, value]), trait, act }),
  );
  const examples = createActionMenu({
    label: "Set t to an example",
    title: "Set t to …",
    examples: model.get("_presets"),
    act: ({ p }) => actions.put({ t: p, pinned_t: [] }),
  });
  const panel = createBarPanel({
    kind: "t", letter: "t", title: "Labels", list: "t", menu: examples, model, root, act,
    withSteps: false, mayChoose: false, marked: false, tall: 0.8,
  });
  const head = createHead(act);
  const body = html("tbody");
  const table = html("table", { class: "emdviz-losses" }, head.node, body);
  const scroll = html("div", { class: "emdviz-scroll", tabindex: 0, role: "region", "aria-label": "Table of losses" }, table);
  const counted = html("p", { class: "emdviz-end emdviz-counted" });
  const pair = createPair({ model, act });
  const side = html("div", { class: "emdviz-side emdviz-stack" }, panel.node, pair.node);
  const frame = html("div", { class: "emdviz-guide" }, side, html("div", { class: "emdviz-stack" }, scroll, counted));
  const toolbar = createToolbar(filters, { see: SEE, hint: HINT, keys: `${KEYS}.` });
  root.append(toolbar.node, frame);
  // the kernel searches first for the best answers that the reader sees
  let timer = 0;
  function tellSight() {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (model.get("_kernel") === false || !scroll.isConnected) return;
      const { top, bottom } = scroll.getBoundingClientRect();
      const seen = made.filter(({ node }) => {
        const box = node.getBoundingClientRect();
        return node.isConnected && box.bottom > top && box.top < bottom;
      });
      model.send({ do: "see", rows: seen.map(({ row }) => row.name) });
    }, 150);
  }
  scroll.addEventListener("scroll", tellSight, { passive: true });
  let rows = null;
  let made = [];
  let placed = null;
  let count = "";

  /** Make rows where they were computed anew, and put those that pass in order. */
  function place(state) {
    if (rows !== model.get("_rows")) {
      rows = model.get("_rows");
      made = rows.map((row) => made.find((one) => one.row === row) ?? createRow({ row, model, act }));
      placed = null;
    }
    const wanted = Object.fromEntries([...Object.keys(FILTERS), "sort", "descending"].map((key) => [key, state[key]]));
    if (placed && equal(placed, wanted)) return;
    placed = wanted;
    const passes = ({ row }) =>
      Object.entries(FILTERS).every(([key, [, of]]) => state[key] === "all" || of(row) === state[key]);
    const shown = made.filter(passes);
    const column = COLUMNS.find(([key]) => key === state.sort);
    const by = column ? column[3] : ({ family }) => model.get("_filters").family.indexOf(family);
    const sign = column && state.descending ? -1 : 1;
    shown.sort((a, b) => sign * (by(a.row) > by(b.row) ? 1 : by(a.row) < by(b.row) ? -1 : 0));
    body.replaceChildren(...shown.map(({ node }) => node));
    tellSight();
    count = shown.length === made.length ? `${made.length} losses; hover or focus for more` : `${shown.length} of ${made.length} losses`;
  }

  return {
    frame,
    resize(unit, tall) {
      panel.resize(unit, model.get("classes").map((_, i) => i), tall);
      scroll.style.maxHeight = `${Math.round(("fit" in root.dataset ? 64 : 34) * tall * unit)}px`;
    },
    update() {
      const state = actions.state();
      place(state);
      head.update(state);
      toolbar.update(state);
      panel.update(state);
      const waiting = made.map((row) => row.update(state)).filter(Boolean).length;
      write(counted, waiting ? `${count} · Python computes ${waiting} best answer${waiting > 1 ? "s" : ""} …` : count);
      const said = pair.update(rows, state);
      const shares = state.t.map((value, i) => `${model.get("classes")[i]} ${formatProbability(value)}`);
      return `A table of ${rows.length} losses, ${body.children.length} shown. Labels are drawn from ${shares.join(", ")}. ${said}`;
    },
  };
}

export default makeWidget({
  name: "zoo", build, follow: [...STATE, "_answers", "_rows", "_pairs"], rebuild: ["classes"], names: STATE, lists: ["t"],
});
