// How a loss pushes the logits, as bars up and down, and where its prediction is now.

import { placeColumns, placeLabel } from "../kit/columns.js";
import { ruler, set, svg, wholePixel, write } from "../kit/dom.js";

const MINUS = "\u2212";
const HALF = 2; // the room above and below the zero line, in units of the text size
const ROUND = [1, 2, 3, 4, 5, 6, 8, 10];
const SHORT = 0.15; // a share of the scale; of shorter bars an enlarged outline is drawn
const NUMBERS = 1.1; // the room for numbers beyond the longest bars

/** Write a push with its sign, in three digits or so; what would read zero is left out. */
export function formatPush(value) {
  const size = Math.abs(value);
  if (size < 0.005) return "";
  return `${value < 0 ? MINUS : "+"}${size.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0)}`;
}

/** The least round number that is not below a value. */
export function niceLimit(value) {
  if (!(value > 1e-12)) return 1e-12;
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  const rounded = power * ROUND.find((factor) => factor * power >= value * (1 - 1e-9));
  return Number(rounded.toPrecision(3));
}

/** Write a number that may be very small, as a small number of tenths times a power of ten. */
export function formatSmall(value, usual) {
  if (value === 0 || Math.abs(value) >= 0.0005) return usual(value);
  const [digits, power] = value.toExponential(1).split("e");
  const raised = Array.from(String(-power), (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]).join("");
  return `${digits.replace(".0", "")}·10⁻${raised}`;
}

/** A drawing with a column per class: bars, the band of the true class, and names if `named`. */
function createColumns({ classes, root, named, room }) {
  const band = svg("rect", { class: "emdviz-band" });
  const axis = svg("g", {});
  const bars = svg("path", { class: "emdviz-bar-fill" }); // all in one: many would each be styled anew
  const names = named ? classes.map(() => svg("text", { class: "emdviz-class-name" })) : [];
  const node = svg("svg", { class: "emdviz-chart", role: "img" }, band, axis, bars);
  node.append(...names);
  return {
    node, axis,
    resize(width, unit, x, tall) {
      const measure = ruler(root, 0.92 * unit);
      const place = placeColumns({ width, unit, classes, x, measure, left: room });
      const drawn = 2 * (HALF * tall + NUMBERS) * unit;
      const whole = drawn + (named ? place.labels.height + 0.3 * unit : 0);
      set(node, { width, height: whole, viewBox: `0 0 ${width} ${whole}` });
      names.forEach((text, i) => placeLabel(text, place, i, drawn + 0.3 * unit));
      return { ...place, drawn, tall };
    },
    mark({ edges, drawn }, k) {
      const [from, to] = edges[k];
      set(band, { x: from, width: to - from, y: 0, height: drawn });
    },
    draw: (...shape) => set(bars, { d: outline(...shape) }),
  };
}

/** The path around bars of this width from one height to others, class by class. */
const outline = ({ centres }, width, foot, tips) =>
  tips.map((tip, i) => `M${centres[i] - width / 2} ${foot}h${width}V${tip}h${-width}z`).join("");

/** How many times longer bars can be drawn that are too short to be seen: a round number. */
function enlargement(greatest, limit) {
  if (greatest < 1e-12 || greatest > SHORT * limit) return 1;
  const times = limit / greatest;
  const power = 10 ** Math.floor(Math.log10(times));
  return power * [5, 2, 1].find((factor) => factor * power <= times);
}

