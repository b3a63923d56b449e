// What a teacher asks the reader to do with a figure, one task at a time, in the place of its hint.

import { html, write } from "./dom.js";

/** Show `tasks`, texts, in the controls of a figure; without any the hint stays. */
export function showTasks(controls, tasks) {
  if (!tasks.length) return;
  let now = 0;
  const words = html("span", { "aria-live": "polite" });
  const arrow = (label, text, by) => {
    const attributes = { class: "emdviz-button", type: "button", "aria-label": label };
    const button = html("button", attributes, text);
    button.addEventListener("click", () => show(now + by));
    return button;
  };
  const back = arrow("Task before", "‹", -1);
  const next = arrow("Next task", "›", 1);
  const place = html("b", {});
  function show(number) {
    now = number;
    write(place, `Task ${now + 1} of ${tasks.length}`);
    write(words, tasks[now]);
    back.disabled = now === 0;
    next.disabled = now === tasks.length - 1;
  }
  show(0);
  controls.querySelector(".emdviz-hint")?.remove();
  const arrows = tasks.length > 1 ? [back, next] : [];
  controls.append(html("p", { class: "emdviz-task" }, ...arrows, place, " ", words));
}
