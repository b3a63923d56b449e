// Losses that train side by side: how far each is, its curve, and what it believes of some images.

import { beliefOf, createBelief, describeMarks, nameColumn, targetOf } from "./belief.js";
import { closedForms, ofLoss } from "../kit/closed_forms.js";
import { framed, html, set, write } from "../kit/dom.js";
import { createCurves, createMetricMenu, formatMetric } from "./metric_curves.js";
import { createButton, createToolbar } from "../kit/controls.js";
import { makeWidget } from "../kit/widget.js";

const BUTTONS = { ready: "Start", training: "Stop", stopping: "Stopping…", stopped: "Resume" };
const SEE =
  "All start from the same weights, but for last layers with other numbers of outputs, and see the same batches.";
const LEAST_CARD = 6.6; // text sizes, the width of what is believed of an image
const GAP = 0.8; // between images
const STATES = {
  ready: "not started", training: "training", stopping: "stops after this batch",
  stopped: "stopped", finished: "finished",
};
const UNHEARD = "stops when the cell that runs ends; interrupt it to stop now";

function formatSeconds(seconds) {
  if (seconds === null) return "";
  if (seconds < 90) return `${Math.ceil(seconds)} s left`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min left` : `${(seconds / 3600).toFixed(1)} h left`;
}

function createRacer(loss, { epochs, steps }) {
  const { label } = loss;
  const fill = html("div", { class: "emdviz-done" });
  const bar = html("div", {
    class: "emdviz-progress", role: "progressbar", "aria-label": `Progress of ${label}`,
    "aria-valuemin": 0, "aria-valuemax": 100,
  }, fill);
  const note = html("span", { class: "emdviz-range" });
  const error = html("p", { class: "emdviz-notice", role: "alert", hidden: true });
  const swatch = html("span", { class: "emdviz-loss-swatch" });
  const words = closedForms[loss.name]?.words;
  const title = html("span", { class: "emdviz-loss", title: words ? `${label}: ${words}` : label }, swatch, label);
  return {
    node: html("div", ofLoss(loss, "emdviz-racer"), title, bar, note, error),
    update({ epoch, step, left, error: why }, state) {
      const share = (epoch + step / steps) / epochs;
      fill.style.width = `${(100 * share).toFixed(2)}%`;
      const going = state === "training" && epoch < epochs && !why;
      const text = [`epoch ${epoch} of ${epochs}`, going && formatSeconds(left)].filter(Boolean).join(", ");
      write(note, text);
      set(bar, { "aria-valuenow": Math.floor(100 * share), "aria-valuetext": text });
      if (why) write(error, `${label} stopped: ${why}`);
      set(error, { hidden: !why });
    },
  };
}

/** One image, and under it what every loss believes. */
function createCard(i, { losses, classes, probe }, root) {
  const { label, known } = targetOf(probe, i);
  const caption = label === null ? `image ${i + 1}` : `label ${classes[label]}`;
  const picture = html("img", { class: "emdviz-picture", src: probe.images[i], alt: `Probe image ${i + 1}, ${caption}` });
  const charts = losses.map(() => createBelief({ classes, root, large: false }));
  const rows = losses.map((loss, j) => {
    const frame = html("div", { class: "emdviz-frame" }, charts[j].node);
    const name = html("span", { class: "emdviz-short", title: loss.label }, loss.label);
    return html("div", ofLoss(loss, "emdviz-belief"), name, frame);
  });
  const ends = html("div", { class: "emdviz-ends", "aria-hidden": "true" });
  ends.append(...[classes[0], classes.at(-1)].map((name) => html("span", { class: "emdviz-short" }, name)));
  const parts = [picture, html("figcaption", { class: "emdviz-short", title: caption }, caption)];
  const node = html("figure", { class: "emdviz-card" }, ...parts, html("div", { class: "emdviz-rows" }, ...rows, ends));
  return {
    node,
    /** `leads` says whether the card is the first of its row, which has the names of the losses. */
    resize(width, leads, ...size) {
      set(node, { "data-leads": leads });
      charts.forEach((chart) => chart.resize(width, ...size));
    },
    update(predictions) {
      charts.forEach((chart, j) => {
        const who = `${losses[j].label} of image ${i + 1}`;
        chart.update(beliefOf(predictions[j], i), { label, known, who, why: "not trained yet" });
      });
    },
  };
}

function build(model, root) {
  const setup = model.get("_setup");
  const { losses, metrics, classes, probe } = setup;
  const live = model.get("_kernel") !== false;
  let asked = false; // to stop, which the kernel hears only when it runs no cell
  const button = createButton({
    label: "Start",
    press() {
      const { state } = model.get("_now");
      if (state === "training" && !asked) {
        asked = true;
        model.send({ do: "stop" });
        write(button, BUTTONS.stopping);
        write(words, UNHEARD);
      } else if (state === "ready" || state === "stopped") model.send({ do: "start" });
    },
  });
  const menu = createMetricMenu(model, metrics);
  const words = html("span", { class: "emdviz-range" });
  const failure = html("p", { class: "emdviz-notice", role: "alert", hidden: true });
  const racers = losses.map((loss) => createRacer(loss, setup));
  const curves = framed(createCurves({ losses, metrics, count: setup.epochs, root, marked: false }));
  const cards = probe.images.map((_, i) => createCard(i, setup, root));
  const legend = html("p", { class: "emdviz-hint" });
  const left = html("div", { class: "emdviz-track" }, ...racers.map(({ node }) => node), menu.line, curves.node);
  const deck = html("div", { class: "emdviz-cards" }, ...cards.map(({ node }) => node));
  const right = html("div", { class: "emdviz-watched" }, deck, legend);
  const whole = html("div", { class: "emdviz-layout" }, left, right);
  const toolbar = createToolbar([live ? button : "", menu, words], { see: SEE });
  root.append(toolbar.node, failure, whole);
  let drawn = null;

  return {
    frame: whole,
    resize(unit, tall) {
      curves.resize(unit, tall);
      const width = deck.clientWidth;
      const names = nameColumn(losses, { root, unit, width });
      const room = width - names;
      const many = Math.floor((room + GAP * unit) / ((LEAST_CARD + GAP) * unit));
      // rows of one length, as far as there are enough images
      const lines = Math.ceil(cards.length / Math.max(1, many));
      const columns = Math.min(Math.ceil(cards.length / lines), cards.length);
      const wide = Math.floor((room - (columns - 1) * GAP * unit) / columns);
      deck.style.gridTemplateColumns = [wide + names, ...Array(columns - 1).fill(wide)].map((size) => `${size}px`).join(" ");
      deck.style.columnGap = `${GAP * unit}px`;
      deck.style.setProperty("--emdviz-names", `${names}px`);
      cards.forEach((card, i) => card.resize(wide, i % columns === 0, unit, tall));
      drawn = null;
    },
    update() {
      const [now, epochs, metric] = ["_now", "_epochs", "metric"].map((name) => model.get(name));
      button.hidden = now.state === "finished" && document.activeElement !== button;
      asked &&= now.state === "training";
      write(button, asked ? BUTTONS.stopping : (BUTTONS[now.state] ?? "Finished"));
      set(button, { "aria-disabled": (asked || ["stopping", "finished"].includes(now.state)) && "true" });
      const state = asked ? UNHEARD : STATES[now.state];
      write(words, live ? state : `${state}; to train, run it in Python`);
      if (now.failure) write(failure, `Training ended with an error. ${now.failure}`);
      set(failure, { hidden: !now.failure });
      toolbar.update({ metric });
      racers.forEach((racer, i) => racer.update(now.runs[i], now.state));
      if (drawn?.epochs !== epochs || drawn.metric !== metric) {
        drawn = { epochs, metric };
        curves.update(epochs, metric, Math.max(0, ...epochs.map((done) => done.length)));
        const predictions = epochs.map((done) => done.at(-1)?.belief);
        for (const card of cards) card.update(predictions);
        write(legend, describeMarks(probe, losses, predictions));
      }
      return describeRace({ losses, epochs, metric, unit: metrics[metric].unit, now, total: setup.epochs });
    },
  };
}

function describeRace({ losses, epochs, metric, unit, now, total }) {
  const each = losses.map(({ label }, i) => {
    const done = epochs[i];
    const value = done.length ? `, ${metric} ${formatMetric(done.at(-1).metrics[metric], unit)}` : "";
    const why = now.runs[i].error ? `, stopped: ${now.runs[i].error}` : "";
    return `${label} epoch ${done.length} of ${total}${value}${why}`;
  });
  return `${losses.length} losses train side by side, ${STATES[now.state]}: ${each.join("; ")}.`;
}

export default makeWidget({ name: "race", build, follow: ["_now", "_epochs", "metric"], rebuild: ["_setup"] });
