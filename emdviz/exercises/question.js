// A question: buttons to click or a line to type in, and below it the result, once answered.

import { html, set, uniqueId } from "../explorers/kit/dom.js";

function render({ model, el }) {
  const label = uniqueId("question");
  const root = html("div", { class: "emdviz-question", role: "group", "aria-labelledby": label });
  // else JupyterLab takes the keys
  root.addEventListener("focusin", ({ target }) =>
    set(target, { "data-lm-suppress-shortcuts": "true" }),
  );
  const result = html("div", { class: "emdviz-result", hidden: true });
  const said = html("p", { role: "status" });
  const answer = (text) => {
    if (!text.trim() || model.get("answer")) return;
    model.set("answer", text.trim());
    model.save_changes();
  };
  const choices = model.get("choices");
  const controls = choices.length ? createButtons(choices, answer) : createLine(answer);
  root.append(
    html("p", { id: label }, html("b", {}, "Predict. "), model.get("question")),
    controls,
    said,
    result,
  );
  el.replaceChildren(root);

  const update = () => {
    const text = model.get("answer");
    if (!text) return;
    for (const control of controls.querySelectorAll("input, button")) {
      set(control, { disabled: true, "aria-pressed": control.value === text ? "true" : null });
    }
    said.textContent = `You said: ${text}. The result:`;
    result.innerHTML = model.get("result"); // made by the cell itself
    set(result, { hidden: false });
  };
  model.on("change:answer", update);
  update();
  return () => model.off("change:answer", update);
}

function createButtons(choices, answer) {
  const buttons = choices.map((value) => html("button", { type: "button", value }, value));
  for (const button of buttons) button.addEventListener("click", () => answer(button.value));
  return html("div", { class: "emdviz-answers" }, ...buttons);
}

function createLine(answer) {
  const line = html("input", { type: "text", "aria-label": "Your prediction", size: 24 });
  const button = html("button", { type: "button" }, "Show the result");
  // not a form, whose Enter JupyterLab takes
  line.addEventListener("keydown", (event) => {
    if (event.key === "Enter") answer(line.value);
    event.stopPropagation();
  });
  button.addEventListener("click", () => (line.value.trim() ? answer(line.value) : line.focus()));
  return html("div", { class: "emdviz-answers" }, line, button);
}

export default { render };
