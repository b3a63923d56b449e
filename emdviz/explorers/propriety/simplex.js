// The expected loss of every prediction over three classes, as a triangle: heat and contour lines.
// A corner is certainty of a class; the middle class stands on top, so that with even positions
// the expected position grows from left to right.

import { html, listenToDrags, ruler, set, shorten, svg, write } from "../kit/dom.js";
import { clamp, normalized } from "../kit/distributions.js";

const HEIGHT = Math.sqrt(3) / 2; // of a triangle of side 1
const COLUMNS = 128; // cells of the heat map
const ROWS = Math.round(COLUMNS * HEIGHT);
const MESH = 30; // small triangles along a side, for the contour lines
const LINES = 12; // contour lines, at most
const SNAP = 0.006; // shares below this become 0 when a point is dragged

// cividis: even to the eye, and the same to those who cannot tell red from green
const CIVIDIS = [
  "#00224e", "#00285b", "#002e6a", "#053371", "#1c396f", "#293f6e", "#33446d", "#3c4a6c",
  "#45506c", "#4d556c", "#555b6d", "#5c616e", "#646770", "#6b6d72", "#727274", "#787877",
  "#807f78", "#888578", "#908b78", "#979177", "#a09875", "#a89e73", "#b0a571", "#b9ab6d",
  "#c2b369", "#cbb965", "#d3c05f", "#dcc859", "#e6d051", "#efd748", "#f8df3c", "#fee838",
];
const SHADES = 256;
const PALETTE = Array.from({ length: SHADES }, (_, i) => {
  const place = (i / (SHADES - 1)) * (CIVIDIS.length - 1);
  const from = Math.min(Math.floor(place), CIVIDIS.length - 2);
  return [1, 3, 5].map((digit) => {
    const [a, b] = [from, from + 1].map((k) => parseInt(CIVIDIS[k].slice(digit, digit + 2), 16));
    return a + (b - a) * (place - from);
  });
});

/** Where a distribution lies in a triangle of side 1: to the right, and up. */
const spot = (p) => [p[2] + p[1] / 2, p[1] * HEIGHT];

/** The distribution nearest to a place in the triangle. */
function distributionAt(right, up) {
  const middle = up / HEIGHT;
  const last = right - middle / 2;
  return normalized([1 - middle - last, middle, last].map((value) => (value < SNAP ? 0 : value)));
}

const CELLS = Array.from({ length: COLUMNS * ROWS }, (_, index) => {
  const middle = 1 - (Math.floor(index / COLUMNS) + 0.5) / ROWS;
  const last = ((index % COLUMNS) + 0.5) / COLUMNS - middle / 2;
  // the edge of the triangle cuts cells: those just outside are coloured like the edge
  if (last < -1.5 / COLUMNS || 1 - middle - last < -1.5 / COLUMNS) return null;
  const right = clamp(last, 0, 1 - middle);
  return { index, p: [1 - middle - right, middle, right] };
}).filter(Boolean);

// the corners of the small triangles: distributions, and where they lie in units of 1 / FINE
const FINE = 10000;
const NODES = [];
const FACES = [];
for (let row = 0, first = 0; row <= MESH; first += MESH + 1 - row, row += 1) {
  for (let i = 0; i <= MESH - row; i += 1) {
    NODES.push([(MESH - row - i) / MESH, row / MESH, i / MESH]);
    const above = first + MESH + 1 - row + i;
    if (i < MESH - row) FACES.push([first + i, first + i + 1, above]);
    if (i < MESH - row - 1) FACES.push([first + i + 1, above + 1, above]);
  }
}
const RIGHT = NODES.map((p) => FINE * spot(p)[0]);
const DOWN = NODES.map((p) => -FINE * spot(p)[1]);

/** Return a function of p, linear on every small triangle, of its values at their corners. */
export function interpolate(values) {
  const first = [];
  for (let row = 0, at = 0; row <= MESH; at += MESH + 1 - row, row += 1) first.push(at);
  return ([, middle, last]) => {
    const row = Math.min(Math.floor(middle * MESH), MESH - 1);
    const i = Math.min(Math.floor(last * MESH), MESH - 1 - row);
    const [up, along] = [middle * MESH - row, last * MESH - i];
    const [here, next, above] = [first[row] + i, first[row] + i + 1, first[row + 1] + i];
    if (up + along <= 1 || i === MESH - 1 - row) {
      return values[here] + up * (values[above] - values[here]) + along * (values[next] - values[here]);
    }
    const far = values[above + 1];
    return far + (1 - up) * (values[next] - far) + (1 - along) * (values[above] - far);
  };
}

