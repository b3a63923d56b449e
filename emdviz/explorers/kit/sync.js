// Keeps the distributions (the traits p, t, …) in step with the numbers p_0, p_1, … that sliders
// are linked to. It runs once per widget, not once per view, so that exactly one place decides.

import { equal } from "./distributions.js";

const STEPS = 100; // between 0 and 1, as the sliders have

export const read = (model, names) =>
  Object.fromEntries(names.map((name) => [name, model.get(name)]));

/** Write what differs, all at once, and tell the kernel in one message. */
export function commit(model, state) {
  const changed = Object.entries(state).filter(([name, value]) => !equal(model.get(name), value));
  model.set(Object.fromEntries(changed));
  model.save_changes();
}

// the very grid of the sliders, so that no slider has anything to round and to send back
const onGrid = (value) => Math.floor(value * STEPS + 0.5) / STEPS;

/**
 * Keep the distributions `lists` and their numbers in step.
 *
 * `names` are all traits that `move(state, list, i, value)` reads or writes. When one of `watched`
 * changes, without a change of the distributions, `settle(state)` tells what else follows.
 */
export function keepInStep(model, { lists, names, move, watched = [], settle }) {
  const count = model.get("classes").length;
  const scalars = lists.flatMap((list) =>
    Array.from({ length: count }, (_, i) => ({ name: `${list}_${i}`, list, i })),
  );
  const published = {};
  const now = () => read(model, names);
  let known = now();
  let busy = false;

  const differs = (name) => !equal(model.get(name), known[name]);
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
    const next = move(now(), list, i, wanted);
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
    if ([...lists, ...watched].some(differs)) {
      known = now();
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

  function settled() {
    // a linked control sets one trait alone; code that also sets a distribution has set the others
    if (!lists.some(differs)) commit(model, settle(now()));
    reconcile();
  }

  const listeners = [
    ...[...lists, ...scalars.map(({ name }) => name)].map((name) => [name, reconcile]),
    ...watched.map((name) => [name, settled]),
  ].map(([name, task]) => [`change:${name}`, () => guarded(task)]);

  guarded(() => publish());
  for (const [event, listener] of listeners) model.on(event, listener);
  return () => listeners.forEach(([event, listener]) => model.off(event, listener));
}
