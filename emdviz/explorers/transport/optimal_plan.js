// The optimal transport plan between masses on a line, exact, also where the masses differ.
// Python computes the same through POT and is the judge: the browser tests compare the two.

import { normalized, sum } from "../kit/distributions.js";

const TIE = 1e-7; // what decides between plans of one cost; Python's explorer has the same two
const DRIFT = 0.1;
const DUST = 1e-12; // masses and costs below this are rounding

export const trips = (i, j, x, order) => Math.abs(x[i] - x[j]) ** order;

/** The masses of a distribution that weighs `mass` in all. */
export const weigh = (p, mass) => normalized(p).map((share) => mass * share);

/**
 * The plan of least Σ mass·|xᵢ − xⱼ|^order that moves all of the smaller mass.
 *
 * Returns a list of { i, j, mass, level }, from the lowest classes up: `mass` goes from class i to
 * class j and lies between `level` and `level + mass` of both CDFs of what is moved. No two ways
 * cross, and among plans of one cost it is the one that Python's explorer shows.
 */
export function optimalPlan(supply, demand, x, order) {
  const surplus = sum(supply) - sum(demand);
  if (Math.abs(surplus) < 1e-9) return monotonePlan(supply, demand);
  const cost = tieBreakingCost(x, order);
  if (surplus > 0) return monotonePlan(choose(supply, demand, cost), demand);
  return monotonePlan(supply, choose(demand, supply, (j, i) => cost(i, j)));
}

/** Ways that do not cross are optimal between equal masses, for any convex cost on a line. */
function monotonePlan(supply, demand) {
  const plan = [];
  let [i, j, level] = [0, 0, 0];
  let [left, wanted] = [supply[0], demand[0]];
  while (i < supply.length && j < demand.length) {
    const mass = Math.min(left, wanted);
    if (mass > DUST) {
      plan.push({ i, j, mass, level });
      level += mass;
    }
    left -= mass;
    wanted -= mass;
    if (left <= DUST) left = supply[(i += 1)];
    if (wanted <= DUST) wanted = demand[(j += 1)];
  }
  return plan;
}

function tieBreakingCost(x, order) {
  const span = x[x.length - 1] - x[0];
  const tie = (i, j) => TIE * ((x[j] - x[i]) / span - DRIFT) ** 2;
  return (i, j) => trips(i, j, x, order) / span ** order + tie(i, j);
}

/**
 * How much of each class of the larger mass takes part: successive shortest paths.
 *
 * Every class of the smaller mass in turn draws from where it is cheapest, if need be by sending
 * others elsewhere, so that the plan stays the cheapest for the classes so far.
 */
function choose(larger, smaller, cost) {
  const free = [...larger];
  const flow = larger.map(() => smaller.map(() => 0));
  smaller.forEach((mass, j) => {
    for (let wanted = mass; wanted > DUST; ) {
      const path = shortestPath(free, flow, cost, j);
      const room = path.map(([i, , from]) => (from === null ? free[i] : flow[i][from]));
      const moved = Math.min(wanted, ...room);
      for (const [i, to, from] of path) {
        flow[i][to] += moved;
        if (from === null) free[i] -= moved;
        else flow[i][from] -= moved;
      }
      wanted -= moved;
    }
  });
  return larger.map((mass, i) => mass - free[i]);
}

/**
 * The cheapest way to bring more to `goal`, as steps [i, to, from]: class i sends to `to` what it
 * had sent to `from`, or what it had free, where `from` is null.
 */
function shortestPath(free, flow, cost, goal) {
  const columns = flow[0].map((_, j) => j);
  const least = columns.map(() => Infinity); // to bring mass to a column, along `via`
  const via = columns.map(() => null);
  const relax = (i, from, spent) => {
    let better = false;
    for (const to of columns) {
      const price = spent + cost(i, to);
      if (price > least[to] - DUST) continue;
      least[to] = price;
      via[to] = [i, to, from];
      better = true;
    }
    return better;
  };
  free.forEach((mass, i) => mass > DUST && relax(i, null, 0));
  for (let again = true; again; ) {
    again = false;
    flow.forEach((row, i) => {
      for (const from of columns) {
        if (row[from] > DUST && relax(i, from, least[from] - cost(i, from))) again = true;
      }
    });
  }
  const path = [];
  for (let step = via[goal]; step; step = step[2] === null ? null : via[step[2]]) path.push(step);
  return path;
}

/** What a plan costs, for each unit of mass that it moves. */
export const planCost = (plan, x, order) =>
  sum(plan.map(({ i, j, mass }) => mass * trips(i, j, x, order))) /
  sum(plan.map(({ mass }) => mass));

/** What leaves each class, and what arrives there. */
export function marginals(plan, count) {
  const leaves = Array(count).fill(0);
  const arrives = Array(count).fill(0);
  for (const { i, j, mass } of plan) {
    leaves[i] += mass;
    arrives[j] += mass;
  }
  return { leaves, arrives };
}
