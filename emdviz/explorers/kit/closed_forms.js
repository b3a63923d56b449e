// The losses that the browser computes itself, by name: a function or a fact each. Which of them a
// figure shows, in which order, with which label and colour, comes from Python, which computes the
// same (emdviz.propriety, emdviz.losses.descent) and is the judge.

import { cdfGaps, cumulative, expectation, logSum, oneHot, sum } from "./distributions.js";

/**
 * Each loss has `words`, which are `brief` where there is little room if the others are long, a
 * `formula`, for even class positions and for uneven ones, and
 * - `expected(t, x)`: a function that maps p to the expected loss over labels drawn from t. What
 *   depends on t alone is worked out once, and these are plain loops, as a picture of the simplex
 *   asks thousands of times;
 * - `best(t, x)`: the corners of the set of predictions that reach the least expected loss, which
 *   the loss `rewards`: "t" itself, certainty of its "median", or any p of its "mean";
 * - `slope(z, p, at)`: its value and its gradient on the logits z, with p = softmax(z) and `at` the
 *   true class k, the positions x and the weight of EMD² in XE + EMD².
 */
export const closedForms = {};

closedForms.XE = {
  words: "cross-entropy",
  formula: ["−ln pₖ", "−ln pₖ"],
  rewards: "t",
  expected(t) {
    return (p) => {
      let total = 0;
      // a class that never comes costs nothing, not even 0 · ∞
      for (let i = 0; i < t.length; i += 1) if (t[i] > 0) total -= t[i] * Math.log(p[i]);
      return Math.max(0, total);
    };
  },
  best: (t) => [t],
  slope(z, p, { k }) {
    return { value: logSum(z) - z[k], gradient: p.map((value, i) => value - (i === k ? 1 : 0)) };
  },
};

closedForms.REG = {
  words: "squared error of the expected class",
  brief: "squared error of E[p]",
  formula: ["(E[p] − xₖ)²", "(E[p] − xₖ)²"],
  rewards: "mean",
  expected(t, x) {
    const mean = expectation(t, x);
    const variance = sum(t.map((share, k) => share * (x[k] - mean) ** 2));
    return (p) => {
      let guess = 0;
      for (let i = 0; i < x.length; i += 1) guess += p[i] * x[i];
      return variance + (guess - mean) ** 2;
    };
  },
  best: (t, x) => withMean(expectation(t, x), x),
  slope(z, p, { k, x }) {
    const error = expectation(p, x) - x[k];
    return { value: error ** 2, gradient: throughSoftmax(p, x.map((place) => 2 * error * place)) };
  },
};

closedForms.EMD2 = {
  words: "squared Earth Mover's Distance",
  brief: "sum of squared gaps",
  formula: ["Σ gap²", "Σ gap² Δ"],
  rewards: "t",
  expected(t, x) {
    const truth = cumulative(t);
    const gaps = x.slice(1).map((next, i) => next - x[i]);
    const least = sum(gaps.map((gap, i) => truth[i] * (1 - truth[i]) * gap));
    return (p) => {
      let total = least;
      let below = 0;
      for (let i = 0; i < gaps.length; i += 1) {
        below += p[i];
        total += (below - truth[i]) ** 2 * gaps[i];
      }
      return Math.max(0, total);
    };
  },
  best: (t) => [t],
  slope: (z, p, at) => gapSlope(p, at, (gap) => gap ** 2, (gap) => 2 * gap),
};

closedForms.EMD = {
  words: "Earth Mover's Distance",
  formula: ["Σ |gap|", "Σ |gap| Δ"],
  rewards: "median",
  expected(t, x) {
    const costs = x.map((from) => sum(t.map((share, k) => share * Math.abs(from - x[k]))));
    return (p) => {
      let total = 0;
      for (let i = 0; i < costs.length; i += 1) total += p[i] * costs[i];
      return Math.max(0, total);
    };
  },
  best: (t) => medians(t).map((k) => oneHot(k, t.length)),
  slope: (z, p, at) => gapSlope(p, at, Math.abs, Math.sign),
};

closedForms.XEMD2 = {
  words: "cross-entropy and the squared Earth Mover's Distance",
  brief: "cross-entropy + EMD²",
  sumOf: ["XE", "EMD2"],
  slope(z, p, at) {
    const [first, second] = [closedForms.XE, closedForms.EMD2].map((form) => form.slope(z, p, at));
    return {
      value: first.value + at.weight * second.value,
      gradient: first.gradient.map((value, i) => value + at.weight * second.gradient[i]),
    };
  },
};

/** The gradient on the logits, of a loss whose gradient on the probabilities p is g. */
function throughSoftmax(p, g) {
  const mean = expectation(p, g);
  return p.map((value, i) => value * (g[i] - mean));
}

/** Of the sum of height(gap) Δ; what p_i changes in it is the sum of the slopes from i on. */
function gapSlope(p, { k, x }, height, slope) {
  const gaps = cdfGaps(p, oneHot(k, p.length));
  const g = p.map(() => 0);
  let value = 0;
  for (let i = p.length - 2; i >= 0; i -= 1) {
    const width = x[i + 1] - x[i];
    value += height(gaps[i]) * width;
    g[i] = g[i + 1] + slope(gaps[i]) * width;
  }
  return { value, gradient: throughSoftmax(p, g) };
}

const HALF_TOLERANCE = 1e-9; // as in Python: how far from 1/2 a CDF may be and count as a half

/** Classes on which the median of t lies: several where its CDF is exactly 1/2. */
export function medians(t) {
  const below = cumulative(t);
  const first = below.findIndex((value) => value >= 0.5 - HALF_TOLERANCE);
  const last = below.findIndex((value) => value > 0.5 + HALF_TOLERANCE);
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** Where the plane of expected position `mean` cuts the edges of the simplex, as distributions. */
function withMean(mean, x) {
  const last = x.length - 1;
  const points = [];
  for (let i = 0; i <= last; i += 1) {
    if (x[i] === mean) points.push(oneHot(i, x.length));
    for (let j = i + 1; j <= last; j += 1) {
      if (!(x[i] < mean && mean < x[j])) continue;
      const share = (mean - x[i]) / (x[j] - x[i]);
      points.push(x.map((_, k) => (k === i ? 1 - share : k === j ? share : 0)));
    }
  }
  return points;
}

/** Attributes of an element in the colours of a loss. */
export const ofLoss = ({ name, colour, text }, more = "") => ({
  class: `${more} emdviz-of-${name.replace(/\W/g, "-")}`.trim(),
  style: `--emdviz-own: ${colour}; --emdviz-own-text: ${text}`,
});
