// The tour: a lecture in steps. Each has one sentence, one figure, a question, and an answer that moves
// the figure. On a large screen one step is seen at a time, as a slide; on a small one all are read on.

import { writeAddress } from "../explorers/kit/address.js";
import { html, set, write } from "../explorers/kit/dom.js";
import standAlone from "../explorers/kit/stand_alone.js";
import gradient from "../explorers/gradient/gradient.js";
import prediction from "../explorers/prediction/prediction.js";
import propriety from "../explorers/propriety/propriety.js";
import race from "../explorers/training/replay.js";
import transport from "../explorers/transport/transport.js";
import { travel } from "./travel.js";

const WIDGETS = { gradient, prediction, propriety, race, transport };
const SLIDES = matchMedia("(min-width: 60rem) and (min-height: 30rem)");
const FORWARD = ["ArrowRight", "ArrowDown", "PageDown", " "];
const BACK = ["ArrowLeft", "ArrowUp", "PageUp"];
const [WIDE, HIGH] = [1280, 720]; // the least screen of a projector
const SCALE = { slides: 1.5, reading: 1.15 }; // of a figure's text

const find = (node, name) => node.querySelector(`.tour-${name}`);

/** One step: its section in the page, and what it does. */
function createStep(section, { figure, fixed, asked, shown }, figures) {
  const { values, fields } = figures[figure];
  const room = find(section, "figure");
  const buttons = [...section.querySelectorAll(".tour-answer")];
  const reveal = find(section, "reveal");
  const link = find(section, "open");
  let model = null;
  let scale = 0;
  let stop = () => {};
  let revealed = false;

  const state = () => ({ ...values, ...fixed, ...asked, ...(revealed ? shown : {}) });
  const now = () => Object.fromEntries(fields.map(({ name }) => [name, model.get(name)]));

  function mount(wanted) {
    if (model && wanted === scale) return;
    scale = wanted;
    const kept = model ? now() : state();
    stop();
    const el = html("div");
    room.replaceChildren(el);
    const start = { ...state(), ...kept, _text_scale: scale };
    model = standAlone.figure(el, start, WIDGETS[figure]);
    // the reader goes on where the figure has come to
    for (const event of ["pointerdown", "keydown"]) el.addEventListener(event, () => stop(), { capture: true });
    // after a mouse, keys are for the tour again
    el.addEventListener("pointerup", () => document.activeElement?.blur());
    if (!fixed._known) for (const event of ["pointerenter", "focusin"]) section.addEventListener(event, follow);
  }
  const follow = () => set(link, { href: link.pathname.split("/").at(-1) + writeAddress(fields, values, now()) });

  /** Give the answer; the reader may have `chosen` a button, and the figure moves unless `atOnce`. */
  function show(chosen = null, atOnce = false) {
    revealed = true;
    for (const button of buttons) {
      set(button, { "aria-pressed": String(button === chosen), "data-shown": true, "aria-disabled": "true" });
    }
    const verdict = chosen === null ? "" : chosen.dataset.right === "true" ? "✓ Yes. " : "✗ Not quite. ";
    write(find(section, "verdict"), verdict);
    reveal.hidden = false;
    set(section, { "data-revealed": true });
    stop();
    if (atOnce) model.set(shown);
    else stop = onceSeen(room, () => travel(model, shown));
  }
  function reset() {
    stop();
    revealed = false;
    for (const button of buttons) set(button, { "aria-pressed": "false", "data-shown": null, "aria-disabled": null });
    reveal.hidden = true;
    set(section, { "data-revealed": null });
    model.set(Object.fromEntries(Object.keys({ ...asked, ...shown }).map((name) => [name, state()[name]])));
  }

  reveal.hidden = true;
  for (const button of buttons) button.addEventListener("click", () => revealed || show(button));
  return {
    id: section.id,
    section,
    mount,
    show,
    reset,
    choose: (i) => buttons[i] && !revealed && show(buttons[i]),
    isRevealed: () => revealed,
  };
}

/** Begin `task` when half of the screen, or of `node`, shows `node`; return how to stop all of it. */
function onceSeen(node, task) {
  let stop = () => observer.disconnect();
  const observer = new IntersectionObserver((entries) => {
    const seen = entries.at(-1).intersectionRect.height;
    if (seen < Math.min(innerHeight, node.offsetHeight) / 2) return;
    observer.disconnect();
    stop = task();
  }, { threshold: [0, 0.1, 0.2, 0.3, 0.4, 0.5] });
  observer.observe(node);
  return () => stop();
}

/** The list of all steps, over the page. */
function createOverview() {
  const dialog = document.querySelector(".tour-overview");
  const open = () => {
    if (dialog.open) return;
    dialog.showModal();
    dialog.querySelector("[aria-current]")?.focus();
  };
  for (const button of document.querySelectorAll(".tour-list")) button.addEventListener("click", open);
  dialog.addEventListener("click", ({ target }) => {
    if (target === dialog || target.closest("a, button")) dialog.close();
  });
  return { toggle: () => (dialog.open ? dialog.close() : open()), isOpen: () => dialog.open, node: dialog };
}

