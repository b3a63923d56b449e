// What a reader can take away from a figure: a link, a frame for another page, a picture, the page itself.

import { createButton } from "./controls.js";
import { html, uniqueId, write } from "./dom.js";
import { takePicture } from "./picture.js";

const SAID = 4000; // milliseconds that an answer stays

/** Give `blob` to the reader as a file. */
function download(blob, name) {
  const link = html("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** Put `text` where it can be pasted from; false where the browser does not let a page do that. */
async function copy(text, near) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const held = document.activeElement;
    const field = html("textarea", { class: "emdviz-spoken", "aria-hidden": "true" });
    field.value = text;
    near.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    held?.focus({ preventScroll: true });
    return done;
  }
}

/** A frame in which a page shows the figure: all of it is in sight, whatever its size. */
function frameOf(link, title) {
  const style = "width: 100%; aspect-ratio: 16 / 9; min-height: 34rem; border: 0";
  const allow = "clipboard-write; fullscreen";
  return html("iframe", { src: link, title, loading: "lazy", allow, style }).outerHTML;
}

/**
 * Make the menu of what can be taken away from the figure called `name` in `root`.
 *
 * On a page, `link()` of the model's `_page` tells the address of the present state; where a kernel
 * is, it is asked for the page.
 */
export function createShare({ model, root, name }) {
  const page = model.get("_page");
  const live = model.get("_kernel") !== false;
  const answer = html("p", { class: "emdviz-answer", role: "status" });
  const menu = html("div", { class: "emdviz-menu" });
  const node = html("details", { class: "emdviz-share" }, html("summary", { class: "emdviz-button" }, "Share"), menu);
  let timer = 0;

  function say(text) {
    write(answer, text);
    clearTimeout(timer);
    timer = setTimeout(() => write(answer, ""), SAID);
  }
  async function give(text, what) {
    if (!(await copy(text, menu))) say("The browser does not let this page copy. Take it from the address bar.");
    else if (location.protocol === "file:") say(`${what} copied. It works on this computer; for others, put the folder on a web server.`);
    else say(`${what} copied.`);
  }
  const buttons = [
    page && createButton({ label: "Copy link", press: () => give(page.link(), "Link") }),
    page && createButton({
      label: "Copy embed code", press: () => give(frameOf(page.link(), document.title), "Embed code"),
    }),
    createButton({
      label: "Save picture",
      async press() {
        const { blob, kind } = await takePicture(root);
        download(blob, `${name}.${kind}`);
        say(`Saved as ${name}.${kind}.`);
      },
    }),
    live && createButton({
      label: "Save page",
      press() {
        say("Python is asked …");
        model.send({ do: "page", asked: id });
      },
    }),
  ].filter(Boolean);
  menu.append(...buttons, answer);
  const id = uniqueId("page");

  function hear(content) {
    if (content?.asked !== id) return;
    download(new Blob([content.page], { type: "text/html" }), `${name}.html`);
    say(`Saved as ${name}.html. It works without Python.`);
  }
  const close = ({ target }) => node.contains(target) || (node.open = false);
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !node.open) return;
    event.stopPropagation();
    node.open = false;
    node.firstChild.focus();
  });
  document.addEventListener("pointerdown", close);
  if (live) model.on("msg:custom", hear);
  return {
    node,
    destroy() {
      clearTimeout(timer);
      document.removeEventListener("pointerdown", close);
      if (live) model.off("msg:custom", hear);
    },
  };
}
