// Sinkhorn's scalings, one rounded operation at a time, and what they approach. Python has the same
// in emdviz/transport/rounding.py and is the judge: the order of the operations is part of the result.

import { logSum, normalized, sum } from "../kit/distributions.js";

export const MOST = 1000; // scalings

const NO_MASS = 1e-12; // what is taken for nothing, as in Python
const MOST_STEPS = 60; // of Newton at one λ

/** The scalings after which costs are drawn: every one at first, then every fiftieth part. */
export const SAMPLES = [];
for (let n = 1; n < MOST; n = Math.max(n + 1, Math.round(1.02 * n))) SAMPLES.push(n);
SAMPLES.push(MOST);

/** Distances between places, row by row. */
export const distances = (x) => x.flatMap((from) => x.map((to) => Math.abs(from - to)));

/**
 * Scale the kernel exp(−λD) MOST times, from u = v = 1/C: columns to t, then rows to p.
 *
 * `plan(n)` is the state after n scalings, `costOf(plan)` and `errorOf(plan)` what it costs and how
 * far its column sums are off; `factors(n)` gives u and v, or their logarithms; `brokenAt` is the
 * first scaling with one that is no number.
 */
export function scale({ p, t, ground, lam, precision, domain }) {
  // whatever is kept in one of these is rounded, so every operation has its result kept
  const Numbers = precision === "float32" ? Float32Array : Float64Array;
  const plain = domain === "plain";
  const count = p.length;
  const [supply, demand, far] = [p, t, ground].map((values) => Numbers.from(values));
  const rate = Numbers.of(lam)[0];
  const exponent = far.map((value) => -(rate * value));
  const kernel = exponent.map((value) => Math.exp(value));
  const [logSupply, logDemand] = [supply, demand].map((values) => values.map((value) => Math.log(value)));
  const terms = new Numbers(count);
  const total = new Numbers(1);

  function addUp() {
    total[0] = terms[0];
    for (let k = 1; k < count; k += 1) total[0] += terms[k];
    return total[0];
  }

  function logSumExp() {
    let greatest = -Infinity;
    for (let k = 0; k < count; k += 1) if (terms[k] > greatest) greatest = terms[k];
    for (let k = 0; k < count; k += 1) {
      terms[k] -= greatest;
      terms[k] = Math.exp(terms[k]);
    }
    total[0] = Math.log(addUp());
    return total[0] + greatest;
  }

  /** What makes the sums along rows (or columns) right, when `others` scale columns (or rows). */
  function fit(others, ofRows) {
    const found = new Numbers(count);
    const [own, along] = ofRows ? [count, 1] : [1, count];
    for (let a = 0; a < count; a += 1) {
      for (let b = 0, k = a * own; b < count; b += 1, k += along) {
        terms[b] = plain ? kernel[k] * others[b] : exponent[k] + others[b];
      }
      if (plain) {
        found[a] = (ofRows ? supply : demand)[a] / addUp();
      } else {
        found[a] = logSumExp();
        found[a] = (ofRows ? logSupply : logDemand)[a] - found[a];
      }
    }
    return found;
  }

  const start = Numbers.of(plain ? 1 / count : Math.log(count))[0] * (plain ? 1 : -1);
  const first = new Numbers(count).fill(start);
  const states = [{ u: first, v: first }];
  const lost = (value) => Number.isNaN(value) || (plain && !Number.isFinite(value));
  let brokenAt = Infinity;
  while (states.length <= MOST) {
    const before = states[states.length - 1];
    const v = fit(before.u, false);
    const u = fit(v, true);
    if (brokenAt === Infinity && (u.some(lost) || v.some(lost))) brokenAt = states.length;
    // from here on nothing changes any more, or nothing is a number any more
    const stays = (after, now) => after.every((value, k) => Object.is(value, now[k]));
    if (stays(u, before.u) && stays(v, before.v)) break;
    states.push({ u, v });
  }

  const factors = (n) => states[Math.min(n, states.length - 1)];

  function plan(n) {
    const { u, v } = factors(n);
    const masses = new Numbers(count * count);
    for (let i = 0, k = 0; i < count; i += 1) {
      for (let j = 0; j < count; j += 1, k += 1) {
        masses[k] = plain ? u[i] * kernel[k] : exponent[k] + u[i];
        masses[k] = plain ? masses[k] * v[j] : masses[k] + v[j];
        if (!plain) masses[k] = Math.exp(masses[k]);
      }
    }
    return masses;
  }

  function costOf(masses) {
    const costs = masses.map((mass, k) => mass * far[k]);
    total[0] = costs[0];
    for (let k = 1; k < costs.length; k += 1) total[0] += costs[k];
    return total[0];
  }

  function errorOf(masses) {
    const errors = new Numbers(count);
    for (let j = 0; j < count; j += 1) {
      for (let i = 0; i < count; i += 1) terms[i] = masses[i * count + j];
      errors[j] = Math.abs(addUp() - demand[j]);
    }
    terms.set(errors);
    return addUp();
  }

  return { factors, plan, costOf, errorOf, kernel, exponent, brokenAt };
}

