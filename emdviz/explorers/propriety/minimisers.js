// Which prediction has the least expected loss over labels drawn from t, in numbers and in words.

import { closedForms, medians } from "../kit/closed_forms.js";
import { formatLoss } from "../kit/dom.js";
import { expectation, oneHot, sum } from "../kit/distributions.js";
import { interpolate } from "./simplex.js";

const SHOWN = 1.5; // of a loss without a greatest value: how far above the least a picture goes
const REPRODUCED = 1e-3; // how near to t a best prediction counts as t
const CERTAIN = 1 - 1e-9;

/**
 * Everything about the loss `name` and labels from t: `expected` maps a prediction to its expected
 * loss, `honest` is that of t and `least` the least of it, `corners` span the predictions that reach
 * it, `best` is one of them (null where only the number `mean` counts), and `shown` the greatest that
 * a picture shows.
 */
export function score(name, t, x) {
  const form = closedForms[name];
  const expected = form.expected(t, x);
  const corners = form.best(t, x);
  const evenly = t.map((_, i) => sum(corners.map((p) => p[i])) / corners.length);
  const least = expected(form.rewards === "median" ? evenly : t);
  // a convex function is greatest at a corner of the simplex
  const greatest = Math.max(...t.map((_, k) => expected(oneHot(k, t.length))));
  return {
    expected, least, corners,
    honest: expected(t),
    best: form.rewards === "mean" ? null : evenly,
    mean: expectation(t, x),
    shown: Number.isFinite(greatest) ? greatest : least + SHOWN,
  };
}

/** The same about a loss of which Python gave an answer; without a landscape it has no `expected`. */
export function scoreOfAnswer(answer, x) {
  const { least, best = null, number, label, landscape, shown } = answer;
  const found = { ...answer, best, mean: number ?? x[label] };
  if (!landscape) return found;
  return {
    ...found, expected: interpolate(landscape), values: landscape, corners: [best],
    shown: Number.isFinite(shown) ? shown : least + SHOWN,
  };
}

/** The verdict on a loss of which Python gave an answer: what a short search found. */
export function verdictOnAnswer({ best, number, label, free, constant }, { t, classes }) {
  if (constant) return "every p costs the same, as long as all examples look alike";
  const limits = free ? "" : "; takes no p, but predicts this one";
  if (number !== undefined && !best) return `best found: the number ${formatLoss(number)}`;
  if (!best) return `best found: class ${classes[label]}; it takes scores, no p`;
  const same = best.every((share, i) => Math.abs(share - t[i]) < REPRODUCED);
  if (same) return `honest, as far as was searched: reproduces t${limits}`;
  const [top, truth] = [best, t].map((p) => p.indexOf(Math.max(...p)));
  const kept = best[truth] > best[top] - REPRODUCED;
  const mode = kept ? "keeps the most probable class" : `prefers ${classes[top]} to ${classes[truth]}`;
  return `rewards another answer than t; ${mode}${limits}`;
}

/** The verdict on the loss `name`, whose `score` is given. */
export function verdict(name, { mean }, { t, classes, positions }) {
  const { rewards } = closedForms[name];
  if (rewards === "mean") {
    const number = `${mean < 0 ? "−" : ""}${formatLoss(Math.abs(mean))}`;
    return `keeps only the mean, ${number}${positions ? "" : " class steps"}: every p with it costs the same`;
  }
  if (rewards === "t") return "honest: reproduces t";
  if (Math.max(...t) > CERTAIN) return "reproduces t, as t is certain";
  const middle = medians(t);
  const [first, last] = [middle[0], middle[middle.length - 1]].map((i) => classes[i]);
  return middle.length === 1
    ? `collapses onto the median, ${first}`
    : `collapses onto the medians, ${first} to ${last}: any split costs the same`;
}
