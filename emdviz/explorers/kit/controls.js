// Ordinary controls, all of one look: menus, boxes to tick, buttons, ranges, tiles of numbers.
// Those that show a state belong to a `trait`, which `act` sets unless they are told what a choice
// does instead; their `update` takes all traits.

import { glide, html, set, uniqueId, write } from "./dom.js";

/** Give a control a value that it does not have: the browser draws it anew for any. */
function turn(control, value) {
  if (control.value !== String(value)) control.value = value;
}

const setter = (act, trait) => (value) => act.put({ [trait]: value });

/** A menu with a label before it; `choices` holds pairs of value and text. */
export function createMenu({ label, choices, trait, act, choose = setter(act, trait) }) {
  const menu = html("select", { class: "emdviz-select" });
  menu.append(...choices.map(([value, text]) => html("option", { value }, text)));
  menu.addEventListener("change", () => choose(menu.value));
  const node = html("label", { class: "emdviz-field" }, html("span", {}, label), menu);
  return { node, update: (state) => turn(menu, state[trait]) };
}

/**
 * A menu of `examples`, each with a label, of which `act` gets the chosen one; it shows no state. Its
 * first entry, `title`, says what it is for. What it changes moves there, see `glide`; so does what a
 * button changes.
 */
export function createActionMenu({ label, title, examples, act }) {
  const attributes = { class: "emdviz-select emdviz-preset", "aria-label": label };
  const menu = html("select", attributes, html("option", { value: "" }, title));
  menu.append(...Object.entries(examples).map(([value, { label: text }]) => html("option", { value }, text)));
  menu.addEventListener("change", () => {
    const chosen = menu.value;
    menu.value = "";
    if (!chosen) return;
    glide(menu);
    act(examples[chosen]);
  });
  return menu;
}

/** A menu of the trait `_presets`, a list of states, which are set as they stand there. */
export const createExampleMenu = (model, act, label) =>
  createActionMenu({
    label,
    title: "Examples …",
    examples: model.get("_presets"),
    act: ({ label: _, ...state }) => act.put({ ...state, pinned_p: [], pinned_t: [] }),
  });

export const createTargetMenu = (model, act) =>
  createMenu({
    label: "True class",
    choices: model.get("classes").map((name, i) => [i, name]),
    trait: "target",
    choose: (value) => act.choose(Number(value)),
  });

const nodesOf = (controls) => controls.map((control) => control.node ?? control);
const updateAll = (controls) => (state) => controls.forEach((control) => control.update?.(state));

/** Controls side by side, which are elements or have a `node` and are updated with the whole. */
export function createGroup(controls, kind = "") {
  const node = html("div", { class: `emdviz-toolbar ${kind}`.trim() }, ...nodesOf(controls));
  return { node, update: updateAll(controls) };
}

/**
 * What stands above a figure: controls, others `below` them, words or an element on what to `see`, and
 * a `hint` on what to do. The hint, and what the `keys` do, also stand behind a question mark.
 */
export function createToolbar(controls, { see, hint, keys, below = [] }) {
  const words = [hint, keys].filter(Boolean).map((text) => html("p", {}, text));
  const help = html(
    "details",
    { class: "emdviz-help" },
    html("summary", { class: "emdviz-button", "aria-label": "How to use this figure" }, "?"),
    html("div", { class: "emdviz-help-text" }, ...words),
  );
  help.addEventListener("focusout", ({ relatedTarget }) => {
    if (!help.contains(relatedTarget)) help.open = false;
  });
  help.addEventListener("keydown", ({ key }) => key === "Escape" && (help.open = false));
  const rows = [createGroup([...controls, words.length ? help : ""]), ...below];
  const node = html(
    "div",
    { class: "emdviz-controls" },
    ...nodesOf(rows),
    typeof see === "string" ? html("p", { class: "emdviz-see" }, see) : (see ?? ""),
    hint ? html("p", { class: "emdviz-hint" }, hint) : "",
  );
  return { node, update: updateAll(rows) };
}

/** A box to tick, with its label. */
export function createToggle({ label, trait, act, choose = setter(act, trait) }) {
  const box = html("input", { type: "checkbox", id: uniqueId("toggle") });
  box.addEventListener("change", () => choose(box.checked));
  const node = html("label", { class: "emdviz-field", for: box.id }, box, html("span", {}, label));
  return { node, update: (state) => (box.checked = state[trait]) };
}

