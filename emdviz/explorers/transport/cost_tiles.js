// What the plan costs, beside POT's number and the closed form, and a sentence on why they differ.

import { formatLoss, formatProbability, html, write } from "../kit/dom.js";
import { equal, gapNorm } from "../kit/distributions.js";
import { read } from "../kit/sync.js";
import { createTile } from "../kit/controls.js";
import { planCost, trips } from "./optimal_plan.js";

export const QUESTION = ["p", "t", "mass_p", "mass_t", "order", "positions"];

const POWER = { 1: "", 2: "²" };
const CLOSED = {
  1: ["EMD", "closed form Σ|d|Δ", "Earth Mover's Distance, from the gap alone"],
  2: ["EMD²", "closed form Σd²Δ", "squared Earth Mover's Distance, from the gap alone"],
};
const LOWER = "lower is better";

/** The costs of a state and its plan; Python's is the number, "waiting", or "absent" for ever. */
export function costsOf(model, state, plan, x) {
  const partial = Math.abs(state.mass_p - state.mass_t) > 1e-9;
  const { question, cost } = model.get("_exact");
  const known = equal(question, read(model, QUESTION));
  return {
    plan: planCost(plan, x, state.order),
    closed: partial ? null : gapNorm(state.p, state.t, x, state.order),
    exact: known ? cost : model.get("_kernel") === false ? "absent" : "waiting",
  };
}

const UNITS = { 1: "class steps", 2: "squared class steps" };

/** Return a function that names a way of the plan, with what it costs. */
export function nameWays({ classes, x, order, even }) {
  return ({ i, j, mass }) => {
    const what = formatProbability(mass);
    if (i === j) return `${what} stays at ${classes[i]}, costs nothing`;
    const cost = formatLoss(mass * trips(i, j, x, order));
    return `${what} from ${classes[i]} to ${classes[j]}, costs ${cost}${even ? ` ${UNITS[order]}` : ""}`;
  };
}

/** The sum behind a way's cost, as far as digits allow. */
export function reckon({ i, j, mass }, x, order) {
  const far = Number(Math.abs(x[i] - x[j]).toPrecision(4));
  const cost = formatLoss(mass * trips(i, j, x, order));
  return `${formatLoss(mass)} × ${far}${POWER[order]} = ${cost}`;
}

/** Make the three tiles and the sentence below them. */
export function createCosts() {
  const plan = createTile({
    key: "plan", name: "", full: "", better: LOWER, formula: "",
    spoken: "what the plan shown costs",
  });
  const exact = createTile({
    key: "exact", name: "POT's cost", full: "exact, by a solver", better: LOWER,
    formula: "in Python", spoken: "the exact cost, from POT",
  });
  const closed = createTile({
    key: "closed_form", name: "", better: LOWER, formula: "",
    spoken: "what the gap between the CDFs gives",
  });
  const why = html("p", { class: "emdviz-why" });
  const tiles = [plan, exact, closed].map(({ node }) => node);
  return {
    node: html(
      "section",
      { class: "emdviz-panel emdviz-account", "aria-label": "Costs" },
      html("div", { class: "emdviz-tiles emdviz-three" }, ...tiles),
      why,
    ),
    update(state, costs, moved, x) {
      const { order } = state;
      const partial = costs.closed === null;
      const sum = `Σ F |xᵢ − xⱼ|${POWER[order]}`;
      plan.rename("This plan's cost", partial ? `${sum} / Σ F` : sum, `mass × distance${POWER[order]}`);
      plan.update(formatLoss(costs.plan), `moves ${formatProbability(moved)}`);
      exact.update(...sayExact(costs));
      closed.rename(...CLOSED[order]);
      closed.update(...sayClosed(costs));
      write(why, explain({ state, costs, moved, x }));
    },
  };
}

function sayExact({ exact, plan }) {
  if (exact === "waiting") return ["…", "Python is asked"];
  if (exact === "absent") return ["–", "runs in Python"];
  const same = formatLoss(exact) === formatLoss(plan);
  return [formatLoss(exact), same ? "= this plan" : "≠ this plan", same ? "same" : "higher"];
}

function sayClosed({ closed, plan }) {
  if (closed === null) return ["–", "undefined"];
  if (formatLoss(closed) === formatLoss(plan)) return [formatLoss(closed), "= this plan", "same"];
  return [formatLoss(closed), closed < plan ? "▼ lower" : "▲ higher"];
}

function explain({ state, costs, moved, x }) {
  if (costs.closed === null) {
    return (
      `Masses differ: ${formatProbability(moved)} travels, the rest stays behind for nothing, and ` +
      "the paper's Eq. (1) divides the cost by the mass moved. The two CDFs would end at different " +
      "heights, so the closed form is undefined; drawn are the CDFs of what travels."
    );
  }
  if (state.order === 1) {
    return (
      "The plan cuts the gap into rows, the closed form into columns: it is the same area, " +
      "so the numbers agree."
    );
  }
  const emd = gapNorm(state.p, state.t, x, 1);
  const bounds = [emd ** 2 / (x[x.length - 1] - x[0]), emd].map(formatLoss).join(" and ");
  return (
    "Transport squares how far each row reaches, EMD² squares how high each column stands, so they " +
    "differ. EMD² is half the squared energy distance, not a transport cost; it lies between " +
    `EMD·EMD ÷ (x_C − x₁) and EMD, here ${bounds}.`
  );
}

/** What the picture shows, for those who hear it. */
export function describeTransport({ classes, state, plan, costs, moved, name }) {
  const costliest = plan.reduce((a, b) => (b.cost > a.cost ? b : a));
  const said = { waiting: "POT's number is awaited", absent: "POT's number needs Python" };
  return [
    `Transport of ${formatProbability(moved)} from prediction p to target t over ${classes.length} ` +
      `ordered classes, at distance to the power ${state.order}.`,
    `This plan costs ${formatLoss(costs.plan)} in ${plan.length} ways;`,
    `${said[costs.exact] ?? `POT's exact cost is ${formatLoss(costs.exact)}`};`,
    costs.closed === null
      ? "the closed form is undefined, as the masses differ."
      : `the closed form is ${formatLoss(costs.closed)}.`,
    costliest.cost > 0 ? `The costliest way: ${name(costliest)}.` : "Nothing needs to move.",
  ].join(" ");
}
