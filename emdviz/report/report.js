// Lets the examples of a report open the figure of two predictions on what two of the losses believe.

import prediction from "../explorers/prediction/prediction.js";
import standAlone from "../explorers/kit/stand_alone.js";

function report({ values, examples }) {
  const room = document.getElementById("report-explorer");
  const [first, second] = document.querySelectorAll(".report-choice");
  const place = document.getElementById("report-opened");
  const model = standAlone.figure(room, values, prediction);
  let opened = 0;

  function show() {
    const { name, target, beliefs } = examples[opened];
    model.set({ target, p: beliefs[first.value], q: beliefs[second.value], equal_xe: false });
    place.textContent = name;
  }
  for (const choice of [first, second]) choice.addEventListener("change", show);
  for (const button of document.querySelectorAll(".report-open")) {
    button.addEventListener("click", () => {
      opened = Number(button.dataset.example);
      show();
      const section = document.getElementById("explore");
      section.scrollIntoView({ block: "start" });
      section.focus({ preventScroll: true });
    });
  }
}

export default report;
