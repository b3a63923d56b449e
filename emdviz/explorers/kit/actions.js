// What a reader can do to bars, whatever the device: each changes the model, and the views follow.

import { clamp, createMover, moveOne } from "./distributions.js";
import { commit, read } from "./sync.js";

const KEY_STEPS = {
  ArrowUp: 0.01, ArrowRight: 0.01, ArrowDown: -0.01, ArrowLeft: -0.01, PageUp: 0.1, PageDown: -0.1,
};
const STILL = 3; // pixels that a hand may tremble before a press becomes a drag

/** What the keys do on a bar, for a reader; t makes its class the true one where it may be. */
export const KEYS =
  "Keys on a bar: arrows move it by 0.01, Page Up and Page Down by 0.1, " +
  "Home and End to 0 and 1; p pins it";

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

/**
 * Listen to `node`.
 *
 * `value()` is the present probability, `worth(pixels)` what a movement is worth, `move(value)`
 * asks for a new one; `pin()` and `choose()` (as the true class) are the other things to do.
 */
function makeMovable(node, { value, worth, move, pin, choose }) {
  let drag = null;

  node.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault(); // no text selection while dragging
    node.focus({ preventScroll: true });
    node.setPointerCapture(event.pointerId);
    drag = { y: event.clientY, value: value(), moving: false };
  });
  node.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const pixels = drag.y - event.clientY;
    drag.moving ||= Math.abs(pixels) >= STILL;
    if (drag.moving) move(clamp(drag.value + worth(pixels), 0, 1));
  });
  for (const end of ["pointerup", "pointercancel"]) {
    node.addEventListener(end, () => (drag = null));
  }
  node.addEventListener("dblclick", pin);
  node.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const action = keyAction(event.key);
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  });

  function keyAction(key) {
    if (key in KEY_STEPS) return () => move(clamp(value() + KEY_STEPS[key], 0, 1));
    return {
      Home: () => move(0),
      End: () => move(1),
      p: pin,
      t: choose,
    }[key];
  }
}
