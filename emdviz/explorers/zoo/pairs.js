// Pairs of predictions that one loss calls equal and another tells apart; see pairs.py.

/** All ways to share `left` parts among classes from `i` on, in the order of pairs.py. */
function share(count, left, i = 0) {
  if (i === count - 1) return [[left]];
  return Array.from({ length: left + 1 }, (_, k) => left - k).flatMap((own) =>
    share(count, left - own, i + 1).map((rest) => [own, ...rest]),
  );
}
const [COUNT, PARTS, INSIDE] = [5, 6, 0.02];
const GRID = share(COUNT, PARTS).map((parts) => parts.map((part) => ((1 - INSIDE) * part) / PARTS + INSIDE / COUNT));

/** Return { both: [p, q], one, other: [of p, of q] }. */
export function readPair([p, q, r, w, one, ...other]) {
  return { both: [GRID[p], GRID[q].map((value, i) => (1 - w) * value + w * GRID[r][i])], one, other };
}
