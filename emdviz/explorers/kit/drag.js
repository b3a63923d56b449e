// Makes an element that shows a probability movable: by pointer, touch and keys.

import { clamp } from "./distributions.js";

const KEY_STEPS = {
  ArrowUp: 0.01, ArrowRight: 0.01, ArrowDown: -0.01, ArrowLeft: -0.01, PageUp: 0.1, PageDown: -0.1,
};
const STILL = 3; // pixels that a hand may tremble before a press becomes a drag

/**
 * Listen to `node`.
 *
 * `value()` is the present probability, `worth(pixels)` what a movement is worth, `move(value)`
 * asks for a new one; `pin()` and `choose()` (as the true class) are the other things to do.
 */
export function makeMovable(node, { value, worth, move, pin, choose }) {
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
