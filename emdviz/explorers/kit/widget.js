// What surrounds the drawing of every explorer: its root, its size, and who hears of changes.

import { createMover } from "./distributions.js";
import { html, onceSettled, set, uniqueId, write } from "./dom.js";
import { createFit } from "./fit.js";
import { createFullScreenButton } from "./full_screen.js";
import { joinAddress } from "./page.js";
import { createShare } from "./share.js";
import { keepInStep } from "./sync.js";
import { showTasks } from "./tasks.js";

const SPEAK_AFTER = 700; // milliseconds of rest before a screen reader is told
const GONE = ["restarting", "autorestarting", "terminating", "dead"];
const NOTICE =
  "Python no longer follows this figure: its kernel was restarted or stopped. " +
  "To join them again, run the cell again.";

/**
 * Return what anywidget wants of a module.
 *
 * `name` is that of the style sheet, whose rules hold within the root alone. `build(model, root)`
 * fills the root, whose parts `fit.js` names, and returns `frame`, an element that is as wide as the
 * figure; `resize(unit, tall)`, told the text size in pixels and how high drawings may be; and
 * `update()`, which draws the present state and returns it in words. It is updated when a trait of
 * `follow` changes, laid out anew when one of `panels` does, which show and hide parts of it, and
 * built anew when one of `rebuild` does. The distributions `lists` are kept in step with their numbers, see `keepInStep` and `createMover`.
 * `complete` is for the states that links bring, see `readAddress`.
 */
export function makeWidget({
  name, build, follow, panels = [], rebuild = ["classes", "positions"], lists, names = follow, moveBar, complete, ...more
}) {
  const initialize = ({ model }) =>
    keepInStep(model, { lists, names, move: createMover(lists, moveBar), ...more });
  function render({ model, el }) {
    const notice = html("p", { class: "emdviz-notice", role: "alert", hidden: true }, NOTICE);
    let view = mount({ name, build, panels, model, el, notice });
    const ignore = whenKernelIsGone(model, () => set(notice, { hidden: false }));
    const draw = () => view.draw();
    const again = () => {
      view.destroy();
      view = mount({ name, build, panels, model, el, notice });
    };
    const shape = [...rebuild, "_text_scale"];
    const listeners = [
      ...follow.filter((name) => !shape.includes(name)).map((name) => [name, draw]),
      ...shape.map((name) => [name, again]),
    ];
    for (const [name, listener] of listeners) model.on(`change:${name}`, listener);
    return () => {
      for (const [name, listener] of listeners) model.off(`change:${name}`, listener);
      ignore();
      view.destroy();
    };
  }
  const onPage = (facts, show) => joinAddress({ ...facts, complete }, show);
  return { ...(lists && { initialize }), render, joinAddress: onPage };
}

/** Call `tell` when nobody in Python hears `model` any more; return how to stop listening. */
function whenKernelIsGone(model, tell) {
  // absent on a page of its own, and where a front end keeps its kernels to itself
  const kernel = model.widget_manager?.kernel;
  const hear = (_, status) => GONE.includes(status) && tell();
  kernel?.statusChanged.connect(hear);
  kernel?.disposed.connect(tell);
  model.on("comm_live_update", tell);
  return () => {
    kernel?.statusChanged.disconnect(hear);
    kernel?.disposed.disconnect(tell);
    model.off("comm_live_update", tell);
  };
}

function mount({ name, build, panels, model, el, notice }) {
  const scale = model.get("_text_scale");
  const style = `--emdviz-scale: ${scale}`;
  const root = html("div", { class: `emdviz-explorer emdviz-${name}`, role: "group", style }, notice);
  // else the notebook takes the keys: JupyterLab after the element that has the focus, and
  // Notebook 7 before it, unless that very element says so
  root.addEventListener("focusin", ({ target }) =>
    set(target, { "data-lm-suppress-shortcuts": "true" }),
  );
  el.replaceChildren(root);
  const view = build(model, root);
  const share = createShare({ model, root, name });
  const spoken = html("p", { class: "emdviz-spoken", role: "status", id: uniqueId("spoken") });
  root.append(spoken);
  const toolbar = root.querySelector(".emdviz-toolbar");
  const help = toolbar.querySelector(".emdviz-help") ?? "";
  toolbar.append(html("div", { class: "emdviz-tools" }, help, share.node, createFullScreenButton(root)));
  showTasks(root.querySelector(".emdviz-controls"), model.get("_tasks") ?? []);

  let timer = 0;
  let said = "";
  function update() {
    const text = view.update();
    if (text === said) return;
    said = text;
    set(root, { "aria-label": text });
    clearTimeout(timer);
    timer = setTimeout(() => write(spoken, text), SPEAK_AFTER);
  }

  const shown = () => view.frame.clientWidth > 0;
  const panelsNow = () => JSON.stringify(panels.map((trait) => model.get(trait)));
  let arranged = null; // what `panels` held at the last layout; a change may come before any
  const fit = createFit(root, {
    scale,
    shown,
    draw(unit, tall) {
      view.resize(unit, tall);
      arranged = panelsNow();
      update();
    },
  });
  return {
    draw: onceSettled(() => {
      if (arranged === null) return;
      if (shown() && arranged === panelsNow()) update();
      else fit.again(); // of a hidden figure, once it is shown
    }),
    destroy() {
      fit.destroy();
      clearTimeout(timer);
      share.destroy();
    },
  };
}
