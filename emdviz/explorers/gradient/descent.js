// Steps down a loss from one prediction, on its logits. Python's emdviz.losses.descent computes the
// same and is the judge.

import { closedForms } from "../kit/closed_forms.js";
import { normalized } from "../kit/distributions.js";

function softmax(z) {
  const highest = Math.max(...z);
  return normalized(z.map((value) => Math.exp(value - highest)));
}

/**
 * Walk from the prediction p down the loss `name`: its value, the probability of the true class
 * at every step, the prediction where it ends, and the gradient at the start.
 *
 * `at` tells what a slope wants, the learning rate, the number of steps, and the floor below which
 * a probability has no smaller logarithm.
 */
export function descend(name, p, at) {
  let z = p.map((value) => Math.log(Math.max(value, at.floor)));
  const values = [];
  const truth = [];
  let first = null;
  for (let step = 0; ; step += 1) {
    const prediction = softmax(z);
    const { value, gradient } = closedForms[name].slope(z, prediction, at);
    first ??= gradient;
    values.push(value);
    truth.push(prediction[at.k]);
    if (step === at.steps) return { values, truth, prediction, gradient: first };
    z = z.map((old, i) => old - at.rate * gradient[i]);
  }
}
