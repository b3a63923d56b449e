// A finished comparison: choose an epoch and an image, and see what every loss made of it.

import { beliefOf, createBelief, describeMarks, inWords, nameColumn, targetOf } from "./belief.js";
import { closedForms, ofLoss } from "../kit/closed_forms.js";
import { framed, html, set, uniqueId, write } from "../kit/dom.js";
import { createCurves, createMetricMenu, formatMetric } from "./metric_curves.js";
import { createButton, createRange, createToolbar } from "../kit/controls.js";
import { commit } from "../kit/sync.js";
import { makeWidget } from "../kit/widget.js";

const SEE = "Move the epoch and see how the network of each loss changes its mind about one image.";
const FRAME = 500; // milliseconds that an epoch is shown while playing

/** Small images of which one is chosen: radio buttons, so that arrow keys move among them. */
function createThumbnails({ classes, probe, choose }) {
  const group = uniqueId("image");
  const boxes = probe.images.map((_, i) => html("input", { type: "radio", name: group, value: i }));
  boxes.forEach((box, i) => box.addEventListener("change", () => choose(i)));
  const labels = probe.images.map((src, i) => {
    const { label } = targetOf(probe, i);
    const alt = `Image ${i + 1}${label === null ? "" : `, label ${classes[label]}`}`;
    return html("label", { class: "emdviz-thumbnail" }, boxes[i], html("img", { src, alt }));
  });
  return {
    node: html("div", { class: "emdviz-thumbnails", role: "radiogroup", "aria-label": "Image" }, ...labels),
    update: (chosen) => boxes.forEach((box, i) => (box.checked = i === chosen)),
  };
}

/** Step through the epochs, about two a second, until the last. */
function createPlayer({ root, epoch, last, show }) {
  let timer = 0;
  const button = createButton({
    label: "Play",
    press() {
      if (timer) return pause();
      if (epoch() === last) show(1);
      timer = setInterval(() => {
        if (!root.isConnected || epoch() >= last) return pause();
        show(epoch() + 1);
        if (epoch() >= last) pause();
      }, FRAME);
      write(button, "Pause");
    },
  });
  function pause() {
    clearInterval(timer);
    timer = 0;
    write(button, "Play");
  }
  return { node: button, pause };
}

function createBeliefPanel(loss, { classes, root, named }) {
  const chart = createBelief({ classes, root, large: true, named });
  const frame = html("div", { class: "emdviz-frame" }, chart.node);
  const title = html("div", { class: "emdviz-loss", title: closedForms[loss.name]?.words }, loss.label);
  return { chart, frame, node: html("section", { ...ofLoss(loss), "aria-label": loss.label }, title, frame) };
}

function build(model, root) {
  const { losses, metrics, classes, probe, epochs: count } = model.get("_setup");
  const epochs = model.get("_epochs");
  const put = (state) => commit(model, state);
  const player = createPlayer({
    root, last: count, epoch: () => model.get("epoch"), show: (epoch) => put({ epoch }),
  });
  const slider = createRange({
    label: "Epoch", min: 1, max: count, trait: "epoch",
    say: (epoch) => `epoch ${epoch} of ${count}`,
    note: (epoch) => `${epoch} of ${count}`,
    slide(epoch) {
      player.pause();
      put({ epoch });
    },
  });
  const menu = createMetricMenu(model, metrics);
  const curves = framed(createCurves({ losses, metrics, count, root, marked: true }));
  const thumbnails = createThumbnails({ classes, probe, choose: (image) => put({ image }) });
  const panels = losses.map((loss, i) =>
    createBeliefPanel(loss, { classes, root, named: i === losses.length - 1 }),
  );
  const picture = html("img", { class: "emdviz-picture" });
  const caption = html("figcaption", {});
  const chosen = html("figure", { class: "emdviz-chosen" }, picture, caption);
  const left = html("div", { class: "emdviz-track" }, menu.line, curves.node);
  const beliefs = html("div", { class: "emdviz-beliefs" }, ...panels.map(({ node }) => node));
  const marks = html("p", { class: "emdviz-hint" }, describeMarks(probe, losses, epochs.map(([first]) => first.belief)));
  const right = html("div", { class: "emdviz-watched" });
  right.append(thumbnails.node, html("div", { class: "emdviz-case" }, chosen, beliefs), marks);
  const whole = html("div", { class: "emdviz-layout" }, left, right);
  const toolbar = createToolbar([player, slider, menu], { see: SEE });
  toolbar.node.classList.add("emdviz-player");
  root.append(toolbar.node, whole);

  return {
    frame: whole,
    resize(unit, tall) {
      curves.resize(unit, tall);
      const names = nameColumn(losses, { root, unit, width: beliefs.clientWidth });
      beliefs.style.setProperty("--emdviz-names", `${names}px`);
      const width = panels[0].frame.clientWidth;
      for (const { chart } of panels) chart.resize(width, unit, tall);
    },
    update() {
      const [epoch, image, metric] = ["epoch", "image", "metric"].map((name) => model.get(name));
      const { label, known } = targetOf(probe, image);
      toolbar.update({ epoch, metric });
      thumbnails.update(image);
      const text = label === null ? "" : `, label ${classes[label]}`;
      set(picture, { src: probe.images[image], alt: `Image ${image + 1}${text}` });
      // a line may end before a class's name, but not at its hyphen
      const named = html("span", { class: "emdviz-short" }, label === null ? image + 1 : classes[label]);
      caption.replaceChildren(label === null ? "image " : "label ", named);
      curves.update(epochs, metric, epoch);
      const said = panels.map(({ chart }, i) => {
        const belief = beliefOf(epochs[i][epoch - 1]?.belief, image);
        const options = { label, known, who: losses[i].label, why: `ended after epoch ${epochs[i].length}` };
        chart.update(belief, options);
        const value = formatMetric(epochs[i][epoch - 1]?.metrics[metric], metrics[metric].unit);
        return `${inWords(belief, { classes, ...options })}; ${metric} ${value}`;
      });
      return `Epoch ${epoch} of ${count}, image ${image + 1}${text}. ${said.join(". ")}.`;
    },
  };
}

export default makeWidget({ name: "replay", build, follow: ["epoch", "image", "metric"], rebuild: ["_setup"] });
