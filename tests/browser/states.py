"""Draws an explorer in many states, on a page of its own, and reads what it shows."""

import anywidget

_SHOW = """async ([esm, css, shared, states, read]) => {
  const module = await import(URL.createObjectURL(new Blob([esm], { type: 'text/javascript' })));
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const style = document.head.appendChild(document.createElement('style'));
  style.textContent = css;
  const values = { ...shared };
  const listeners = {};
  const model = {
    get: (name) => values[name],
    set: () => {},
    save_changes: () => {},
    on: (event, listener) => (listeners[event] ??= []).push(listener),
    off: () => {},
  };
  const el = document.body.appendChild(document.createElement('div'));
  module.default.render({ model, el });
  // changes may come before the browser has told the figure its size
  Object.values(listeners).flat().reverse().forEach((tell) => tell());
  await frame();
  await frame();
  const look = eval(read);
  const seen = [];
  for (const state of states) {
    Object.assign(values, state);
    for (const name of Object.keys(state)) listeners[`change:${name}`]?.forEach((tell) => tell());
    await frame();
    seen.push(look(el));
  }
  el.remove();
  style.remove();
  return seen;
}"""

NUMBERS = "(el) => [...el.querySelectorAll('.emdviz-number')].map((node) => node.textContent)"


def show_states(page, explorer, states, read=NUMBERS):
    """Draw an explorer in these states, one after the other, and return what was read in each.

    Parameters
    ----------
    page : playwright Page
    explorer : Explorer
        What is drawn; it tells the traits that no state holds.
    states : list of dict
        Trait name -> value.
    read : str
        A JavaScript function of the drawn element.
    """
    ours = set(explorer.traits(sync=True)) - set(anywidget.AnyWidget.class_traits(sync=True))
    shared = explorer.get_state(ours - {"_esm", "_css", "_anywidget_id"})
    return page.evaluate(_SHOW, [explorer._esm, explorer._css, shared, states, read])
