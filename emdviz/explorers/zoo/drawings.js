// The small drawings of a row; each fills a box of 100 by 30, whatever the size of the text.

import { svg, set } from "../kit/dom.js";

const [WIDE, HIGH] = [100, 30];

const box = (kind, ...parts) =>
  svg("svg", { class: `emdviz-small emdviz-small-${kind}`, viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", "aria-hidden": "true" }, ...parts);
const middle = (i, count) => ((i + 0.5) * WIDE) / count;
const base = (y) => svg("path", { class: "emdviz-base", d: `M0 ${y}H${WIDE}` });

/** What an answer costs that is nearly certain of class 0, 1, …; class k is true. */
export function createSmallCurve(costs, k) {
  const count = costs.length;
  const most = Math.max(...costs.filter((cost) => cost !== null), 1e-9);
  const least = Math.min(0, ...costs.filter((cost) => cost !== null));
  const y = (cost) => HIGH - 2 - ((cost - least) / (most - least)) * (HIGH - 5);
  const points = costs.map((cost, i) => (cost === null ? null : `${middle(i, count)} ${y(cost)}`)).filter(Boolean);
  const truth = svg("rect", { class: "emdviz-true-place", x: middle(k, count) - 6, width: 12, y: 0, height: HIGH });
  return box("curve", truth, base(HIGH - 1), svg("path", { class: "emdviz-line", d: `M${points.join("L")}` }),
    svg("path", { class: "emdviz-dots", d: points.map((point) => `M${point}h0`).join("") }));
}

/** Pushes on the outputs, as shares of the greatest. */
export function createSmallPush(pushes) {
  const count = pushes.length;
  const wide = Math.min(12, (0.7 * WIDE) / count);
  const bars = pushes.map((push, i) => {
    const height = Math.min(Math.abs(push ?? 0), 1) * (HIGH / 2 - 1);
    return svg("rect", { class: "emdviz-push-bar", x: middle(i, count) - wide / 2, width: wide, y: push > 0 ? HIGH / 2 - height : HIGH / 2, height });
  });
  return box("push", base(HIGH / 2), ...bars);
}

/** Bars of an answer before the outline of t; call `update(t, answer)`. */
export function createSmallBars(count, { large = false } = {}) {
  const make = (kind) => Array.from({ length: count }, () => svg("rect", { class: kind }));
  const [bars, outlines] = [make("emdviz-best-bar"), make("emdviz-t-bar")];
  const needle = svg("path", { class: "emdviz-needle" });
  const node = box(large ? "large" : "best", ...bars, ...outlines, base(HIGH - 0.5), needle);
  const wide = (0.7 * WIDE) / count;
  [bars, outlines].forEach((rects) => rects.forEach((rect, i) => set(rect, { x: middle(i, count) - wide / 2, width: wide })));
  const raise = (rect, value) => set(rect, { y: HIGH - 1 - value * (HIGH - 2), height: value * (HIGH - 2) });
  return {
    node,
    update(t, answer) {
      const p = answer?.p ?? null;
      bars.forEach((rect, i) => raise(rect, Math.max(0, Math.min(1, p?.[i] ?? 0))));
      outlines.forEach((rect, i) => raise(rect, t[i]));
      const at = answer?.number ?? answer?.label;
      set(needle, { d: at === undefined || p ? "" : `M${middle(at, count)} ${HIGH}V2` });
    },
  };
}
