// Curves over the number of scalings, on a logarithmic axis, each with its name at its end.

import { ruler, set, svg, write } from "../kit/dom.js";
import { MOST, SAMPLES } from "./rounding.js";
import { createLines } from "../kit/line_chart.js";

const CURVES_HEIGHT = 8.5; // of the axis, in units of the text size
const FLOOR = 1e-8; // where a logarithmic axis ends; what is less lies there
const COUNTS = [1, 10, 100, 1000];

/** How a value is drawn: a share of the height, and the ticks with their texts. */
function linear(values) {
  const greatest = Math.max(1e-3, ...values.filter(Number.isFinite));
  const step = 10 ** Math.floor(Math.log10(greatest));
  const top = Math.ceil(greatest / step) * step;
  const text = (value) => String(Number(value.toPrecision(2)));
  return { at: (value) => value / top, ticks: [0, top / 2, top].map((value) => [value, text(value)]) };
}

function logarithmic() {
  const [low, high] = [Math.log10(FLOOR), 1];
  const at = (value) => (Math.log10(Math.min(Math.max(value, FLOOR), 10 ** high)) - low) / (high - low);
  return { at, ticks: [[1, "1"], [1e-4, "10⁻⁴"], [FLOOR, "10⁻⁸"]] };
}

/**
 * Make a drawing of `curves`, lists of numbers after SAMPLES scalings, and of `levels`, single
 * numbers; both are lists of names, which become classes. `log` says that its axis is logarithmic.
 */
export function createCurves({ curves, levels, log, root }) {
  const background = svg("g");
  const broken = svg("rect", { class: "emdviz-broken" });
  const brokenText = svg("text", { class: "emdviz-broken-name" });
  const now = svg("line", { class: "emdviz-now" });
  const of = (name) => ({ class: `emdviz-curve-${name}` });
  const lines = createLines([
    ...levels.map((name) => ({ of: of(name), kind: "emdviz-level" })),
    ...curves.map((name) => ({ of: of(name) })),
  ]);
  const node = svg("svg", { class: "emdviz-chart", role: "img" }, background, broken, brokenText);
  node.append(now, ...lines.nodes);
  let place = null;

  function drawBackground({ ticks }, y) {
    const { unit, left, right, top, bottom, x } = place;
    const across = ticks.flatMap(([value, text]) => [
      svg("line", { class: "emdviz-grid", x1: left, x2: right, y1: y(value), y2: y(value) }),
      svg("text", { class: "emdviz-tick", x: left - 0.5 * unit, y: y(value) + 0.3 * unit }, text),
    ]);
    const along = COUNTS.flatMap((count) => [
      svg("line", { class: "emdviz-grid", x1: x(count), x2: x(count), y1: top, y2: bottom }),
      svg("text", { class: "emdviz-tick emdviz-count", x: x(count), y: bottom + 1.15 * unit }, String(count)),
    ]);
    background.replaceChildren(...across, ...along);
  }

  let drawn = "";

  return {
    node,
    resize(width, unit, labels) {
      const measure = ruler(root, 0.92 * unit);
      const left = 2.8 * unit;
      const right = width - Math.max(...labels.map(measure)) - 1.6 * unit;
      const [top, height] = [0.8 * unit, CURVES_HEIGHT * unit];
      const x = (count) => left + ((right - left) * Math.log(count)) / Math.log(MOST);
      place = { unit, left, right, top, bottom: top + height, height, x };
      const whole = place.bottom + 1.5 * unit;
      set(node, { width, height: whole, viewBox: `0 0 ${width} ${whole}` });
      drawn = "";
    },
    /** `lists` holds a list for every curve, `values` a number for every level, `at` those now. */
    update({ lists, values, at, scalings, brokenAt, labels, words }) {
      const { unit, right, left, top, bottom, height, x } = place;
      const axis = log ? logarithmic() : linear([...lists.flat(), ...values]);
      const y = (value) => bottom - height * axis.at(value);
      if (drawn !== String(axis.ticks)) drawBackground(axis, y);
      drawn = String(axis.ticks);
      set(now, { x1: x(scalings), x2: x(scalings), y1: top, y2: bottom });
      const whole = brokenAt > MOST;
      const from = whole ? right : x(brokenAt);
      const wide = right - from;
      set(broken, { x: from, width: wide, y: top, height, visibility: whole ? "hidden" : null });
      set(brokenText, { x: from + wide / 2, y: top + height / 2 });
      write(brokenText, wide > 2.5 * unit ? "NaN" : "");
      const finite = (list) => {
        const end = list.findIndex((value) => !Number.isFinite(value));
        return (end < 0 ? list : list.slice(0, end)).map((value, k) => [x(SAMPLES[k]), y(value)]);
      };
      lines.update({
        places: [...values.map((value) => [[left, y(value)], [right, y(value)]]), ...lists.map(finite)],
        dots: [
          ...values.map(() => null),
          ...at.map((value) => (Number.isFinite(value) ? [x(scalings), y(value)] : null)),
        ],
        labels: [
          ...labels.slice(lists.length),
          ...lists.map((list, i) => (Number.isFinite(list.at(-1)) ? labels[i] : "")),
        ],
        unit, top, bottom,
      });
      set(node, { "aria-label": words });
    },
  };
}
