// Keeps the lists p and q and the numbers p_0, p_1, …, q_0, … that sliders are linked to in step.
// It runs once per widget, not once per view, so that exactly one place decides.

import { createMover, equal, tie } from "./ordinal.js";

const STEPS = 100; // between 0 and 1, as the sliders have
const STATE = ["p", "q", "target", "pinned_p", "pinned_q", "equal_xe", "positions"];

export const read = (model) => Object.fromEntries(STATE.map((name) => [name, model.get(name)]));

/** Write what differs, all at once, and tell the kernel in one message. */
export function commit(model, state) {
  const changes = STATE.filter((name) => !equal(model.get(name), state[name]));
  model.set(Object.fromEntries(changes.map((name) => [name, state[name]])));
  model.save_changes();
}

/** Change the true class; with equal cross-entropy, B follows A there. */
export function withTarget(state, target) {
  const moved = { ...state, target };
  return state.equal_xe ? tie(moved, "q") : moved;
}

// the very grid of the sliders, so that no slider has anything to round and to send back
const onGrid = (value) => Math.floor(value * STEPS + 0.5) / STEPS;

export function keepInStep(model) {
  const count = model.get("classes").length;
  const scalars = ["p", "q"].flatMap((list) =>
    Array.from({ length: count }, (_, i) => ({ name: `${list}_${i}`, list, i })),
  );
  const published = {};
  let known = read(model);
  const move = createMover();
  let busy = false;

  const listsChanged = () => !equal(model.get("p"), known.p) || !equal(model.get("q"), known.q);
  const movedSlider = () =>
    scalars.find(({ name }) => Math.abs(model.get(name) - published[name]) > 1e-9);

  function publish(except) {
    for (const { name, list, i } of scalars) {
      if (name === except) continue;
      const value = onGrid(known[list][i]);
      published[name] = value;
      if (Math.abs(model.get(name) - value) > 1e-9) model.set(name, value);
    }
  }

  function follow({ name, list, i }) {
    const wanted = model.get(name);
    const next = move(read(model), list, i, wanted);
    known = next;
    published[name] = wanted;
    publish(name);
    commit(model, next);
    if (Math.abs(next[list][i] - wanted) > 0.5 / STEPS) {
      // a pin held the class back; its slider is still telling us, and listens again afterwards
      queueMicrotask(() => guarded(() => (publish(), model.save_changes())));
    }
  }

  function reconcile() {
    if (listsChanged() || model.get("target") !== known.target) {
      known = read(model);
      publish();
      model.save_changes();
      return;
    }
    const moved = movedSlider();
    if (moved) follow(moved);
  }

  function guarded(task) {
    if (busy) return;
    busy = true;
    try {
      task();
    } finally {
      busy = false;
    }
  }

  function retarget() {
    const state = read(model);
    // a linked control sets the target alone; whoever also sets p or q has seen to the lock
    if (!listsChanged()) commit(model, withTarget(state, state.target));
    reconcile();
  }

  const listeners = [
    ...["p", "q", ...scalars.map(({ name }) => name)].map((name) => [name, reconcile]),
    ["target", retarget],
  ].map(([name, task]) => [`change:${name}`, () => guarded(task)]);

  guarded(() => publish());
  for (const [event, listener] of listeners) model.on(event, listener);
  return () => listeners.forEach(([event, listener]) => model.off(event, listener));
}
