// What every explorer needs: making elements, measuring text, writing numbers.

// asking the browser keeps the name of the SVG standard, which is an address, out of saved pages
const SVG_NAMESPACE = document.createRange().createContextualFragment("<svg></svg>").firstChild
  .namespaceURI;

/** Set attributes; null and false take one away. The browser works for each that is written, changed or not. */
export function set(node, attributes) {
  for (const name in attributes) {
    const value = attributes[name];
    if (value === null || value === undefined || value === false) {
      if (node.hasAttribute(name)) node.removeAttribute(name);
    } else {
      const text = value === true ? "" : String(value);
      // the attribute is not for pages whose policy allows the styles that they came with alone
      if (name === "style") node.style.cssText = text;
      else if (node.getAttribute(name) !== text) node.setAttribute(name, text);
    }
  }
  return node;
}

/** An HTML element; strings among `children` become text, never markup. */
export function html(name, attributes = {}, ...children) {
  const node = set(document.createElement(name), attributes);
  node.append(...children);
  return node;
}

/** An SVG element. */
export function svg(name, attributes = {}, ...children) {
  const node = set(document.createElementNS(SVG_NAMESPACE, name), attributes);
  node.append(...children);
  return node;
}

/** A drawing in a frame that is as wide as there is room; its `resize` takes its width from there. */
export function framed(drawing) {
  const node = html("div", { class: "emdviz-frame" }, drawing.node);
  return { ...drawing, node, resize: (...sizes) => drawing.resize(node.clientWidth, ...sizes) };
}

/** Change a text; the node that holds it stays, since a new one would have to be styled anew. */
export function write(node, text) {
  const held = node.firstChild;
  if (!held) node.append(text);
  else if (held.data !== text) held.data = text;
}

/** Where to put a text that follows a bar: at every step of a pixel its letters are laid out anew. */
export const wholePixel = Math.round;

/** Return a function that measures text in the font of a figure's root `node`, in pixels. */
export function ruler(node, size) {
  const context = document.createElement("canvas").getContext("2d");
  const least = parseFloat(node.style.getPropertyValue("--emdviz-least")) || 0;
  context.font = `600 ${Math.max(size, least)}px ${getComputedStyle(node).fontFamily || "sans-serif"}`;
  return (text) => context.measureText(text).width;
}

/** Cut `text` to `width` pixels; what goes is the middle, as names often differ at their ends. */
export function shorten(text, width, measure) {
  const letters = Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
  const cut = (kept) => {
    const head = Math.ceil(kept / 2);
    const tail = letters.slice(letters.length - (kept - head));
    return `${letters.slice(0, head).join("").trimEnd()}…${tail.join("").trimStart()}`;
  };
  if (measure(text) <= width) return text;
  let kept = letters.length - 1;
  while (kept > 1 && measure(cut(kept)) > width) kept -= 1;
  return cut(kept);
}

/** Write a loss with four significant digits or so; ∞ where the logarithm has no value. */
export function formatLoss(value) {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  return value.toFixed(value < 10 ? 3 : value < 100 ? 2 : value < 1000 ? 1 : 0);
}

export const formatProbability = (value) => value.toFixed(2);

const GLIDE = 350; // milliseconds, as in kit.css
const gliding = new WeakMap();

/** Let what changes now in the figure around `node` move there, unless the reader wants no motion. */
export function glide(node) {
  const root = node.closest(".emdviz-explorer");
  if (!root) return;
  clearTimeout(gliding.get(root));
  root.classList.add("emdviz-gliding");
  gliding.set(root, setTimeout(() => root.classList.remove("emdviz-gliding"), GLIDE));
}

/** Listen to drags on `node`: `begin(event)` returns what a movement does, and then there may be an `end`. */
export function listenToDrags(node, begin, end) {
  let move = null;
  node.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault(); // no text selection while dragging
    node.setPointerCapture(event.pointerId);
    move = begin(event);
  });
  node.addEventListener("pointermove", (event) => move?.(event));
  for (const name of ["pointerup", "pointercancel"]) {
    node.addEventListener(name, () => {
      if (move) end?.();
      move = null;
    });
  }
}

/** Return a function that runs `task` once all that happens now has happened, however often asked. */
export function onceSettled(task) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => {
      waiting = false;
      task();
    });
  };
}

let used = 0;
const PAGE = Math.random().toString(36).slice(2, 8);

/** An id that no other explorer on the page has. */
export function uniqueId(purpose) {
  used += 1;
  return `emdviz-${purpose}-${PAGE}-${used}`;
}
