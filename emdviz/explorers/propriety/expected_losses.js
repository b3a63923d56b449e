// What a prediction costs on average over one-hot labels drawn from t, and which one costs least.
// Python's emdviz.propriety computes the same and is the judge.

import { cumulative, expectation, oneHot, sum } from "../kit/distributions.js";

const HALF_TOLERANCE = 1e-9; // as in Python: how far from 1/2 a CDF may be and count as a half
const XE_SHOWN = 1.5; // nats above the least that the picture of cross-entropy tells apart

/** Classes on which the median of t lies: several where its CDF is exactly 1/2. */
export function medians(t) {
  const below = cumulative(t);
  const first = below.findIndex((value) => value >= 0.5 - HALF_TOLERANCE);
  const last = below.findIndex((value) => value > 0.5 + HALF_TOLERANCE);
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

// each returns p -> expected loss; what depends on t alone is worked out once, as a picture of the
// simplex asks thousands of times, for which reason these are plain loops
const EXPECTATIONS = {
  XE(t) {
    return (p) => {
      let total = 0;
      // a class that never comes costs nothing, not even 0 · ∞
      for (let i = 0; i < t.length; i += 1) if (t[i] > 0) total -= t[i] * Math.log(p[i]);
      return Math.max(0, total);
    };
  },
  EMD2(t, x) {
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
  EMD(t, x) {
    const costs = x.map((from) => sum(t.map((share, k) => share * Math.abs(from - x[k]))));
    return (p) => {
      let total = 0;
      for (let i = 0; i < costs.length; i += 1) total += p[i] * costs[i];
      return Math.max(0, total);
    };
  },
  REG(t, x) {
    const mean = expectation(t, x);
    const variance = sum(t.map((share, k) => share * (x[k] - mean) ** 2));
    return (p) => {
      let guess = 0;
      for (let i = 0; i < x.length; i += 1) guess += p[i] * x[i];
      return variance + (guess - mean) ** 2;
    };
  },
};

export const SCORED = Object.keys(EXPECTATIONS);

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

const CORNERS = {
  XE: (t) => [t],
  EMD2: (t) => [t],
  EMD: (t) => medians(t).map((k) => oneHot(k, t.length)),
  REG: (t, x) => withMean(expectation(t, x), x),
};

/**
 * Everything about one loss and labels from t: `expected` maps a prediction to its expected loss,
 * `least` is the least of it, `corners` span the predictions that reach it, `best` is one of them
 * (null for REG, which predicts the number `mean`), and `shown` is the dearest that a picture shows.
 */
export function score(loss, t, x) {
  const expected = EXPECTATIONS[loss](t, x);
  const corners = CORNERS[loss](t, x);
  const evenly = t.map((_, i) => sum(corners.map((p) => p[i])) / corners.length);
  const least = expected(loss === "EMD" ? evenly : t);
  // a convex function is dearest at a corner of the simplex
  const dearest = Math.max(...t.map((_, k) => expected(oneHot(k, t.length))));
  return {
    expected, least, corners,
    best: loss === "REG" ? null : evenly,
    mean: expectation(t, x),
    shown: loss === "XE" ? least + XE_SHOWN : dearest,
  };
}