/** Some choices of which all are seen and one holds; `now` tells of a state which, if no trait does. */
export function createSwitch({ label, choices, trait, act, choose = setter(act, trait), now }) {
  const group = uniqueId("switch");
  const boxes = choices.map(([value]) => html("input", { type: "radio", name: group, value }));
  const node = html("div", { class: "emdviz-switch", role: "radiogroup", "aria-label": label });
  node.append(
    html("span", { "aria-hidden": "true" }, label),
    ...boxes.map((box, i) => html("label", { class: "emdviz-field" }, box, choices[i][1])),
  );
  boxes.forEach((box, i) => box.addEventListener("change", () => choose(choices[i][0])));
  const chosen = now ?? ((state) => state[trait]);
  const update = (state) => boxes.forEach((box, i) => (box.checked = choices[i][0] === chosen(state)));
  return { node, update };
}

export function createButton({ label, press }) {
  const button = html("button", { class: "emdviz-button", type: "button" }, label);
  button.addEventListener("click", () => {
    glide(button);
    press();
  });
  return button;
}

/**
 * A slider with its label; `ends` are the words at its ends. It goes from `min` to `max`, or through
 * `values` and stands at the one that is nearest in ratio. A screen reader says what `say(value)`
 * returns, and `note(value)` stands behind it; without a trait `show` takes the place and both texts.
 */
export function createRange({
  label, ends = [], min = 0, max = 100, step = 1, values, trait, act, slide = setter(act, trait), say, note = say,
}) {
  const slider = html("input", { type: "range", min, max: values ? values.length - 1 : max, step, id: uniqueId("range") });
  slider.addEventListener("input", () => slide(values ? values[slider.value] : Number(slider.value)));
  const [low, high] = ends.map((text) => html("span", { class: "emdviz-end" }, text));
  const output = html("output", { class: "emdviz-range", for: slider.id });
  const parts = [html("label", { for: slider.id }, label), low, slider, high, output];
  function show(place, said, words) {
    if (place !== null) turn(slider, place);
    set(slider, { "aria-valuetext": said });
    write(output, words);
  }
  function nearest(value) {
    const far = values.map((offered) => Math.abs(Math.log(offered / value)));
    return far.indexOf(Math.min(...far));
  }
  return {
    node: html("div", { class: "emdviz-journey" }, ...parts.filter(Boolean)),
    show,
    update({ [trait]: value }) {
      if (trait) show(values ? nearest(value) : value, say(value), note(value));
    },
  };
}

/** A part of a figure below its `title`, beside which its `letter` and a `menu` may stand. */
export function createPanel({ kind, title, letter, menu }, ...children) {
  const parts = [
    letter && html("span", { class: "emdviz-letter", "aria-hidden": "true" }, letter),
    html("span", { class: "emdviz-title" }, title),
    menu,
  ].filter(Boolean);
  const header = html("header", { class: "emdviz-header" }, ...parts);
  return html("section", { class: `emdviz-panel emdviz-${kind}`, "aria-label": title }, header, ...children);
}

/** A number with its name, short, `full`, and `brief` where there is less room, which way is `better`, its formula and, if there is one, a verdict. */
export function createTile({ key, name, full = "", brief = "", better = "", formula, spoken }) {
  const value = html("span", { class: "emdviz-number", "data-loss": key });
  const verdict = html("span", { class: "emdviz-verdict" });
  const title = html("span", {}, name);
  const more = html("span", { class: `emdviz-end${brief && " emdviz-long"}` }, full);
  const less = brief && html("span", { class: "emdviz-end emdviz-brief" }, brief);
  const formulaText = html("span", { class: "emdviz-formula" }, formula);
  const node = html(
    "div",
    { class: "emdviz-tile", title: spoken },
    html("div", { class: "emdviz-loss" }, title, " ", more, less),
    html("div", { class: "emdviz-measured" }, value, better && html("span", { class: "emdviz-end" }, better)),
    verdict,
    formulaText,
  );
  return {
    node,
    update(text, words = "", state = null) {
      write(value, text);
      write(verdict, words);
      set(node, { "data-verdict": state });
    },
    rename(newName, newFormula, newFull) {
      if (newFull) write(more, newFull);
      write(title, newName);
      write(formulaText, newFormula);
    },
  };
}
