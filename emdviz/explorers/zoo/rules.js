// The best answer of a loss to labels drawn from t, by a rule, by a stored example, or by Python.

import { cumulative, equal, expectation, oneHot, sum } from "../kit/distributions.js";

const NEAR = 1e-6;

const byRule = {
  t: (row, t) => ({ p: t }),
  mixture: (row, t) => ({ p: t.map((_, i) => sum(t.map((share, k) => share * row.corners[k][i]))) }),
  mean: (row, t) => ({ number: expectation(t, t.map((_, i) => i)) }),
  mode: (row, t) => ({ p: oneHot(t.indexOf(Math.max(...t)), t.length) }),
  median: (row, t) => ({ p: oneHot(cumulative(t).findIndex((value) => value > 0.5 - 1e-9), t.length) }),
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
