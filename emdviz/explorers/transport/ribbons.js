// A plan as ribbons: the bars of p stand above, those of t hang below, and ribbons as wide as the
// mass that they carry run from the feet of the one to the feet of the other.

import { createBars } from "../kit/bars.js";
import { drawAxis, drawNotToScale, placeColumns } from "../kit/columns.js";
import { ruler, set, svg, uniqueId } from "../kit/dom.js";
import { createWays } from "../kit/plan_matrix.js";

function placeRibbons({ width, unit, classes, x, tall, measure }) {
  const columns = placeColumns({ width, unit, classes, x, measure });
  const bars = tall * Math.min(Math.max(0.2 * width, 7 * unit), 11 * unit);
  const room = tall * Math.min(Math.max(0.26 * width, 9 * unit), 16 * unit);
  const shared = { ...columns, bars, bar: Math.min(0.8 * columns.slot, 7 * unit) };
  const from = 2.6 * unit + bars;
  const to = from + room;
  const labelTop = to + bars + 2.2 * unit;
  return {
    ...shared, from, to,
    height: labelTop + columns.labels.height + (columns.toScale ? 0.4 : 2) * unit,
    above: { ...shared, top: from - bars, y: (mass) => from - bars * mass, labelTop },
    below: { ...shared, top: to, y: (mass) => to + bars * mass, labelTop, hangs: true },
  };
}

/** Make the drawing; call `resize` and then `update`. */
export function createRibbons({ classes, root, choice }) {
  const count = classes.length;
  const background = svg("g", { "aria-hidden": "true" });
  const shade = createShade();
  const above = createSide({ owner: "Prediction p", kind: "a", classes });
  const below = createSide({ owner: "Target t", kind: "t", classes, named: true });
  const ways = createWays({
    count, choice, label: "Ribbons of the plan",
    draw: () => svg("path", { class: "emdviz-ribbon", fill: shade.fill }),
  });
  const parts = [shade.node, background, ways.node, above.node, below.node];
  const node = svg("svg", { class: "emdviz-chart", role: "group", "aria-label": "Plan as ribbons" });
  node.append(...parts);
  let place = null;

  return {
    node, ways,
    sides: { p: above, t: below },
    resize(width, unit, x, tall) {
      place = placeRibbons({ width, unit, classes, x, tall, measure: ruler(root, 0.92 * unit) });
      set(node, { width, height: place.height, viewBox: `0 0 ${width} ${place.height}` });
      background.replaceChildren(...drawFeet(place));
      shade.resize(place);
      above.resize(place.above);
      below.resize(place.below);
    },
    /** Show masses `supply` and `demand` and the plan between them. */
    update({ supply, demand, plan, leaves, arrives, name, pins }) {
      above.update(supply, leaves, pins.p);
      below.update(demand, arrives, pins.t);
      ways.update(plan, name);
      const worth = place.bar / Math.max(...leaves, ...arrives); // the widest foot fills its bar
      const [starts, ends] = [leaves, arrives].map((masses) =>
        masses.map((mass, i) => place.centres[i] - (mass * worth) / 2),
      );
      for (const { i, j, mass } of plan) {
        set(ways.options[i * count + j], { d: band(place, starts[i], ends[j], mass * worth) });
        starts[i] += mass * worth;
        ends[j] += mass * worth;
      }
    },
  };
}

/** A ribbon from x = a at the upper feet to x = b at the lower, seen also where it is thin. */
function band({ from, to }, a, b, width) {
  const wide = Math.max(width, 1);
  const middle = (from + to) / 2;
  const there = `C${a} ${middle} ${b} ${middle} ${b} ${to}`;
  const back = `C${b + wide} ${middle} ${a + wide} ${middle} ${a + wide} ${from}`;
  return `M${a} ${from}${there}H${b + wide}${back}Z`;
}

/** Ribbons leave in the colour of p and arrive in that of t. */
function createShade() {
  const id = uniqueId("ribbon");
  const stops = ["emdviz-a", "emdviz-t"].map((name, offset) =>
    svg("stop", { offset, class: name }),
  );
  const shade = svg("linearGradient", { id, gradientUnits: "userSpaceOnUse", x1: 0, x2: 0 }, ...stops);
  return {
    node: svg("defs", {}, shade),
    fill: `url(#${id})`,
    resize: ({ from, to }) => set(shade, { y1: from, y2: to }),
  };
}

/** The bars of p or of t; a part that takes no part in the plan is drawn empty. */
function createSide({ owner, kind, classes, named = false }) {
  const bars = createBars({ owner, classes, named, mayChoose: named });
  const rests = classes.map(() => svg("rect", { class: "emdviz-rest" }));
  const rest = svg("g", { "aria-hidden": "true" }, ...rests);
  let place = null;
  let weight = 1;
  return {
    node: svg("g", { class: `emdviz-${kind}` }, bars.node, rest),
    bars: bars.bars,
    /** How much probability a movement of `pixels` is worth. */
    worth: (pixels) => ((place.hangs ? -1 : 1) * pixels) / (place.bars * weight),
    resize(next) {
      place = next;
      bars.resize(place);
      rests.forEach((rect, i) => {
        set(rect, { x: place.centres[i] - place.bar / 2, width: place.bar });
      });
    },
    update(masses, moved, pinned) {
      weight = masses.reduce((total, mass) => total + mass);
      bars.update(place, masses, { pinned });
      bars.bars.forEach((bar, i) => {
        set(bar.slider, { "aria-valuemax": weight.toFixed(4) });
        const stays = masses[i] - moved[i] > 1e-9;
        const [a, b] = stays ? [place.y(masses[i]), place.y(moved[i])] : [0, 0];
        set(rests[i], { y: Math.min(a, b), height: Math.abs(a - b) });
      });
    },
  };
}

function drawFeet(place) {
  const { above, below, from, to, bars, centres } = place;
  const guides = centres.map((x) =>
    svg("line", { class: "emdviz-guide", x1: x, x2: x, y1: from, y2: to }),
  );
  return [
    ...guides,
    ...drawAxis(place, { at: above.y, start: from - bars, height: bars, name: "prediction p" }),
    ...drawAxis(place, { at: below.y, start: to, height: bars, name: "target t" }),
    ...drawNotToScale(place),
  ];
}