function tour({ figures, steps: told }) {
  const root = document.documentElement;
  const sections = [...document.querySelectorAll(".tour-step")];
  const steps = sections.map((section, i) => createStep(section, told[i], figures));
  const overview = createOverview();
  const [place, back, next] = ["place", "back", "next"].map((name) => find(document, `bar-${name}`));
  const notice = find(document, "notice");
  let at = 0;

  const scaleNow = () =>
    SLIDES.matches
      ? SCALE.slides * Math.max(1, Math.min(innerWidth / WIDE, innerHeight / HIGH))
      : SCALE.reading;

  /** Make the figures that are not there yet: that of this step now, then its neighbours. */
  function mountAll() {
    const scale = scaleNow();
    const order = steps.map((_, i) => i).sort((a, b) => Math.abs(a - at) - Math.abs(b - at));
    steps[order[0]].mount(scale);
    const later = order.slice(1);
    const one = () => {
      if (!later.length || scale !== scaleNow()) return;
      steps[later.shift()].mount(scale);
      setTimeout(one);
    };
    setTimeout(one);
  }

  function mark() {
    sections.forEach((section, i) => {
      set(section, { "data-now": i === at });
      section.inert = SLIDES.matches && i !== at;
    });
    write(place, `${at + 1} of ${steps.length}`);
    set(back, { disabled: at === 0 });
    const last = at === steps.length - 1 && steps[at].isRevealed();
    set(next, { disabled: last });
    write(next, steps[at].isRevealed() ? "Next →" : "Answer →");
    root.style.setProperty("--tour-done", (at + (steps[at].isRevealed() ? 1 : 0.5)) / steps.length);
    for (const [i, link] of overview.node.querySelectorAll("a").entries()) {
      set(link, { "aria-current": i === at && "step" });
    }
  }

  /** Show step i; `how` is the method of the history, or null where the address is right already. */
  function go(i, how = "pushState") {
    at = i;
    steps[at].mount(scaleNow());
    if (how) {
      try {
        history[how](null, "", `#${steps[at].id}`);
      } catch {
        // a frame that may not
      }
    }
    mark();
    if (SLIDES.matches) scrollTo(0, 0);
    focusTitle();
  }
  const focusTitle = () => SLIDES.matches && find(steps[at].section, "title").focus({ preventScroll: true });
  function forward() {
    if (!steps[at].isRevealed()) steps[at].show();
    else if (at + 1 < steps.length) return go(at + 1);
    mark();
  }
  function backward() {
    if (steps[at].isRevealed() && SLIDES.matches) steps[at].reset();
    else if (at > 0) return go(at - 1);
    mark();
  }

  function arrive() {
    const asked = decodeHash();
    const found = steps.findIndex(({ id }) => id === asked);
    write(notice, asked && found < 0 ? `The tour has no step called “${asked.slice(0, 24)}”: it begins at its first.` : "");
    go(Math.max(found, 0), null);
  }
  function decodeHash() {
    try {
      return decodeURIComponent(location.hash.slice(1));
    } catch {
      return location.hash.slice(1);
    }
  }

  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (key === "o" && !target.closest("input, select, textarea")) return overview.toggle();
    if (!SLIDES.matches || overview.isOpen()) return;
    const used = "input, select, textarea, summary, [role=slider], [role=option]";
    if (target.closest(used) || (key === " " && target.closest("a, button"))) return;
    const act =
      (FORWARD.includes(key) && forward) ||
      (BACK.includes(key) && backward) ||
      { Home: () => go(0), End: () => go(steps.length - 1) }[key] ||
      (/^[1-9]$/.test(key) && (() => (steps[at].choose(Number(key) - 1), mark()))) ||
      (key === "f" && fill);
    if (!act) return;
    event.preventDefault();
    act();
  });
  const fill = () =>
    document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen?.().catch(() => {});

  // which gives the focus back to what had it before
  overview.node.addEventListener("close", focusTitle);
  back.addEventListener("click", backward);
  next.addEventListener("click", forward);
  find(document, "bar-full").addEventListener("click", fill);
  document.addEventListener("click", ({ target }) => target.closest(".tour-answer") && mark());
  addEventListener("popstate", arrive);
  addEventListener("resize", () => (mountAll(), mark()));
  // on paper every answer is given, and a page is as large as the screen, for which all is laid out
  const paper = new CSSStyleSheet();
  document.adoptedStyleSheets.push(paper);
  addEventListener("beforeprint", () => {
    if (SLIDES.matches) {
      const [width, height, font] = [`${innerWidth}px`, `${innerHeight}px`, getComputedStyle(root).fontSize];
      const sizes = { "--tour-width": width, "--tour-height": height, "--tour-font": font };
      for (const [name, value] of Object.entries(sizes)) root.style.setProperty(name, value);
      paper.replaceSync(`@page { size: ${width} ${height}; margin: 0 }`);
    } else paper.replaceSync("@page { size: 1280px 720px; margin: 0 }");
    for (const step of steps) {
      step.mount(scaleNow());
      step.show(null, true);
    }
    mark();
  });
  root.classList.add("tour-live");
  arrive();
  mountAll();
}

export default tour;
