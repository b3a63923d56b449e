// The arithmetic of distributions over ordered classes. Python computes the same numbers and is
// the judge: the browser tests compare the two.

export const sum = (values) => values.reduce((total, value) => total + value, 0);
export const clamp = (value, least, greatest) => Math.min(Math.max(value, least), greatest);

export function normalized(weights) {
  const total = sum(weights);
  return weights.map((weight) => weight / total);
}

/** log Σ exp(values), whatever their size. */
export function logSum(values) {
  const greatest = Math.max(...values);
  return greatest + Math.log(sum(values.map((value) => Math.exp(value - greatest))));
}

export function cumulative(p) {
  let total = 0;
  return p.map((value) => (total += value));
}

/** CDF(p) − CDF(t), class by class. */
export function cdfGaps(p, t) {
  const others = cumulative(t);
  return cumulative(p).map((value, i) => value - others[i]);
}

/** All mass on class k of `count`. */
export const oneHot = (k, count) => Array.from({ length: count }, (_, i) => (i === k ? 1 : 0));

/** Positions of the classes: as given, or 0, 1, …, C − 1. */
export function places(positions, count) {
  return positions ?? Array.from({ length: count }, (_, i) => i);
}

export const expectation = (p, x) => sum(p.map((value, i) => value * x[i]));

/** Σ |gap|^l Δ: EMD for l = 1, EMD² for l = 2. */
export function gapNorm(p, t, x, l) {
  const gaps = cdfGaps(p, t);
  return sum(x.slice(1).map((next, i) => Math.abs(gaps[i]) ** l * (next - x[i])));
}

/** The least and the greatest probability that class i can take while `pinned` ones stay. */
export function reach(p, i, pinned) {
  const kept = [...new Set(pinned)].filter((j) => j !== i);
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

/** Move bar i of the distribution `name`; its pins stay. */
export const moveOne = (state, name, i, value) => ({
  ...state, [name]: withBar(state[name], i, value, state[`pinned_${name}`]),
});

/**
 * Return a function that moves bar i of the distribution `name`, one of `lists`, to a value, and
 * remembers: consecutive moves of one bar all start from where the first began, so that going up
 * to 1 and down again restores the other bars.
 */
export function createMover(lists, moveBar = moveOne) {
  let journey = null;
  return (state, name, i, value) => {
    const goesOn = journey?.name === name && journey.i === i && equal(journey.last, state);
    if (!goesOn) {
      journey = { name, i, began: Object.fromEntries(lists.map((list) => [list, state[list]])) };
    }
    journey.last = moveBar({ ...state, ...journey.began }, name, i, value);
    return journey.last;
  };
}
