// Shows explorers and flip books on a page without a kernel.

/** A model that only keeps values and tells listeners. */
class PageModel {
  #values;
  #listeners = new Map();

  constructor(values) {
    this.#values = values;
  }

  get(name) {
    return this.#values[name];
  }

  set(nameOrValues, value) {
    const values = typeof nameOrValues === "string" ? { [nameOrValues]: value } : nameOrValues;
    const changed = Object.keys(values).filter((name) => this.#values[name] !== values[name]);
    Object.assign(this.#values, values);
    for (const name of changed) this.#listeners.get(`change:${name}`)?.forEach((tell) => tell());
  }

  on(event, listener) {
    if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
    this.#listeners.get(event).add(listener);
  }

  off(event, listener) {
    this.#listeners.get(event)?.delete(listener);
  }

  save_changes() {}
}

function figure(el, values, widget) {
  const model = new PageModel({ ...values, _kernel: false });
  widget.initialize?.({ model });
  widget.render({ model, el });
  return model;
}

/** Show an explorer that has the page for itself: its state stands in the address, by `fields`. */
function page(el, values, widget, fields) {
  widget.joinAddress({ fields, start: values }, (_page, state) =>
    figure(el, { ...values, ...state, _page }, widget),
  );
}

/** Show one of `pictures`, texts of HTML, which a slider called `name` chooses. */
function pages(el, { pictures, name }) {
  const [picture, label] = ["div", "label"].map((tag) => document.createElement(tag));
  const slider = document.createElement("input");
  const number = document.createElement("output");
  Object.assign(slider, { type: "range", min: 1, max: pictures.length, value: 1 });
  const turn = () => {
    picture.innerHTML = pictures[slider.value - 1];
    number.textContent = ` ${slider.value}`;
  };
  slider.addEventListener("input", turn);
  label.append(`${name} `, slider, number);
  el.classList.add("emdviz-explorer");
  el.replaceChildren(label, picture);
  turn();
}

/**
 * Show what an exported notebook displays of emdviz, from the widget state that is saved in it.
 *
 * Jupyter's own renderer of saved widgets comes from the network; where it could be reached,
 * nothing is left to do. In JupyterLab the page holds no such state.
 */
function saved() {
  const [states, ...views] = ["state", "view"].flatMap((kind) => [
    ...document.querySelectorAll(`script[type="application/vnd.jupyter.widget-${kind}+json"]`),
  ]);
  if (!states?.type.includes("-state") || window.requirejs) return;
  const { state } = JSON.parse(states.textContent);
  const below = (id) => {
    const values = state[id]?.state ?? {};
    const children = (values.children ?? []).flatMap((child) => below(child.replace("IPY_MODEL_", "")));
    return [values, ...children];
  };
  for (const view of views) {
    const models = below(JSON.parse(view.textContent).model_id);
    const pictures = models.map(({ value }) => value).filter((text) => String(text).includes('class="emdviz-page"'));
    const figures = models.filter(({ _css: css }) => css?.startsWith(".emdviz-"));
    if (!pictures.length && !figures.length) continue;
    const place = () => view.parentNode.insertBefore(document.createElement("div"), view);
    const name = models.find(({ description }) => description)?.description ?? "";
    if (pictures.length) pages(place(), { pictures, name });
    for (const values of figures) revive(place(), values);
    view.remove();
  }
}

/** Show an explorer from its saved traits, of which two are its module and its style sheet. */
function revive(el, values) {
  const style = document.createElement("style");
  style.textContent = values._css;
  el.before(style);
  const body = values._esm.replace(/\bexport default (\w+);\s*$/, "return $1;");
  figure(el, values, new Function(body)());
}

export default { figure, page, pages, saved };