/** Bars from a zero line: up where a step raises the logit, down where it lowers it. */
export function createPushes({ classes, root, named }) {
  const numbers = classes.map(() => svg("text", { class: "emdviz-value emdviz-push" }));
  const columns = createColumns({ classes, root, named, room: 4 });
  const zero = svg("line", { class: "emdviz-zero" });
  const ticks = [1, 0, -1].map(() => svg("text", { class: "emdviz-tick" }));
  const lines = [1, -1].map(() => svg("line", { class: "emdviz-grid" }));
  const outlines = svg("path", { class: "emdviz-enlarged" });
  const note = svg("text", { class: "emdviz-axis emdviz-enlarged-note" });
  columns.axis.append(...lines, ...ticks);
  columns.node.append(outlines, zero, ...numbers, note);
  let place = null;
  let mayShow = false;
  const at = (share) => place.drawn / 2 - place.tall * HALF * share * place.unit;

  return {
    node: columns.node,
    resize(width, unit, x, tall) {
      place = columns.resize(width, unit, x, tall);
      const { left, right, centres, slot } = place;
      mayShow = slot > 0.85 * ruler(root, 0.85 * unit)("+0.00") + 0.15 * unit;
      set(zero, { x1: left, x2: right, y1: at(0), y2: at(0) });
      lines.forEach((line, i) => {
        const y = at(1 - 2 * i);
        set(line, { x1: left, x2: right, y1: y, y2: y });
      });
      ticks.forEach((tick, i) => set(tick, { x: left - 0.5 * unit, y: at(1 - i) + 0.3 * unit }));
      numbers.forEach((text, i) => set(text, { x: centres[i] }));
      set(note, { x: right, y: at(1) - 0.15 * unit });
      set(ticks[1], { visibility: HALF * tall > 0.95 ? null : "hidden" });
    },
    /** Show the pushes on a scale from −limit to limit; k is the true class. */
    update(pushes, limit, k, words) {
      const written = formatSmall(limit, String);
      [`+${written}`, "0", MINUS + written].forEach((text, i) => write(ticks[i], text));
      columns.mark(place, k);
      const tips = pushes.map((push) => at(push / limit));
      columns.draw(place, place.bar, at(0), tips);
      pushes.forEach((push, i) => {
        set(numbers[i], { y: wholePixel(tips[i] + (push < 0 ? 1 : -0.3) * place.unit) });
        write(numbers[i], mayShow ? formatPush(push) : "");
      });
      const times = enlargement(Math.max(...pushes.map(Math.abs)), limit);
      const enlarged = pushes.map((push) => at((times * push) / limit));
      set(outlines, { d: times > 1 ? outline(place, place.bar, at(0), enlarged) : "" });
      write(note, times > 1 ? `outlines: × ${inThousands(times)}` : "");
      set(columns.node, { "aria-label": words });
    },
  };
}

const inThousands = (times) => (times < 1e4 ? String(times) : times.toExponential(0).replace("e+", "·10^"));

/** Bars of the prediction that a loss has reached, with the outline of where it began. */
export function createReached({ classes, root, named }) {
  const start = svg("path", { class: "emdviz-start" });
  const columns = createColumns({ classes, root, named, room: 1.6 });
  const lines = [0, 1].map(() => svg("line", { class: "emdviz-grid" }));
  const ticks = [0, 1].map((tick) => svg("text", { class: "emdviz-tick" }, String(tick)));
  columns.axis.append(...lines, ...ticks);
  columns.node.append(start);
  let place = null;
  const at = (p) => place.drawn - 0.6 * place.unit - p * (place.drawn - 1.3 * place.unit);

  return {
    node: columns.node,
    resize(width, unit, x, tall) {
      place = columns.resize(width, unit, x, tall);
      const { left, right } = place;
      lines.forEach((line, i) => set(line, { x1: left, x2: right, y1: at(i), y2: at(i) }));
      ticks.forEach((tick, i) => set(tick, { x: left - 0.4 * unit, y: at(i) + 0.3 * unit }));
    },
    update(p, began, k, words) {
      columns.mark(place, k);
      const { centres, bar } = place;
      columns.draw(place, 0.8 * bar, at(0), p.map(at));
      const caps = began.map((value, i) => `M${centres[i] - bar / 2} ${at(value)}h${bar}`);
      set(start, { d: caps.join("") });
      set(columns.node, { "aria-label": words });
    },
  };
}
