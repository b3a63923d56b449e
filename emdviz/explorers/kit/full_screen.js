// A button, and the key f, that give a figure all of the screen.

import { html, set, svg } from "./dom.js";

const CORNERS = "M1 5V1h4M9 1h4v4M13 9v4H9M5 13H1V9";
const WRITES = "input:not([type]), input[type=text], input[type=number], textarea, select";

/** Make the button; it is hidden where the page may not fill the screen. */
export function createFullScreenButton(root) {
  const picture = svg("svg", { viewBox: "0 0 14 14", "aria-hidden": "true" }, svg("path", { d: CORNERS }));
  const words = "Full screen (key f)";
  const attributes = { class: "emdviz-button emdviz-full", type: "button", "aria-label": words, title: words };
  const button = html("button", attributes, picture);
  button.hidden = !document.fullscreenEnabled;
  const turn = () => {
    if (document.fullscreenElement === root) document.exitFullscreen();
    // a page may forbid it, and then nothing happens
    else root.requestFullscreen().catch(() => {});
  };
  button.addEventListener("click", turn);
  root.addEventListener("fullscreenchange", () =>
    set(button, { "aria-pressed": String(document.fullscreenElement === root) }),
  );
  const hear = (event) => {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key !== "f" || !plain || button.hidden || event.target.closest(WRITES)) return;
    event.preventDefault();
    event.stopPropagation();
    turn();
  };
  root.addEventListener("keydown", hear);
  // where nothing has the focus, the key means the figure if it is the only one
  const alone = () => document.querySelectorAll(".emdviz-explorer").length === 1;
  document.addEventListener("keydown", function once(event) {
    if (!root.isConnected) document.removeEventListener("keydown", once);
    else if (event.target === document.body && alone()) hear(event);
  });
  return button;
}
