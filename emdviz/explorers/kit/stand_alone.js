// Shows an explorer on a page without a kernel: a model that only keeps values and tells listeners.

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

function standAlone(widget, el, values) {
  const model = new PageModel({ ...values, _kernel: false });
  widget.initialize?.({ model });
  widget.render({ model, el });
}

export default standAlone;
