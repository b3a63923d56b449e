// Carries a figure from one state to another, so that the eye can follow.

import { clamp, equal } from "../explorers/kit/distributions.js";

const TAKES = 900; // milliseconds
const still = matchMedia("(prefers-reduced-motion: reduce)");

const isNumbers = (value) => Array.isArray(value) && value.every((each) => typeof each === "number");
const ease = (share) => share * share * (3 - 2 * share);

/**
 * Return a function from a share of the way to the value there; what cannot be halved jumps at once.
 *
 * `known` are the states for which the figure has the answers of losses that it cannot compute.
 */
function wayOf(name, from, to, known) {
  if (name === "t" && known?.length) {
    return (share) => known[Math.round(share * (known.length - 1))].question.t;
  }
  const between = (a, b, share) => a + share * (b - a);
  if (isNumbers(from) && isNumbers(to) && from.length === to.length && !name.startsWith("pinned")) {
    return (share) => to.map((value, i) => between(from[i], value, share));
  }
  if (name === "_walk" && to) {
    const began = equal(from?.p, to.p) ? from.steps : 0;
    return (share) => ({ ...to, steps: Math.max(1, Math.round(between(began, to.steps, share))) });
  }
  if (name === "epoch") return (share) => Math.round(between(from, to, share));
  return () => to;
}

/** Move the traits of `model` to those of `state`; return a function that stops at once where it is. */
export function travel(model, state) {
  const ways = Object.entries(state).map(([name, to]) => [name, wayOf(name, model.get(name), to, model.get("_known"))]);
  const put = (share) => model.set(Object.fromEntries(ways.map(([name, at]) => [name, at(share)])));
  if (still.matches) {
    model.set(state);
    return () => {};
  }
  let began = null;
  let frame = requestAnimationFrame(step);
  function step(time) {
    began ??= time;
    const share = clamp((time - began) / TAKES, 0, 1);
    if (share < 1) {
      put(ease(share));
      frame = requestAnimationFrame(step);
    } else model.set(state);
  }
  return () => cancelAnimationFrame(frame);
}
