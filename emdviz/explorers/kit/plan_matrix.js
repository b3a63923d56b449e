// A plan as a matrix: a row for every class that mass leaves, a column for every class it goes to.

import { placeColumns, placeLabel } from "./columns.js";
import { formatProbability, ruler, set, shorten, svg, write } from "./dom.js";
import { createWays } from "./plan_ways.js";

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
    resize(width, unit) {
      const measure = ruler(root, 0.92 * unit);
      const widest = Math.min(Math.max(...classes.map(measure)), 0.3 * width);
      const even = classes.map((_, i) => i);
      const left = widest / unit + 2.4;
      const place = placeColumns({ width, unit, classes, x: even, measure, left });
      const top = 0.6 * unit;
      const high = Math.min(Math.max(place.slot, 1.3 * unit), 3.4 * unit);
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
  const columns = centres.map((_, j) => {
    const text = svg("text", { class: "emdviz-class-name" });
    placeLabel(text, place, j, foot + 0.2 * unit);
    return text;
  });
  const turned = `translate(${0.9 * unit} ${(top + foot) / 2}) rotate(-90)`;
  const end = { class: "emdviz-axis", x: (left + right) / 2, y: height - 0.5 * unit };
  return [
    ...lines, ...rows, ...columns,
    svg("text", { class: "emdviz-axis", transform: turned }, "from"),
    svg("text", end, "to"),
  ];
}
