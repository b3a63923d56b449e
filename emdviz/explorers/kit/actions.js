// What a reader can do to bars, whatever the device: each changes the model, and the views follow.

import { createMover, moveOne } from "./distributions.js";
import { commit, read } from "./sync.js";
import { makeMovable } from "./drag.js";

/**
 * The actions on the distributions `lists`; `names` are all traits that they read or write.
 *
 * `moveBar(state, list, i, value)` tells what follows from a moved bar, and `choose(state, i)` what
 * follows from a new true class.
 */
export function createActions(model, { lists, names, moveBar = moveOne, choose }) {
  const move = createMover(lists, moveBar);
  const state = () => read(model, names);
  const put = (next) => commit(model, next);
  return {
    move: (list, i, value) => put(move(state(), list, i, value)),
    choose: (i) => put(choose(state(), i)),
    pin(list, i) {
      const pins = model.get(`pinned_${list}`);
      const changed = pins.includes(i) ? pins.filter((j) => j !== i) : [...pins, i];
      put({ [`pinned_${list}`]: changed.sort((a, b) => a - b) });
    },
    put,
    state,
  };
}

/** Let every bar of a chart that shows the distribution `list` be moved, pinned and chosen. */
export function makeBarsMovable(chart, { model, list, act }) {
  chart.bars.forEach((bar, i) => {
    makeMovable(bar.slider, {
      value: () => model.get(list)[i],
      worth: chart.worth,
      move: (value) => act.move(list, i, value),
      pin: () => act.pin(list, i),
      choose: () => act.choose(i),
    });
    bar.label.addEventListener("click", () => act.choose(i));
  });
}