/** A round step that cuts a range into at most LINES pieces. */
function roundStep(range) {
  const raw = range / LINES;
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999);
}

/** Paths of the contour lines, the lower half of the levels and the upper half apart. */
function contours({ expected, values: known, least, shown }, step) {
  const halves = ["", ""];
  const top = shown - least;
  const values = NODES.map((p, i) => Math.min((known ? known[i] : expected(p)) - least, 2 * top));
  const cut = (a, b, level) => {
    const share = (level - values[a]) / (values[b] - values[a]);
    const right = Math.round(RIGHT[a] + share * (RIGHT[b] - RIGHT[a]));
    return `${right} ${Math.round(DOWN[a] + share * (DOWN[b] - DOWN[a]))}`;
  };
  for (const [a, b, c] of FACES) {
    const low = Math.min(values[a], values[b], values[c]);
    const high = Math.min(Math.max(values[a], values[b], values[c]), top);
    for (let k = Math.max(1, Math.ceil(low / step)); k * step <= high; k += 1) {
      const level = k * step;
      const [belowA, belowB, belowC] = [values[a] < level, values[b] < level, values[c] < level];
      // one corner is alone on its side of the level, and the line cuts its two edges
      if (belowA === belowB && belowB === belowC) continue;
      const [alone, one, two] =
        belowB === belowC ? [a, b, c] : belowA === belowC ? [b, a, c] : [c, a, b];
      halves[level < top / 2 ? 0 : 1] += `M${cut(alone, one, level)}L${cut(alone, two, level)}`;
    }
  }
  return halves;
}

/** A mark with its letters beside it. */
function createMark(kind, shape) {
  const figure = svg(shape, { class: kind });
  const text = svg("text", { class: "emdviz-mark-name" });
  return { figure, text, node: svg("g", {}, figure, text) };
}

/**
 * Make the triangle; `move(name, p)` is asked when the point `name`, "t" or "p", is dragged.
 *
 * People who cannot drag can use the bars, which do the same.
 */