/** The entropic plan that scalings approach, by Newton's method for growing λ; see Python. */
export function convergedPlan(p, t, ground, lam) {
  const count = p.length;
  const [rows, columns] = [p, t].map((values) => [...values.keys()].filter((k) => values[k] > NO_MASS));
  const part = approach({
    supply: normalized(rows.map((i) => p[i])),
    demand: normalized(columns.map((j) => t[j])),
    far: rows.map((i) => columns.map((j) => ground[i * count + j])),
    lam,
  });
  const plan = new Float64Array(count * count);
  rows.forEach((i, a) => columns.forEach((j, b) => (plan[i * count + j] = part[a][b])));
  return plan;
}

function approach({ supply, demand, far, lam }) {
  const furthest = Math.max(...far.flat());
  const halvings = furthest > 0 ? Math.max(0, Math.ceil(Math.log2(lam * furthest))) : 0;
  let potential = demand.map(Math.log);
  let plan = null;
  for (let stage = halvings; stage >= 0; stage -= 1) {
    const now = lam / 2 ** stage;
    const enough = Math.max(stage ? 1e-6 : 1e-14, 4e-16 * now * furthest);
    for (let n = 0; n < MOST_STEPS; n += 1) {
      plan = fillRows(supply, far, now, potential).map((row) => row.map(Math.exp));
      const missing = columnSums(plan).map((value, j) => demand[j] - value);
      if (missing.every((value) => Math.abs(value) < enough)) break;
      const step = solveLaplacian(links(plan, supply), missing);
      const reach = Math.max(1, Math.max(...step.map(Math.abs)) / 4);
      potential = potential.map((value, j) => value + step[j] / reach);
      const filled = fillRows(supply, far, now, potential);
      potential = potential.map(
        (value, j) => value + Math.log(demand[j]) - logSum(filled.map((row) => row[j])),
      );
    }
    if (stage) potential = potential.map((value) => 2 * value);
  }
  return plan;
}

const columnSums = (plan) => plan[0].map((_, j) => sum(plan.map((row) => row[j])));

/** The logarithm of the plan with the given row sums and columns weighed by exp(potential). */
function fillRows(supply, far, lam, potential) {
  return supply.map((mass, i) => {
    const scores = potential.map((value, j) => value - lam * far[i][j]);
    const whole = Math.log(mass) - logSum(scores);
    return scores.map((score) => score + whole);
  });
}

/** How strongly a potential of one column pulls at another column. */
function links(plan, supply) {
  const count = plan[0].length;
  const weights = Array.from({ length: count }, () => new Float64Array(count));
  plan.forEach((row, i) => {
    for (let j = 0; j < count; j += 1) {
      const pull = row[j] / supply[i];
      for (let k = 0; k < count; k += 1) weights[j][k] += pull * row[k];
    }
  });
  return weights;
}

/** Solve Σ_j w_ij (x_i − x_j) = right_i with x_0 = 0, without a subtraction; overwrites w. */
function solveLaplacian(w, right) {
  const x = [...right];
  for (let k = x.length - 1; k > 0; k -= 1) {
    let total = 0;
    for (let j = 0; j < k; j += 1) total += w[k][j];
    if (!total) {
      x[k] = 0;
      continue;
    }
    for (let j = 0; j < k; j += 1) w[k][j] /= total;
    for (let j = 0; j < k; j += 1) x[j] += w[k][j] * x[k];
    x[k] /= total;
    for (let i = 0; i < k; i += 1) {
      for (let j = 0; j < k; j += 1) if (i !== j) w[i][j] += w[i][k] * w[k][j];
    }
  }
  x[0] = 0;
  for (let k = 1; k < x.length; k += 1) {
    for (let j = 0; j < k; j += 1) x[k] += w[k][j] * x[j];
  }
  return x;
}
