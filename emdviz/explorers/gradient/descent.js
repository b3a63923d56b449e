// The gradient of each loss on the logits of one prediction, and steps down it. Python computes the
// same with automatic differentiation and is the judge.

import { cdfGaps, expectation, oneHot, sum } from "../kit/distributions.js";

export function softmax(z) {
  const highest = Math.max(...z);
  const weights = z.map((value) => Math.exp(value - highest));
  const total = sum(weights);
  return weights.map((weight) => weight / total);
}

/** The gradient on the logits, of a loss whose gradient on the probabilities p is g. */
function throughSoftmax(p, g) {
  const mean = expectation(p, g);
  return p.map((value, i) => value * (g[i] - mean));
}

function crossEntropy(z, p, { k }) {
  const highest = Math.max(...z);
  const logOfSum = highest + Math.log(sum(z.map((value) => Math.exp(value - highest))));
  return { value: logOfSum - z[k], gradient: p.map((value, i) => value - (i === k ? 1 : 0)) };
}

function expectedClass(z, p, { k, x }) {
  const error = expectation(p, x) - x[k];
  return { value: error ** 2, gradient: throughSoftmax(p, x.map((place) => 2 * error * place)) };
}

/** The sum of height(gap) Δ; what p_i changes in it is the sum of the slopes from i on. */
function gapLoss(p, { k, x }, height, slope) {
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

const squaredGaps = (z, p, at) => gapLoss(p, at, (gap) => gap ** 2, (gap) => 2 * gap);

const SLOPES = {
  XE: crossEntropy,
  REG: expectedClass,
  EMD: (z, p, at) => gapLoss(p, at, Math.abs, Math.sign),
  EMD2: squaredGaps,
  XEMD2(z, p, at) {
    const [first, second] = [crossEntropy(z, p, at), squaredGaps(z, p, at)];
    return {
      value: first.value + at.weight * second.value,
      gradient: first.gradient.map((value, i) => value + at.weight * second.gradient[i]),
    };
  },
};

/**
 * Walk from the prediction p down the loss `name`: its value, the probability of the true class
 * at every step, the prediction where it ends, and the gradient at the start.
 *
 * `at` tells the true class k, the positions x, the weight of EMD² in XEMD2, the learning rate,
 * the number of steps, and the floor below which a probability has no smaller logarithm.
 */
export function descend(name, p, at) {
  let z = p.map((value) => Math.log(Math.max(value, at.floor)));
  const values = [];
  const truth = [];
  let first = null;
  for (let step = 0; ; step += 1) {
    const prediction = softmax(z);
    const { value, gradient } = SLOPES[name](z, prediction, at);
    first ??= gradient;
    values.push(value);
    truth.push(prediction[at.k]);
    if (step === at.steps) return { values, truth, prediction, gradient: first };
    z = z.map((old, i) => old - at.rate * gradient[i]);
  }
}
