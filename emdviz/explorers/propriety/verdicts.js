// Says in words which prediction a loss rewards.

import { formatLoss } from "../kit/dom.js";
import { medians } from "./expected_losses.js";

const CERTAIN = 1 - 1e-9;

/** The verdict on one loss, whose `score` is given. */
export function verdict(loss, { mean }, { t, classes, positions }) {
  if (loss === "REG") {
    const number = `${formatMean(mean)}${positions ? "" : " class steps"}`;
    return `keeps only the mean, ${number}: every p with it costs the same`;
  }
  if (loss !== "EMD") return "honest: reproduces t";
  if (Math.max(...t) > CERTAIN) return "reproduces t, as t is certain";
  const middle = medians(t);
  const [first, last] = [middle[0], middle[middle.length - 1]].map((i) => classes[i]);
  return middle.length === 1
    ? `collapses onto the median, ${first}`
    : `collapses onto the medians, ${first} to ${last}: any split costs the same`;
}

/** A mean may be negative; otherwise it is written as losses are. */
export const formatMean = (mean) => (mean < 0 ? `−${formatLoss(-mean)}` : formatLoss(mean));
