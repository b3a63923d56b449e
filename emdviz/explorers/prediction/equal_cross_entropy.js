// Two predictions, p and q, of one true class, which may be tied to equal cross-entropy.

import { clamp, gapNorm, oneHot, reach, withBar } from "../kit/distributions.js";

export const PAIR = ["p", "q"];
export const PAIR_STATE = ["p", "q", "target", "pinned_p", "pinned_q", "equal_xe", "equal_loss", "positions"];

export const other = (name) => (name === "p" ? "q" : "p");
const pinsOf = (state, name) => state[`pinned_${name}`];

/** Move one bar of prediction `name`, honouring pins and equal cross-entropy. */
export function moveBar(state, name, i, value) {
  const pins = pinsOf(state, name);
  if (!state.equal_xe) return { ...state, [name]: withBar(state[name], i, value, pins) };
  if (i !== state.target) {
    return { ...state, [name]: withBar(state[name], i, value, [...pins, state.target]) };
  }
  const partner = other(name);
  const a = reach(state[name], i, pins);
  const b = reach(state[partner], i, pinsOf(state, partner));
  const least = Math.max(a[0], b[0]);
  const greatest = Math.min(a[1], b[1]);
  if (least > greatest) return state;
  const agreed = clamp(value, least, greatest);
  return {
    ...state,
    [name]: withBar(state[name], i, agreed, pins),
    [partner]: withBar(state[partner], i, agreed, pinsOf(state, partner)),
  };
}

/** Give `name` the true-class probability of the other; pins that forbid it are taken out. */
export function tie(state, name) {
  const k = state.target;
  const wanted = state[other(name)][k];
  const tied = withBar(state[name], k, wanted, pinsOf(state, name));
  if (Math.abs(tied[k] - wanted) < 1e-12) return { ...state, [name]: tied };
  return { ...state, [name]: withBar(state[name], k, wanted), [`pinned_${name}`]: [] };
}

/** Change the true class; with equal cross-entropy, B follows A there. */
export function withTarget(state, target) {
  const moved = { ...state, target };
  return state.equal_xe ? tie(moved, "q") : moved;
}

/**
 * The predictions of least and greatest EMD² among those with the same p_k.
 *
 * Least: all else on the neighbours, in inverse proportion to their distances, since
 * a²Δ₁ + (m − a)²Δ₂ is least at a = mΔ₂ / (Δ₁ + Δ₂). Greatest: EMD² is convex, so it is found at
 * a corner, with all else on one class; the far end costs most.
 */
function extremes(k, mass, x) {
  const last = x.length - 1;
  const near = x.map(() => 0);
  const far = x.map(() => 0);
  near[k] = far[k] = 1 - mass;
  if (k === 0) near[1] = mass;
  else if (k === last) near[last - 1] = mass;
  else {
    near[k - 1] = (mass * (x[k + 1] - x[k])) / (x[k + 1] - x[k - 1]);
    near[k + 1] = mass - near[k - 1];
  }
  far[x[k] - x[0] > x[last] - x[k] ? 0 : last] = mass;
  return { near, far };
}

/** The range of EMD² at this p_k, and a way from its least to its greatest. */
export function equalXePath(k, pk, x) {
  const { near, far } = extremes(k, 1 - pk, x);
  const emd2 = (p) => gapNorm(p, oneHot(k, x.length), x, 2);
  const least = emd2(near);
  const greatest = emd2(far);
  const mix = (share) => near.map((value, i) => value + share * (far[i] - value));
  // along the straight way EMD² is a parabola: two ends and the middle fix it
  const middle = emd2(mix(0.5));
  const bend = 2 * (greatest + least - 2 * middle);
  const slope = greatest - least - bend;
  const at = (fraction) => {
    const wanted = clamp(fraction, 0, 1) * (greatest - least);
    const root = Math.sqrt(Math.max(0, slope * slope + 4 * bend * wanted));
    return mix(slope + root > 0 ? clamp((2 * wanted) / (slope + root), 0, 1) : 0);
  };
  return { least, greatest, at };
}
