// The ways of a transport plan as a list box: one stop for Tab, arrow keys from way to way. The
// ribbons and the cells of the matrix are such lists, and share one choice.

import { set, svg } from "./dom.js";

const STRIDES = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** What is looked at, as [i, j]: the way pointed at or focused, whichever came later, or null. */
export function createChoice(changed) {
  let pointed = null;
  let focused = null;
  return {
    now: () => pointed ?? focused,
    point: (way) => ((pointed = way), changed()),
    focus(way) {
      focused = way;
      if (way) pointed = null;
      changed();
    },
  };
}

/**
 * Make a list of all ways between `count` classes, each drawn by `draw(i, j)` and hidden while no
 * mass goes there. `update(plan, name)` shows the ways of a plan in its order, called `name(way)`.
 */
export function createWays({ count, label, draw, choice }) {
  const node = svg("g", { role: "listbox", "aria-label": label });
  const keyOf = ([i, j]) => i * count + j;
  const options = Array.from({ length: count ** 2 }, (_, key) => {
    const way = [Math.floor(key / count), key % count];
    const option = set(draw(...way), { role: "option", tabindex: -1, visibility: "hidden" });
    option.addEventListener("pointerenter", () => choice.point(way));
    option.addEventListener("pointerleave", () => choice.point(null));
    option.addEventListener("focus", () => choice.focus(way));
    option.addEventListener("blur", () => choice.focus(null));
    option.addEventListener("keydown", (event) => {
      const goal = goalOf(event.key, shown.indexOf(key));
      if (goal === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      options[goal].focus();
    });
    return option;
  });
  node.append(...options);
  let shown = [];
  let stop = null;

  function goalOf(name, now) {
    if (name === "Home") return shown[0];
    if (name === "End") return shown[shown.length - 1];
    return name in STRIDES ? shown[now + STRIDES[name]] : undefined;
  }

  return {
    node,
    options,
    update(plan, name) {
      const keys = plan.map(({ i, j }) => keyOf([i, j]));
      for (const key of shown) {
        if (!keys.includes(key)) set(options[key], { visibility: "hidden", "aria-label": null });
      }
      shown = keys;
      plan.forEach((way, n) => {
        set(options[keys[n]], { visibility: null, "aria-label": name(way) });
      });
    },
    /** Mark the way looked at, and let Tab stop there, else at the first. */
    mark(way) {
      if (!shown.length) return;
      const chosen = way && shown.includes(keyOf(way)) ? keyOf(way) : null;
      for (const key of shown) set(options[key], { "aria-selected": String(key === chosen) });
      set(node, { class: chosen === null ? null : "emdviz-choosing" });
      const next = chosen ?? shown[0];
      if (stop !== null && stop !== next) set(options[stop], { tabindex: -1 });
      set(options[next], { tabindex: 0 });
      stop = next;
    },
  };
}
