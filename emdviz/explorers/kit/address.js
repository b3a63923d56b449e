// The state of a figure as the end of an address: #p=.4,.6&target=1. Python says which traits may
// stand there (address.py). A link comes from anywhere: what is not understood is refused in words.

import { clamp, equal, sum } from "./distributions.js";

const LONGEST = 20000; // letters of an address that is read at all
const DIGITS = 7; // of a probability
const OFF = 1e-3; // how far from 1 written probabilities may sum
const QUOTED = 24; // letters of what was wrong that are repeated
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

const quote = (text) => `“${text.length > QUOTED ? `${text.slice(0, QUOTED)}…` : text}”`;

class Refused extends Error {}

function refuse({ key }, expected, text) {
  throw new Refused(`${key} must be ${expected}, got ${quote(text)}`);
}

function readNumber(text) {
  return NUMBER.test(text) ? Number(text) : NaN;
}

/** Probabilities to `DIGITS` digits that still sum to 1: what rounding leaves goes to the largest rests. */
function round(p) {
  const whole = 10 ** DIGITS;
  const parts = p.map((value) => Math.floor(value * whole + 1e-6));
  const rests = p.map((value, i) => [value * whole - parts[i], i]).sort((a, b) => b[0] - a[0]);
  const missing = clamp(whole - sum(parts), 0, p.length);
  for (const [, i] of rests.slice(0, missing)) parts[i] += 1;
  return parts.map((part) => part / whole);
}

const write = (value) => String(value).replace(/^0\./, ".");

/** For each kind of field how it is read and written; `state` holds what was read before it. */
const KINDS = {
  shares: {
    read(field, text) {
      const values = text.split(",").map(readNumber);
      const total = sum(values);
      // NaN fails every comparison
      const sound = values.every((value) => value >= 0) && Math.abs(total - 1) <= OFF;
      if (values.length !== field.count || !sound) {
        refuse(field, `${field.count} probabilities that sum to 1`, text);
      }
      return Math.abs(total - 1) < 1e-9 ? values : values.map((value) => value / total);
    },
    write: (field, p) => round(p).map(write).join(","),
  },
  whole: {
    read(field, text) {
      const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
      if (!(value >= field.low && value <= field.high)) {
        refuse(field, `a whole number from ${field.low} to ${field.high}`, text);
      }
      return value;
    },
    write: (field, value) => String(value),
  },
  number: {
    read(field, text) {
      const value = readNumber(text);
      if (!(value >= field.low && value <= field.high)) {
        refuse(field, `a number from ${field.low} to ${field.high}`, text);
      }
      return value;
    },
    write: (field, value) => write(Number(value.toPrecision(6))),
  },
  classes: {
    read(field, text) {
      const values = text === "" ? [] : text.split(",").map((part) => (/^\d{1,9}$/.test(part) ? Number(part) : NaN));
      if (!values.every((value) => value < field.count)) {
        refuse(field, `numbers of classes, 0 to ${field.count - 1}`, text);
      }
      return [...new Set(values)].sort((a, b) => a - b);
    },
    write: (field, values) => values.join(","),
  },
  flag: {
    read(field, text) {
      if (text !== "0" && text !== "1") refuse(field, "0 or 1", text);
      return text === "1";
    },
    write: (field, value) => (value ? "1" : "0"),
  },
  choice: {
    read(field, text) {
      if (!field.choices.includes(text)) refuse(field, `one of ${field.choices.join(", ")}`, text);
      return text;
    },
    write: (field, value) => value,
  },
  // steps count from the prediction and the true class at which they began
  steps: {
    late: true,
    read(field, text, state) {
      const steps = KINDS.whole.read({ ...field, low: 0 }, text);
      return steps ? { steps, p: state.p, target: state.target } : null;
    },
    write(field, walk, state) {
      const lasts = walk && walk.target === state.target && equal(walk.p, state.p);
      return String(lasts ? walk.steps : 0);
    },
  },
};

const encode = (text) => encodeURIComponent(text).replaceAll("%2C", ",").replaceAll("%20", "+");

/**
 * Return the end of an address, "" or "#…": what of `state` differs from the page's own `start`. Steps
 * of the start count only where `state` still begins there.
 */
export function writeAddress(fields, start, state) {
  const parts = fields.flatMap((field) => {
    const kind = KINDS[field.kind];
    const text = kind.write(field, state[field.name], state);
    return text === kind.write(field, start[field.name], state) ? [] : [`${field.key}=${encode(text)}`];
  });
  return parts.length ? `#${parts.join("&")}` : "";
}

/**
 * Read the end of an address.
 *
 * Returns `state`, a value for every field, and `error`: null, or in words why the address was
 * refused; then the state is the page's own `start`. `complete(state, given)` makes parts that were
 * not `given` fit those that were; it returns the state, or in words what cannot be.
 */
export function readAddress(fields, start, hash, complete = (state) => state) {
  const own = Object.fromEntries(fields.map(({ name }) => [name, start[name]]));
  try {
    const given = readParts(fields, own, hash);
    const state = complete({ ...own, ...given }, Object.keys(given));
    if (typeof state === "string") throw new Refused(state);
    return { state, error: null };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { state: own, error: error.message };
  }
}

function readParts(fields, own, hash) {
  const text = hash.replace(/^#/, "");
  if (text === "") return {};
  if (text.length > LONGEST) throw new Refused(`it is ${text.length} letters long`);
  const given = new Map();
  for (const part of text.split("&")) {
    const [key, ...rest] = part.split("=");
    const field = fields.find((each) => each.key === key);
    if (!field) {
      const known = fields.map((each) => each.key).join(", ");
      throw new Refused(`${quote(decode(key))} is unknown here; known are ${known}`);
    }
    if (given.has(field)) throw new Refused(`${key} stands in it twice`);
    given.set(field, decode(rest.join("=")));
  }
  const state = {};
  const late = ([{ kind }]) => Number(KINDS[kind].late ?? false);
  for (const [field, value] of [...given].sort((a, b) => late(a) - late(b))) {
    state[field.name] = KINDS[field.kind].read(field, value, { ...own, ...state });
  }
  return state;
}

function decode(text) {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw new Refused(`${quote(text)} is not well formed`);
  }
}
