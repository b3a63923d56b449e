// The best answer of a loss to labels drawn from t, by a rule, by a stored example, or by Python.

import { cumulative, equal, expectation, normalized, oneHot, sum } from "../kit/distributions.js";

const NEAR = 1e-6;

const median = (t) => cumulative(t).findIndex((value) => value > 0.5 - 1e-9);
const mode = (t) => t.indexOf(Math.max(...t));
/** Expected distance, to a power, of each class from the label. */
const work = (t, power) => t.map((_, i) => sum(t.map((share, k) => share * Math.abs(i - k) ** power)));

/** max(0, 1 − w / μ) with the μ for which it sums to 1. */
function filled(w) {
  const order = [...w].sort((a, b) => a - b);
  if (order[0] <= 1e-12) return oneHot(w.indexOf(order[0]), w.length);
  const level = (m) => sum(order.slice(0, m)) / (m - 1);
  let m = w.length;
  while (m > 2 && order[m - 1] > level(m)) m -= 1;
  return w.map((value) => Math.max(0, 1 - value / level(m)));
}

function powered(t, power) {
  const below = cumulative(t).map((value) => {
    const [low, high] = [Math.min(1, value), Math.max(0, 1 - value)].map((share) => share ** power);
    return low / (low + high);
  });
  return below.map((value, i) => Math.max(0, value - (below[i - 1] ?? 0)));
}

function binomial(t) {
  const last = t.length - 1;
  const share = expectation(t, t.map((_, i) => i)) / last;
  let ways = 1;
  return t.map((_, i) => {
    if (i > 0) ways *= (last - i + 1) / i;
    return ways * share ** i * (1 - share) ** (last - i);
  });
}

// as rules.py
const byRule = {
  t: (row, t) => ({ p: t }),
  mixture: (row, t) => ({ p: t.map((_, i) => sum(t.map((share, k) => share * row.corners[k][i]))) }),
  mean: (row, t) => ({ number: expectation(t, t.map((_, i) => i)) }),
  mode: (row, t) => ({ p: oneHot(mode(t), t.length) }),
  median: (row, t) => ({ p: oneHot(median(t), t.length) }),
  "mode label": (row, t) => ({ label: mode(t) }),
  "median label": (row, t) => ({ label: median(t) }),
  power: (row, t) => ({ p: powered(t, row.number) }),
  distance: (row, t) => ({ p: filled(work(t, row.number)) }),
  softmax: (row, t) => ({ p: normalized(work(t, 1).map((w) => Math.exp(-row.number * w))) }),
  binomial: (row, t) => ({ p: binomial(t) }),
};

/** Return { answer, words }: the best answer or null, and why there is none. */
export function answerOf(row, t, model) {
  if (row.rule === "any") return { answer: null, words: "any" };
  const rule = byRule[row.rule];
  if (rule) return { answer: rule(row, t), words: "" };
  const example = Object.entries(model.get("_presets")).find(([, { p }]) => p.every((value, i) => Math.abs(value - t[i]) < NEAR));
  if (example) return { answer: row.best[example[0]], words: "" };
  const { t: told, best = {}, failed, done } = model.get("_answers");
  const mine = told && equal(told, t) ? best[row.name] : null;
  if (mine?.failed || (failed && equal(told, t))) return { answer: null, words: "failed" };
  if (mine) return { answer: mine, words: "" };
  if (model.get("_kernel") === false) return { answer: null, words: "needs a kernel" };
  return { answer: best[row.name] ?? null, words: done && equal(told, t) ? "–" : "…" };
}
