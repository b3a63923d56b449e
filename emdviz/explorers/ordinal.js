// The arithmetic of predictions over ordered classes. Python computes the same numbers and is the
// judge: the browser tests compare the two.

const sum = (values) => values.reduce((total, value) => total + value, 0);
export const clamp = (value, least, greatest) => Math.min(Math.max(value, least), greatest);

export function cumulative(p) {
  let total = 0;
  return p.map((value) => (total += value));
}

/** CDF(p) − CDF(truth), class by class; the truth is certain of class k. */
export function cdfGaps(p, k) {
  return cumulative(p).map((value, i) => value - (i >= k ? 1 : 0));
}

/** Positions of the classes: as given, or 0, 1, …, C − 1. */
export function places(positions, count) {
  return positions ?? Array.from({ length: count }, (_, i) => i);
}

export function losses(p, k, x) {
  let emd = 0;
  let emd2 = 0;
  cdfGaps(p, k).forEach((d, i) => {
    if (i + 1 === x.length) return;
    const width = x[i + 1] - x[i];
    emd += Math.abs(d) * width;
    emd2 += d * d * width;
  });
  const expected = sum(p.map((value, i) => value * x[i]));
  return {
    XE: Math.max(0, -Math.log(p[k])),
    EMD: emd,
    EMD2: emd2,
    REG: (expected - x[k]) ** 2,
  };
}

/** The least and the greatest probability that class i can take while `pinned` ones stay. */
export function reach(p, i, pinned) {
  const kept = pinned.filter((j) => j !== i);
  const room = clamp(1 - sum(kept.map((j) => p[j])), 0, 1);
  const someoneMoves = kept.length < p.length - 1;
  return [someoneMoves ? 0 : room, room];
}

/** Give class i a probability; those not pinned share the rest in their old proportions. */
export function withBar(p, i, value, pinned = []) {
  const [least, greatest] = reach(p, i, pinned);
  const own = clamp(value, least, greatest);
  const moves = (j) => j !== i && !pinned.includes(j);
  const rest = greatest - own;
  const before = sum(p.filter((_, j) => moves(j)));
  const movers = p.filter((_, j) => moves(j)).length;
  return p.map((old, j) => {
    if (j === i) return own;
    if (!moves(j)) return old;
    return before > 0 ? (old / before) * rest : rest / movers;
  });
}

/** Whether two values, lists or records of such hold the same. */
export function equal(a, b) {
  if (typeof a !== "object" || typeof b !== "object" || !a || !b) return a === b;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => equal(a[key], b[key]));
}

export const other = (name) => (name === "p" ? "q" : "p");
const pinsOf = (state, name) => state[name === "p" ? "pinned_p" : "pinned_q"];

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

/**
 * Return a `moveBar` that remembers: consecutive moves of one bar all start from where the first
 * began, so that going up to 1 and down again restores the other bars.
 */
export function createMover() {
  let journey = null;
  return (state, name, i, value) => {
    const goesOn = journey?.name === name && journey.i === i && equal(journey.last, state);
    if (!goesOn) journey = { name, i, p: state.p, q: state.q };
    journey.last = moveBar({ ...state, p: journey.p, q: journey.q }, name, i, value);
    return journey.last;
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

/**
 * The predictions of least and greatest EMD² among those with the same p_k.
 *
 * Least: all else on the neighbours, in inverse proportion to their distances, since
 * a²Δ₁ + (m − a)²Δ₂ is least at a = mΔ₂ / (Δ₁ + Δ₂). Greatest: EMD² is convex, so it is found at
 * a corner, with all else on one class; the far end is the dearest.
 */
export function extremes(k, mass, x) {
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
  const least = losses(near, k, x).EMD2;
  const greatest = losses(far, k, x).EMD2;
  const mix = (share) => near.map((value, i) => value + share * (far[i] - value));
  // along the straight way EMD² is a parabola: two ends and the middle fix it
  const middle = losses(mix(0.5), k, x).EMD2;
  const bend = 2 * (greatest + least - 2 * middle);
  const slope = greatest - least - bend;
  const at = (fraction) => {
    const wanted = clamp(fraction, 0, 1) * (greatest - least);
    const root = Math.sqrt(Math.max(0, slope * slope + 4 * bend * wanted));
    return mix(slope + root > 0 ? clamp((2 * wanted) / (slope + root), 0, 1) : 0);
  };
  return { least, greatest, at };
}
