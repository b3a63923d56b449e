// A page that one figure has for itself: its address follows the state, and the state the address.

import { readAddress, writeAddress } from "./address.js";
import { equal } from "./distributions.js";
import { html, set, write } from "./dom.js";

const REST = 300; // milliseconds without a change after which the address follows
// what a reader does with these is a step of its own, to which "back" returns
const STEPS = ".emdviz-preset, .emdviz-button";

/**
 * Connect a figure and the address of its page.
 *
 * `show(page, state)` shows the figure, with `page` as the trait `_page`, and returns its model;
 * `fields` say what may stand in an address, `start` is the page's own state, and `complete` is that of
 * `readAddress`.
 */
export function joinAddress({ fields, start, complete }, show) {
  const notice = html("p", { class: "emdviz-refused", role: "alert", hidden: true });
  const read = () => {
    const { state, error } = readAddress(fields, start, location.hash, complete);
    set(notice, { hidden: !error });
    write(notice, error ? `This link was refused: ${error}. The figure is shown as it begins.` : "");
    return state;
  };
  const now = () => Object.fromEntries(fields.map(({ name }) => [name, model.get(name)]));
  const address = () => location.href.replace(/#.*$/s, "") + writeAddress(fields, start, now());
  let timer = 0;
  let step = false; // whether the next change begins an entry of the history
  let moved = false; // by the reader, and not by the address

  function follow(how = "replaceState") {
    clearTimeout(timer);
    timer = 0;
    moved = false;
    const wanted = address();
    if (wanted === location.href) return;
    set(notice, { hidden: true });
    try {
      history[how](null, "", wanted);
    } catch {
      // a frame that may not, or too many at once: the next change tries again
    }
  }
  function changed() {
    moved = true;
    if (step) {
      step = false;
      // all that belongs to this step has then been set
      queueMicrotask(() => follow("pushState"));
    }
    clearTimeout(timer);
    timer = setTimeout(follow, REST);
  }
  function begin({ target }) {
    if (!target.closest?.(STEPS)) return;
    if (moved) follow();
    step = true;
    setTimeout(() => (step = false));
  }
  function arrive() {
    clearTimeout(timer);
    const state = read();
    const differs = fields.filter(({ name }) => !equal(model.get(name), state[name]));
    applying = true;
    model.set(Object.fromEntries(differs.map(({ name }) => [name, state[name]])));
    applying = false;
  }

  let applying = false;
  const model = show({ link: address }, read());
  document.body.prepend(notice);
  for (const { name } of fields) model.on(`change:${name}`, () => applying || changed());
  document.addEventListener("click", begin, true);
  document.addEventListener("change", begin, true);
  addEventListener("popstate", arrive);
  if (parent !== window) talk();
}

/** Tell the page around a frame how high this one is, and hear whether it is dark. */
function talk() {
  document.documentElement.classList.add("emdviz-framed");
  const tell = () => parent.postMessage({ emdvizHeight: document.body.offsetHeight }, "*");
  new ResizeObserver(tell).observe(document.body);
  addEventListener("message", ({ source, data }) => {
    if (source !== parent || !["light", "dark"].includes(data?.emdvizScheme)) return;
    document.documentElement.style.colorScheme = data.emdvizScheme;
    tell();
  });
}
