// What a reader can do to bars, whatever the device: each changes the model, and the views follow.

import { clamp, createMover, moveOne, oneHot } from "./distributions.js";
import { listenToDrags, set } from "./dom.js";
import { commit, read } from "./sync.js";

const KEY_STEPS = {
  ArrowUp: 0.01, ArrowRight: 0.01, ArrowDown: -0.01, ArrowLeft: -0.01, PageUp: 0.1, PageDown: -0.1,
};
const STILL = 3; // pixels that a hand may tremble before a press becomes a drag
const ACROSS = 2; // a drag that leaves its bar is sideways where it goes so much further than up

/** What the keys do on a bar, for a reader; t makes its class the true one where it may be. */
export const KEYS =
  "Keys on a bar: arrows move it by 0.01, Page Up and Page Down by 0.1, " +
  "Home and End to 0 and 1; p pins it; c lets it give to and take from other bars alone, until Escape";

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
    /** Let class j have a probability, at the cost of class i alone, both as they were in `began`. */
    carry(list, began, i, j, value) {
      const pins = `pinned_${list}`;
      const others = began[list].map((_, k) => k).filter((k) => k !== i && k !== j);
      put({ ...moveBar({ ...began, [pins]: others }, list, j, value), [pins]: began[pins] });
    },
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

/** Give class i all of the target t. */
export const chooseTarget = (state, i) => ({ ...state, t: oneHot(i, state.t.length), pinned_t: [] });

/**
 * Let every bar of a chart that shows the distribution `list` be moved, pinned and chosen.
 *
 * A drag upwards moves a bar. One sideways carries from it to another bar as much as is below the hand.
 */
export function makeBarsMovable(chart, { model, list, act }) {
  const value = (i) => model.get(list)[i];
  let giver = null; // the bar that the value keys of all others give to and take from
  const hold = (i) => {
    giver = i;
    chart.bars.forEach(({ slider }, j) => set(slider, { "aria-current": j === i && "true" }));
  };
  chart.bars.forEach((bar, i) => {
    const move = (wanted) => act.move(list, i, wanted);
    makeDraggable(bar.slider, {
      start() {
        const began = act.state();
        const columns = chart.bars.map(({ slider }) =>
          slider.querySelector(".emdviz-hit").getBoundingClientRect(),
        );
        const fill = bar.slider.querySelector(".emdviz-bar-fill").getBoundingClientRect();
        const hangs = chart.worth(1) < 0;
        const [own, end] = [value(i), hangs ? fill.bottom : fill.top];
        return {
          upwards: (pixels) => move(clamp(own + chart.worth(pixels), 0, 1)),
          leaves: (x) => nearest(columns, x) !== i,
          sideways(x, y) {
            const j = nearest(columns, x);
            hold(j === i ? null : i);
            if (j === i) return act.put(began);
            const above = chart.worth(y - end);
            const little = Math.abs(chart.worth(2 * STILL));
            const carried = above < little ? own : clamp(own - above, 0, own);
            act.carry(list, began, i, j, began[list][j] + carried);
          },
        };
      },
      end: () => hold(null),
    });
    bar.slider.addEventListener("dblclick", () => act.pin(list, i));
    listenToKeys(bar.slider, {
      value: () => value(i),
      move(wanted) {
        if (giver === null || giver === i) move(wanted);
        else act.carry(list, act.state(), giver, i, wanted);
      },
      others: (key) =>
        ({
          p: () => act.pin(list, i),
          t: () => act.choose(i),
          c: () => hold(giver === i ? null : i),
          Escape: giver !== null && (() => hold(null)),
        })[key],
    });
    bar.label.addEventListener("click", () => act.choose(i));
  });
}

/** Which of the columns lies nearest to a place across the page. */
function nearest(columns, x) {
  const away = columns.map(({ left, right }) => Math.max(left - x, x - right, 0));
  return away.indexOf(Math.min(...away));
}

/** Listen to drags on `node`, which `start()` tells what to do with. */
function makeDraggable(node, { start, end }) {
  const begin = (event) => {
    node.focus({ preventScroll: true });
    const drag = start();
    let way = null;
    return ({ clientX, clientY }) => {
      const [aside, up] = [Math.abs(clientX - event.clientX), event.clientY - clientY];
      if (drag.leaves(clientX) && aside > (way ? ACROSS : 1) * Math.abs(up)) way = "sideways";
      way ??= Math.abs(up) >= STILL && Math.abs(up) >= aside ? "upwards" : null;
      if (way === "sideways") drag.sideways(clientX, clientY);
      else if (way) drag.upwards(up);
    };
  };
  listenToDrags(node, begin, end);
}

/** Listen to the keys that move a bar; `others(key)` tells what another one does. */
function listenToKeys(node, { value, move, others }) {
  const keys = { Home: () => move(0), End: () => move(1) };
  node.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = KEY_STEPS[event.key];
    const action = step ? () => move(clamp(value() + step, 0, 1)) : keys[event.key] ?? others(event.key);
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  });
}
