// What the scalings came to: four numbers, and sentences on where they come from.

import { formatProbability, html, write } from "../kit/dom.js";
import { gapNorm } from "../kit/distributions.js";
import { createTile } from "../kit/controls.js";
import { convergedPlan, distances, MOST, SAMPLES, scale } from "./rounding.js";

const LEAST = 1e-8; // of a difference that is told from rounding
const TINY = 1e-30;
const LARGEST = { float32: "3.4e38", float64: "1.8e308" };

/** A number as it is: NaN, an exact 0.0, or as many digits as tell it from 0. */
export function formatCost(value) {
  if (Number.isNaN(value)) return "NaN";
  if (value === 0) return "0.0";
  const size = Math.abs(value);
  if (size < TINY) return `< ${TINY}`;
  return size < 0.0005 ? value.toExponential(1) : value.toFixed(size < 10 ? 3 : 2);
}

/** A difference; of what rounding alone brings about, no digits are shown. */
export const formatError = (value) => (Math.abs(value) < LEAST ? `< ${LEAST}` : formatCost(Math.abs(value)));

function formatSigned(value) {
  if (Number.isNaN(value)) return "NaN";
  return Math.abs(value) < LEAST ? "0" : `${value < 0 ? "−" : "+"}${formatCost(Math.abs(value))}`;
}

export const isOneHot = (values) => values.filter((value) => value > 0).length === 1;

/** Return a function that finds all there is to show in a state; what lasts is found once. */
export function createFindings(x) {
  const ground = distances(x);
  const remember = (find) => {
    let [known, found] = [null, null];
    return (...asked) => {
      const key = JSON.stringify(asked);
      if (key !== known) [known, found] = [key, find(...asked)];
      return found;
    };
  };
  const walk = remember((state) => {
    const run = scale({ ...state, ground });
    const plans = SAMPLES.map(run.plan);
    return { ...run, costs: plans.map(run.costOf), errors: plans.map(run.errorOf) };
  });
  const limit = remember((p, t, lam) => {
    const plan = convergedPlan(p, t, ground, lam);
    return plan.reduce((total, mass, k) => total + mass * ground[k], 0);
  });
  return ({ p, t, lam, precision, domain, iterations }) => {
    const run = walk({ p, t, lam, precision, domain });
    const plan = run.plan(iterations);
    const fallback = run.brokenAt <= iterations ? run.costOf(run.plan(run.brokenAt - 1)) : null;
    return {
      ...run,
      ground,
      plan,
      fallback,
      factorsAt: run.factors,
      exact: gapNorm(p, t, x, 1),
      converged: limit(p, t, lam),
      cost: run.costOf(plan),
      columnError: run.errorOf(plan),
      zeros: run.kernel.filter((value) => value === 0).length,
      unique: isOneHot(t),
    };
  };
}

/** Make the four tiles, and the sentences on them. */
export function createAccount(classes) {
  const tiles = {
    cost: createTile({
      key: "plan", name: "plan", full: "shown", better: "exact is right", formula: "", spoken: "what the plan shown costs",
    }),
    converged: createTile({
      key: "converged", name: "converged", full: "plan", better: "exact is right", formula: "Σ F D, n → ∞", spoken: "what the scalings approach",
    }),
    exact: createTile({
      key: "exact", name: "exact", full: "plan", better: "the least cost", formula: "λ → ∞: EMD", spoken: "the least cost of all plans",
    }),
    columns: createTile({
      key: "columns", name: "column error", better: "0 is right", formula: "Σ |Σᵢ Fᵢⱼ − tⱼ|",
      spoken: "how far the plan's column sums are from t",
    }),
  };
  const notes = html("div", { class: "emdviz-notes" });
  return {
    tiles: html("div", { class: "emdviz-tiles emdviz-four" }, ...Object.values(tiles).map(({ node }) => node)),
    notes,
    update(state, found) {
      const { cost, converged, exact, columnError } = found;
      tiles.cost.rename("plan", `Σ F D, n = ${state.iterations}`);
      tiles.cost.update(formatCost(cost), `${formatSigned(cost - converged)} unconverged`);
      tiles.converged.update(formatCost(converged), `${formatSigned(converged - exact)} by the blur`);
      tiles.exact.update(formatCost(exact));
      tiles.columns.update(Number.isNaN(columnError) ? "NaN" : formatError(columnError));
      const texts = explain(state, found, classes);
      while (notes.children.length < texts.length) notes.append(html("p"));
      [...notes.children].forEach((note, k) => {
        note.hidden = k >= texts.length;
        write(note, texts[k] ?? "");
      });
    },
  };
}

export const inWords = (count) => `${count} scaling${count === 1 ? "" : "s"}`;

/** The sentences, most urgent first. */
function explain(state, found, classes) {
  return [...onArithmetic(state, found, classes), ...onTheGap(state, found)];
}

