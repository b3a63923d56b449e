// Says in words what the picture shows, for those who hear it.

import { formatLoss, formatProbability } from "../kit/dom.js";

export const LOSS_NAMES = {
  XE: "cross-entropy",
  EMD: "EMD",
  EMD2: "EMD squared",
  REG: "squared error of the expected class",
};

/** How the first of two losses stands to the second, at the digits shown. */
export function compare(mine, theirs) {
  if (formatLoss(mine) === formatLoss(theirs)) return "same";
  return mine < theirs ? "lower" : "higher";
}

export function describe({ classes, state, lossesOf }) {
  const k = state.target;
  const one = (letter, p, values) => {
    const top = p.indexOf(Math.max(...p));
    const numbers = Object.entries(values).map(([key, v]) => `${LOSS_NAMES[key]} ${formatLoss(v)}`);
    return (
      `Prediction ${letter} gives the true class ${formatProbability(p[k])} and is largest at ` +
      `${classes[top]} with ${formatProbability(p[top])}; ${numbers.join(", ")}.`
    );
  };
  const verdicts = Object.keys(LOSS_NAMES).map((key) => {
    const verdict = compare(lossesOf.A[key], lossesOf.B[key]);
    const lower = verdict === "lower" ? "A" : "B";
    return `${LOSS_NAMES[key]} is ${verdict === "same" ? "the same" : `lower for ${lower}`}`;
  });
  return [
    `Two predictions over ${classes.length} ordered classes; the true class is ${classes[k]}.`,
    one("A", state.p, lossesOf.A),
    one("B", state.q, lossesOf.B),
    `${capital(verdicts.join(", "))}.`,
  ].join(" ");
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);
