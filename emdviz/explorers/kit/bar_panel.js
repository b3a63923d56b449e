// A titled panel with the bars of one distribution.

import { makeBarsMovable } from "./actions.js";
import { createChart } from "./bar_chart.js";
import { html } from "./dom.js";

/**
 * Make a panel whose bars move the trait `list`; call `resize`, and then `chart.update`.
 *
 * `kind` names its colour, `menu` stands beside its title and `below` under its bars; `act` is
 * what `createActions` gave, and `options` are those of `createChart`.
 */
export function createBarPanel({ kind, letter, title, list, menu, model, root, act, below = [], options }) {
  const chart = createChart({ owner: title, letter, classes: model.get("classes"), root, ...options });
  const frame = html("div", { class: "emdviz-frame" }, chart.node);
  const header = html(
    "header",
    { class: "emdviz-header" },
    html("span", { class: "emdviz-letter", "aria-hidden": "true" }, letter),
    html("span", { class: "emdviz-title" }, title),
    menu,
  );
  makeBarsMovable(chart, { model, list, act });
  return {
    node: html("section", { class: `emdviz-panel emdviz-${kind}`, "aria-label": title }, header, frame, ...below),
    chart,
    resize: (unit, x) => chart.resize(frame.clientWidth, unit, x),
  };
}
