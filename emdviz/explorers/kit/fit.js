// How a figure fits its screen, so that all of it is in sight without scrolling.

/*
 * A figure marks its parts, and the kit does the rest:
 *   .emdviz-controls   what stands above, from `createToolbar`; its hint goes where room is scarce
 *   .emdviz-beside     holds a drawing (.emdviz-frame) and then its numbers: they stand beside it
 *                      where its panel is wide, and below it elsewhere
 *   resize(unit, tall) draws anew, with text of `unit` pixels and drawings `tall` times as high as
 *                      they would be if they could choose; widths come from the elements themselves
 * The root says `data-fit` while all of it is in sight, "tight" if the hint had to go; rules that
 * save height belong under `&[data-fit]` in the style sheet. On a narrow page, such as a phone's, a
 * figure is as high as it likes. A page that gives a figure less than its window marks an element of
 * known height around it with `data-emdviz-room`.
 */

import { set } from "./dom.js";

const NATURAL = 13; // pixels, the size of text
const LEAST_TEXT = { notebook: 11, projector: 16 }; // no text is smaller
const NARROW = 40; // text sizes: on a narrower page height does not count
const LOW = 340; // pixels, of a frame whose own height follows from what it holds
const [LEAST, GOOD, MOST] = [0.3, 0.7, 1.7]; // how tall drawings may be
const BELOW = 10; // pixels that stay free below a figure
const LINES = 38; // of text in a full screen, at most
const HALVINGS = 5;

/** Height that is there for `root`, in pixels. */
function roomOf(root) {
  if (document.fullscreenElement === root) return innerHeight;
  const given = root.closest("[data-emdviz-room]");
  if (given) return given.clientHeight;
  const tabs = root.closest(".jupyter-widget-tab");
  const top = (element) => element.getBoundingClientRect().top;
  const tops = tabs ? top(root) - top(tabs) : 0; // the tabs stay in sight with the figure
  const panel = root.closest(".jp-WindowedPanel-outer");
  if (panel) return panel.clientHeight - tops - BELOW;
  // so does what stands above them on the first screen of a page
  const before = tabs ? top(tabs) + scrollY : 0;
  const page = getComputedStyle(document.body);
  const edges = ["marginTop", "paddingTop", "marginBottom", "paddingBottom"].map((name) => parseFloat(page[name]));
  return innerHeight - tops - Math.max(before < innerHeight / 3 ? before : 0, edges[0] + edges[1]) - edges[2] - edges[3] - BELOW;
}

/** Height of `root`: a full screen is as high as the screen, whatever it holds. */
const heightOf = (root) => (document.fullscreenElement === root ? root.scrollHeight : root.offsetHeight);

/**
 * Keep the figure in `root` as high as there is room; `scale` is that of its text, `draw(unit,
 * tall)` lays it out and shows its state, `shown()` says whether it is to be seen.
 */
export function createFit(root, { scale, draw, shown }) {
  const natural = NATURAL * scale;
  const least = LEAST_TEXT[scale > 1 ? "projector" : "notebook"];
  root.style.setProperty("--emdviz-least", `${least}px`);
  let asked = "";
  let settled = 0; // the height that came of it

  function tryOut(size, tight, tall) {
    root.style.fontSize = `${size}px`;
    root.style.setProperty("--emdviz-tall", tall);
    set(root, { "data-fit": tight ? "tight" : "loose" });
    draw(size, tall);
    return heightOf(root);
  }

  /** Text as large as it can be with good drawings, then drawings as high as they can be. */
  function lay(room, width) {
    const full = document.fullscreenElement === root;
    if (room < LOW || width < NARROW * least) {
      root.style.fontSize = "";
      root.style.setProperty("--emdviz-tall", 1);
      set(root, { "data-fit": null });
      draw(natural, 1);
      return;
    }
    const largest = full ? Math.max(natural, Math.round(room / LINES)) : natural;
    const smallest = Math.max(least, 12);
    const middle = Math.round(5 * (largest + smallest)) / 10;
    const ways = [[largest], [middle], [largest, true], [middle, true], [smallest, true]];
    const way = ways.find(([size, tight]) => tryOut(size, tight, GOOD) <= room) ?? ways.at(-1);
    const grows = scale > 1 || full;
    let [low, high] = heightOf(root) <= room ? [GOOD, grows ? MOST : 1] : [LEAST, GOOD];
    if (tryOut(...pad(way), high) <= room) return;
    for (let n = 0; n < HALVINGS; n += 1) {
      const tall = Number(((low + high) / 2).toFixed(3));
      if (tryOut(...pad(way), tall) <= room) low = tall;
      else high = tall;
    }
    tryOut(...pad(way), low);
  }
  const pad = ([size, tight = false]) => [size, tight];

  let panel = null;
  function check() {
    if (!shown()) return;
    if (!panel) {
      // the root has its place in the page only now
      panel = root.closest(".jp-WindowedPanel-outer, [data-emdviz-room]") ?? root;
      observer.observe(panel);
    }
    const [room, width] = [roomOf(root), root.clientWidth];
    const now = [Math.round(room), width, document.fullscreenElement === root].join();
    const grew = heightOf(root) > Math.max(room, settled) + 1 && root.dataset.fit;
    if (now === asked && !grew) return;
    asked = now;
    root.style.overflow = "hidden"; // no scroll bar takes width from what is tried out
    lay(room, width);
    root.style.overflow = "";
    settled = heightOf(root);
  }

  const observer = new ResizeObserver(check);
  observer.observe(root);
  addEventListener("resize", check);
  document.addEventListener("fullscreenchange", check);
  return {
    /** Lay the figure out anew: its panels have changed, so that it may need less room. */
    again() {
      asked = "";
      check();
    },
    destroy() {
      observer.disconnect();
      removeEventListener("resize", check);
      document.removeEventListener("fullscreenchange", check);
    },
  };
}
