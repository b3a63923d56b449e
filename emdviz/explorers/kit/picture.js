// A figure as a picture: its elements and rules in one SVG, which the browser paints.

const SCALE = 2; // pixels of the picture per pixel of the screen
const UNSEEN = ".emdviz-help, .emdviz-share, .emdviz-full, .emdviz-spoken";

/** The style sheets of the page that are about figures, as they were written. */
function stylesOfFigures() {
  // browsers lose parts of a rule when they write it down themselves
  const texts = [...document.querySelectorAll("style")].map((style) => style.textContent);
  return [...new Set(texts.filter((text) => text.includes(".emdviz-")))].join("\n");
}

/** A copy of `root` that looks the same where none of the page's style sheets and scripts are. */
function copyOf(root, { width, height }) {
  const copy = root.cloneNode(true);
  const [before, after] = [root, copy].map((node) => [...node.querySelectorAll("*")]);
  before.forEach((node, i) => {
    if (node.matches("input")) {
      after[i].setAttribute("value", node.value);
      after[i].toggleAttribute("checked", node.checked);
    }
    if (node.matches("option")) after[i].toggleAttribute("selected", node.selected);
  });
  for (const node of copy.querySelectorAll(UNSEEN)) node.style.visibility = "hidden";
  const style = getComputedStyle(root);
  for (const [name, value] of variablesOf(style)) copy.style.setProperty(name, value);
  for (const name of ["font-family", "font-size", "color"]) copy.style.setProperty(name, style.getPropertyValue(name));
  copy.style.width = `${width}px`;
  copy.style.height = `${height}px`;
  copy.style.margin = "0";
  return copy;
}

/** The variables of the figure, some of which JupyterLab's theme gave. */
function variablesOf(style) {
  const names = new Set(stylesOfFigures().match(/--(?:emdviz|jp)-[\w-]+/g));
  return [...names].map((name) => [name, style.getPropertyValue(name)]).filter(([, value]) => value !== "");
}

/** Whether the figure is dark, by the paper behind it. */
function schemeOf(root) {
  const probe = document.createElement("span");
  probe.style.cssText = "position: absolute; color: light-dark(#000, #fff)";
  root.append(probe);
  const dark = getComputedStyle(probe).color.includes("255");
  probe.remove();
  return dark ? "dark" : "light";
}

/** Return the figure in `root` as the text of an SVG, and its size in pixels. */
function drawPicture(root) {
  const { width, height } = root.getBoundingClientRect();
  const size = { width: Math.ceil(width), height: Math.ceil(height) };
  const scheme = schemeOf(root);
  const page = document.implementation.createHTMLDocument("");
  const style = page.createElement("style");
  style.textContent = stylesOfFigures();
  const box = page.createElement("div");
  box.style.cssText = `color-scheme: ${scheme}; background: ${scheme === "dark" ? "#16191d" : "#fff"}`;
  box.append(style, page.adoptNode(copyOf(root, size)));
  const inside = new XMLSerializer().serializeToString(box);
  const namespace = root.querySelector("svg").namespaceURI;
  return {
    ...size,
    text:
      `<svg xmlns="${namespace}" width="${size.width}" height="${size.height}">` +
      `<foreignObject width="100%" height="100%">${inside}</foreignObject></svg>`,
  };
}

/** Return the figure in `root` as a PNG; where the browser keeps its pixels, as the SVG itself. */
export async function takePicture(root) {
  const { text, width, height } = drawPicture(root);
  const vector = new Blob([text], { type: "image/svg+xml" });
  try {
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = SCALE * width;
    canvas.height = SCALE * height;
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    const png = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    return png ? { blob: png, kind: "png" } : { blob: vector, kind: "svg" };
  } catch {
    return { blob: vector, kind: "svg" };
  }
}