export function createSimplex({ classes, root, move }) {
  const heat = html("canvas", { class: "emdviz-heat", width: COLUMNS, height: ROWS });
  const lines = ["low", "high"].map((half) =>
    svg("path", { class: `emdviz-contour emdviz-${half}` }),
  );
  const plane = svg("g", {}, ...lines);
  const hit = svg("path", { class: "emdviz-triangle" });
  const names = classes.map((_, i) =>
    svg("text", { class: "emdviz-class-name", "text-anchor": ["start", "middle", "end"][i] }),
  );
  const best = createMark("emdviz-best", "path");
  const rim = svg("path", { class: "emdviz-best emdviz-rim" });
  best.node.prepend(rim);
  const marks = { p: createMark("emdviz-mark-p", "rect"), t: createMark("emdviz-mark-t", "circle") };
  const parts = [plane, hit, ...names, best.node, marks.p.node, marks.t.node];
  const drawing = svg("svg", { class: "emdviz-chart" }, ...parts);
  const picture = html("div", { class: "emdviz-picture" }, heat, drawing);
  const caption = html("p", { class: "emdviz-hint" });
  const node = html("div", { class: "emdviz-simplex", "aria-hidden": "true" }, picture, caption);
  const pixels = heat.getContext("2d").createImageData(COLUMNS, ROWS);
  let place = null;
  let points = {};

  function paint({ expected, least, shown }) {
    const range = shown - least;
    const scale = range > 1e-12 ? (SHADES - 1) / range : 0;
    for (const { index, p } of CELLS) {
      const shade = Math.min((expected(p) - least) * scale, SHADES - 1);
      const colour = PALETTE[Math.max(0, Math.round(shade))];
      for (let k = 0; k < 3; k += 1) pixels.data[4 * index + k] = colour[k];
      pixels.data[4 * index + 3] = 255;
    }
    heat.getContext("2d").putImageData(pixels, 0, 0);
  }

  function nearest(event) {
    const box = drawing.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const away = ([name, p]) => {
      const [a, b] = place.at(p);
      return [Math.hypot(a - x, b - y), name];
    };
    const close = Object.entries(points).map(away).sort((a, b) => a[0] - b[0]);
    return { name: close[0][1], at: distributionAt(...place.back(x, y)) };
  }

  listenToDrags(hit, (event) => {
    const { name, at } = nearest(event);
    move(name, at);
    return (later) => move(name, nearest(later).at);
  });

  /** Put a text beside a place, on the side of the triangle's middle. */
  function name({ text }, words, [x, y]) {
    const { unit, middle, width, measure } = place;
    const leftwards = x > middle[0];
    const long = measure(words);
    const at = leftwards ? Math.max(x - 0.9 * unit, long) : Math.min(x + 0.9 * unit, width - long);
    set(text, { x: at, y: y + 0.35 * unit });
    set(text, { "text-anchor": leftwards ? "end" : "start" });
    write(text, words);
  }

  return {
    node,
    resize(width, unit, tall = 1) {
      const side = Math.min(width - 1.4 * unit, 26 * tall ** 1.2 * unit);
      const [left, top] = [(width - side) / 2, 1.8 * unit];
      const foot = top + side * HEIGHT;
      const at = (p) => spot(p).map((value, k) => (k ? foot - side * value : left + side * value));
      const back = (x, y) => [(x - left) / side, (foot - y) / side];
      const measure = ruler(root, 0.92 * unit);
      place = { unit, side, at, back, width, measure, middle: at([1 / 3, 1 / 3, 1 / 3]) };
      const height = foot + 1.7 * unit;
      set(drawing, { width, height, viewBox: `0 0 ${width} ${height}` });
      set(heat, { style: `left: ${left}px; top: ${top}px; width: ${side}px; height: ${foot - top}px` });
      set(plane, { transform: `translate(${left} ${foot}) scale(${side / FINE})` });
      const corners = [[1, 0, 0], [0, 1, 0], [0, 0, 1]].map(at);
      set(hit, { d: `M${corners.map(([x, y]) => `${x} ${y}`).join("L")}Z` });
      names.forEach((text, i) => {
        const [x, y] = corners[i];
        set(text, { x, y: i === 1 ? y - 0.5 * unit : y + 1.2 * unit });
        write(text, shorten(classes[i], (i === 1 ? 0.9 : 0.47) * side, measure));
      });
      set(marks.t.figure, { r: 0.5 * unit });
      set(marks.p.figure, { width: 0.9 * unit, height: 0.9 * unit });
    },
    /** Show why there is no landscape. */
    hide(why) {
      picture.hidden = true;
      write(caption, why);
    },
    /** Show the landscape `scored` (see `score`), the truth t, and p unless it is null. */
    update(scored, t, p) {
      picture.hidden = false;
      points = p ? { t, p } : { t };
      paint(scored);
      const range = scored.shown - scored.least;
      const flat = range < 1e-12;
      const step = flat ? 1 : roundStep(range);
      contours(scored, step).forEach((d, i) => set(lines[i], { d }));
      const corners = scored.corners.map(place.at);
      const target = place.at(t);
      const away = ([x, y]) => Math.hypot(x - target[0], y - target[1]);
      const far = corners.reduce((a, b) => (away(b) > away(a) ? b : a));
      const apart = away(far) > 0.5 * place.unit;
      const outline = `M${corners.map(([x, y]) => `${x} ${y}`).join("L")}Z`;
      for (const path of [rim, best.figure]) set(path, { d: flat ? "" : outline });
      // inside, where no class name stands
      const beside = far.map((value, k) => value + 0.28 * (place.middle[k] - value));
      const where = corners.length > 1 ? "best: this line" : "best";
      name(best, apart && !flat ? where : "", beside);
      set(marks.t.figure, { cx: target[0], cy: target[1] });
      const same = scored.corners.every((p) => p.every((share, i) => Math.abs(share - t[i]) < 1e-3));
      name(marks.t, apart || flat ? "t" : same ? "t = best" : "t ≈ best", target);
      set(marks.p.node, { visibility: p ? null : "hidden" });
      if (p) {
        const [x, y] = place.at(p);
        set(marks.p.figure, { x: x - 0.45 * place.unit, y: y - 0.45 * place.unit });
        name(marks.p, "p", [x, y]);
      }
      const every = `a line every ${Number(step.toPrecision(1))}`;
      write(caption, flat ? "All predictions cost the same." : `Darker is cheaper; ${every}.`);
    },
  };
}
