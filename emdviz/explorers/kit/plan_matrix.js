// The ways of a transport plan as a list box, one stop for Tab and arrow keys from way to way, and such
// a list as a matrix: a row for every class that mass leaves, a column for every class it goes to.

import { placeColumns, placeLabel } from "./columns.js";
import { formatProbability, ruler, set, shorten, svg, write } from "./dom.js";

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

/** Make the drawing; call `resize` and then `update`. */
export function createMatrix({ classes, root, choice }) {
  const count = classes.length;
  const background = svg("g", { "aria-hidden": "true" });
  const texts = [];
  const draw = () => {
    const text = svg("text", { class: "emdviz-cell-mass" });
    texts.push(text);
    return svg("g", { class: "emdviz-cell" }, svg("rect"), text);
  };
  const ways = createWays({ count, choice, draw, label: "Cells of the plan" });
  const node = svg("svg", { class: "emdviz-chart", role: "group", "aria-label": "Plan as a matrix" });
  node.append(background, ways.node);
  let showMass = true;

  return {
    node, ways,
    resize(width, unit, tall = 1) {
      const measure = ruler(root, 0.92 * unit);
      const widest = Math.min(Math.max(...classes.map(measure)), 0.3 * width);
      const even = classes.map((_, i) => i);
      const left = widest / unit + 2.4;
      const place = placeColumns({ width, unit, classes, x: even, measure, left });
      const top = 0.6 * unit;
      const high = Math.max(tall * Math.min(place.slot, 3.4 * unit), 1.3 * unit);
      const foot = top + count * high;
      const height = foot + place.labels.height + 2 * unit;
      const names = classes.map((name) => shorten(name, widest, measure));
      showMass = place.slot > measure("0.00") + 4;
      set(node, { width, height, viewBox: `0 0 ${width} ${height}` });
      background.replaceChildren(...drawFrame({ ...place, top, high, foot, height, names }));
      ways.options.forEach((option, key) => {
        const [i, j] = [Math.floor(key / count), key % count];
        const [x, y] = [place.left + j * place.slot, top + i * high];
        set(option.firstChild, { x, y, width: place.slot, height: high });
        set(texts[key], { x: x + place.slot / 2, y: y + high / 2 + 0.32 * unit });
      });
    },
    /** Show the ways of a plan, each with its mass, and with a `text` if that is not its number. */
    update({ plan, name }) {
      ways.update(plan, name);
      const most = Math.max(...plan.map(({ mass }) => mass).filter(Number.isFinite));
      for (const { i, j, mass, text = formatProbability(mass) } of plan) {
        const key = i * count + j;
        // never so dark that the number on it could not be read
        const shade = text ? 0.08 + 0.42 * (mass / most) : 0;
        set(ways.options[key].firstChild, { "fill-opacity": shade.toFixed(3) });
        write(texts[key], showMass || text.length === 1 ? text : "");
      }
    },
  };
}

function drawFrame(place) {
  const { left, right, top, high, foot, height, unit, centres, names } = place;
  const lines = [...centres, null].flatMap((_, i) => {
    const [x, y] = [left + i * place.slot, top + i * high];
    return [
      svg("line", { class: "emdviz-grid", x1: left, x2: right, y1: y, y2: y }),
      svg("line", { class: "emdviz-grid", x1: x, x2: x, y1: top, y2: foot }),
    ];
  });
  const rows = names.map((name, i) =>
    svg("text", { class: "emdviz-row", x: left - 0.5 * unit, y: top + (i + 0.5) * high + 0.32 * unit }, name),
  );
  const columns = centres.map((_, j) =>
    placeLabel(svg("text", { class: "emdviz-class-name" }), place, j, foot + 0.2 * unit),
  );
  const turned = `translate(${0.9 * unit} ${(top + foot) / 2}) rotate(-90)`;
  const end = { class: "emdviz-axis", x: (left + right) / 2, y: height - 0.5 * unit };
  return [
    ...lines, ...rows, ...columns,
    svg("text", { class: "emdviz-axis", transform: turned }, "from"),
    svg("text", end, "to"),
  ];
}