function onArithmetic(state, found, classes) {
  const { precision, domain, iterations } = state;
  const { zeros, cost, exact, columnError, kernel, brokenAt, fallback } = found;
  if (domain === "log") {
    if (columnError > 1e-3 && cost < 1e-3 * exact) {
      const spared = zeros ? ` (${zeros} of ${kernel.length} entries of the kernel would)` : "";
      return [
        `The log domain never underflows${spared}, but after ${inWords(iterations)} at λ = ${Number(state.lam.toPrecision(3))} the ` +
          `plan has not begun to move: the cost is ${formatCost(cost)} without any complaint. Only the column ` +
          `sums tell: they are off by ${formatError(columnError)}.`,
      ];
    }
    return zeros
      ? [
          `The log domain adds −λD to log u and log v and never makes the kernel, in which ${zeros} of ` +
            `${kernel.length} entries would be zero in ${precision}.`,
        ]
      : [];
  }
  const texts = [];
  if (zeros) {
    texts.push(
      `The kernel has underflowed: ${zeros} of ${kernel.length} entries exp(−λD) are zero in ${precision}, ` +
        "marked ×. No mass can pass there.",
    );
  }
  if (brokenAt <= iterations) {
    texts.push(
      `${whatBroke(state, found, classes)} POT notices, warns, and returns the plan before it, ` +
        `which costs ${formatCost(fallback)}.`,
    );
  } else if (zeros && columnError > 1e-3 && cost < 0.5 * exact) {
    const alone = zeros === kernel.length - classes.length;
    texts.push(
      `${alone ? "Only the diagonal is left: each class keeps its own mass, and" : "Most mass stays where it is, and"} ` +
        `the cost is ${formatCost(cost)} without any complaint. Only the column sums ` +
        `tell: they are off by ${formatError(columnError)}.`,
    );
  }
  return texts;
}

/** Which division was the first to give no finite number. */
function whatBroke(state, { brokenAt, factorsAt, kernel }, classes) {
  const count = classes.length;
  const before = factorsAt(brokenAt - 1);
  const after = factorsAt(brokenAt);
  const ofRows = after.v.every(Number.isFinite);
  const [share, factor, others] = ofRows ? [state.p, after.u, after.v] : [state.t, after.v, before.u];
  const a = factor.findIndex((value) => !Number.isFinite(value));
  const way = (b) => (ofRows ? a * count + b : b * count + a);
  const closed = others.every((value, b) => kernel[way(b)] * value === 0);
  const where = `In scaling ${brokenAt}, ${ofRows ? "row" : "column"} ${classes[a]}`;
  if (!closed) {
    return (
      `${where} needs a factor beyond ${LARGEST[state.precision]}, the largest number of ` +
      `${state.precision}: it becomes ∞, and ∞ × 0 = NaN.`
    );
  }
  const mass = formatProbability(share[a]);
  return share[a] > 0
    ? `${where} has mass ${mass} and no way open: ${mass} ÷ 0 = ∞, and ∞ × 0 = NaN.`
    : `${where} has no mass and no way open: 0 ÷ 0 = NaN.`;
}

function onTheGap({ lam, iterations, domain }, { cost, converged, exact, unique, brokenAt, zeros }) {
  if (unique) {
    const never = domain === "plain" && brokenAt <= iterations;
    return [
      "The target is one-hot, so only one plan has these sums: all of p goes to that class, at cost Σ pᵢ Dᵢₖ. " +
        (never
          ? "The log domain finds it with its first scaling, for every λ."
          : "The first scaling finds it, for every λ; more change nothing."),
    ];
  }
  if (Number.isNaN(cost)) return [];
  const few = cost - converged;
  const blur = converged - exact;
  const texts = [];
  const underflow = domain === "plain" && zeros > 0;
  const off = Math.abs(few) > Math.max(1e-3 * exact, blur, LEAST);
  if (off && !underflow) {
    texts.push("Too few scalings: rows are right after each, columns only in the end. The larger λ, the more it takes.");
  }
  if (blur > 1e-3 * exact) {
    texts.push(
      `λ = ${Number(lam.toPrecision(3))} blurs: entropy spreads mass. Only a larger λ removes that, not more scalings.`,
    );
  }
  if (!texts.length && !off) texts.push("Scaled enough, and λ large enough: the cost is that of the exact plan.");
  return texts;
}

/** What the picture shows, for those who hear it. */
export function describeScalings(state, found, classes) {
  return [
    `Sinkhorn's scalings from prediction p to target t over ${classes.length} ordered classes, λ ` +
      `${Number(state.lam.toPrecision(3))}, ${state.precision}, ${state.domain} domain.`,
    `After ${inWords(state.iterations)} of at most ${MOST} the plan costs ${formatCost(found.cost)};`,
    `the converged plan costs ${formatCost(found.converged)}, the exact plan costs ${formatCost(found.exact)};`,
    `the column sums are off by ${Number.isNaN(found.columnError) ? "NaN" : formatError(found.columnError)}.`,
    ...explain(state, found, classes),
  ].join(" ");
}
