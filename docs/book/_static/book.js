// Frames as high as what they hold and as dark as the page, pictures to unfold, pages to flip.

const frames = () => [...document.querySelectorAll(".book-live iframe")];

function scheme() {
  const { theme } = document.body.dataset;
  if (theme === "light" || theme === "dark") return theme;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

function tellScheme() {
  for (const { contentWindow } of frames()) contentWindow.postMessage({ emdvizScheme: scheme() }, "*");
}

addEventListener("message", ({ source, data }) => {
  const frame = frames().find(({ contentWindow }) => contentWindow === source);
  if (!frame || !data.emdvizHeight) return;
  frame.style.height = `${Math.ceil(data.emdvizHeight) + 2}px`;
});

function unfold(open) {
  for (const picture of document.querySelectorAll(".book-live details")) picture.open = open;
}

function flip(book) {
  const pages = [...book.querySelectorAll(":scope > div")];
  const slider = book.querySelector("input");
  const number = book.querySelector("output");
  const show = () => {
    pages.forEach((page, i) => (page.hidden = i !== slider.valueAsNumber - 1));
    number.value = slider.value;
  };
  slider.addEventListener("input", show);
  show();
}

addEventListener("DOMContentLoaded", () => {
  new MutationObserver(tellScheme).observe(document.body, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tellScheme);
  tellScheme(); // to the frames that are ready; the others hear when they are
  for (const frame of frames()) frame.addEventListener("load", tellScheme);
  unfold(false);
  document.querySelectorAll(".book-flip").forEach(flip);
});
addEventListener("beforeprint", () => unfold(true));
addEventListener("afterprint", () => unfold(false));
