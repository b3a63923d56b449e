// Losses that Python computes, state by state: what is known of each, and the words where nothing is.

import { equal } from "./distributions.js";
import { read } from "./sync.js";

/** A number as Python sends it: infinite ones and NaN are texts. */
const number = (value) => (typeof value === "string" ? Number(value.replace("inf", "Infinity")) : value);

/**
 * What is known of the loss `name` in the present state, of which `question` are the traits that count.
 *
 * Returns { answer, late, words }: the newest answer, or null; whether it belongs to a state that is
 * past, as the present one's is awaited; and why there is none.
 */
export function askPython(model, name, question) {
  const now = read(model, question);
  const told = model.get("_answers")[name];
  if (told && equal(told.question, now)) return understood(told);
  const known = model.get("_known").find((row) => equal(row.question, now));
  if (known) return understood(known.told[name]);
  if (told?.never) return understood(told);
  if (model.get("_kernel") === false) return { answer: null, words: "needs a running kernel" };
  return { answer: told?.answer ?? null, late: true, words: "Python is asked" };
}

/** Read what was told of a state. */
export function understood({ answer, error, never }) {
  if (never) return { answer: null, words: `takes no p: ${never}` };
  if (error) return { answer: null, words: `failed: ${error}` };
  return { answer };
}

/** All numbers of an answer, in lists and records, as they are meant. */
export function numbers(answer) {
  if (Array.isArray(answer)) return answer.map(numbers);
  if (answer && typeof answer === "object") {
    return Object.fromEntries(Object.entries(answer).map(([key, value]) => [key, numbers(value)]));
  }
  return number(answer);
}
