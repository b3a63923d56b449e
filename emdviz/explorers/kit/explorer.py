"""The base of all explorers: traits, colours, and pages that stand alone."""

import base64
import contextlib
import hashlib
import html
import json
import re
import unicodedata
import uuid
from pathlib import Path

import anywidget
import ipywidgets
import traitlets
from IPython import get_ipython
from IPython.display import display

from emdviz.explorers.kit.address import fields, own_traits
from emdviz.explorers.kit.bundler import bundle
from emdviz.explorers.kit.traits import as_trait
from emdviz.losses.loss import look_of
from emdviz.metrics import METRICS
from emdviz.palette import CHOSEN, GAP, PREDICTION_A, PREDICTION_B, TRUTH, for_text, on_dark
from emdviz.reading import read_choice, read_path
from emdviz.writing import write_whole

_HERE = Path(__file__).parent

_TEXT_SCALES = {"notebook": 1.0, "projector": 1.5}


def _both(*colours):
    return f"light-dark({', '.join(colours)})"


_COLOURS = f"--emdviz-gap: {GAP}; --emdviz-lit: {CHOSEN};\n" + "".join(
    f"--emdviz-{name}: {_both(colour, on_dark(colour))}; "
    f"--emdviz-{name}-text: {_both(for_text(colour), for_text(colour, dark=True))};\n"
    for name, colour in {"a": PREDICTION_A, "b": PREDICTION_B, "truth": TRUTH}.items()
)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
{style}
</head>
<body>
{fragment}
</body>
</html>
"""

_PAGE_STYLE = """<style>
:root { color-scheme: light dark; }
body {
  margin: 0 auto; max-width: 1800px; padding: 1rem;
  background: light-dark(#fff, #16191d); color: light-dark(#1f2328, #e8e8e8);
  font-family: system-ui, -apple-system, "Segoe UI", sans-serif;
}
.emdviz-framed body { padding: 0.25rem 0.5rem; }
.emdviz-refused {
  margin: 0 0 1rem; padding: 0.6rem 1rem; border: 2px solid; border-radius: 0.4rem;
}
</style>"""

_FRAGMENT = """<div id="{anchor}">To see this interactive figure, run the cell.</div>
<style>
{css}</style>
<script type="module">
{esm}
standAlone.{show}(document.getElementById("{anchor}"), {values}{more});
</script>
"""

_NO_CODE = re.compile(r"^(?:[ \t]*(?://[^\n]*|/\*.*?\*/)\n|[ \t]+|\n)", re.MULTILINE | re.DOTALL)

_STAND_ALONE = bundle(_HERE / "stand_alone.js", "standAlone").rpartition("export default")[0]

# JupyterLab looks for the widget of a saved output for two seconds, and then shows an error, for
# which it makes the output itself a .jupyter-widgets; so does nbconvert where widget state is saved
_REOPENED = (
    """<div class="emdviz-reopened" hidden>
To see this figure again, run the cell again.
</div>
<style>
.jp-OutputArea-child:has(.emdviz-reopened) { display: none; }
.jp-OutputArea:has(> .jp-OutputArea-child > .jupyter-widgets):not(:has(.emdviz-explorer))
.jp-OutputArea-child:has(.emdviz-reopened) {
  display: flex;
  animation: emdviz-wait 3s;
}
.jp-OutputArea .emdviz-reopened { display: block; }
@keyframes emdviz-wait { from, to { visibility: hidden; } }
</style>
"""
    f"""<script type="module">
{_STAND_ALONE}
standAlone.saved();
</script>
"""
)


def style_sheet(figure, *names):
    """Join style sheets of the explorers' folder behind emdviz's colours, for one figure alone.

    All of it is nested under the class of the figure's root, so that no rule reaches another
    figure on the page, whatever its parts are called.
    """
    sheets = "\n".join((_HERE.parent / name).read_text(encoding="utf-8") for name in names)
    return f".emdviz-{figure} {{\n{_COLOURS}{sheets}}}\n"


def shared_style(*sheets):
    """Join what ``style_sheet`` gave for several figures, with the kit's rules once for all."""
    kit = (_HERE / "kit.css").read_text(encoding="utf-8")
    selectors = [sheet.partition(" {")[0] for sheet in sheets]
    own = [sheet.replace(_COLOURS + kit, "", 1) for sheet in sheets]
    return f":is({', '.join(selectors)}) {{\n{_COLOURS}{kit}}}\n" + "".join(own)


def _only_this(markup):
    """Return the policy under which a browser runs the scripts and styles of ``markup`` alone.

    Nothing can be added to such a page, and nothing leaves it: no request is allowed.
    """

    def hashes(tag):
        texts = re.findall(rf"<{tag}\b[^>]*>(.*?)</{tag}>", markup, re.DOTALL)
        digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()) for text in texts)
        return " ".join(f"'sha256-{digest.decode()}'" for digest in digests)

    return (
        f"default-src 'none'; script-src {hashes('script')}; style-src {hashes('style')}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


@contextlib.contextmanager
def drawing(width, height):
    """Yield an empty matplotlib Figure and draw what follows in the style of notebooks."""
    from matplotlib.figure import Figure

    from emdviz.plots.style import style

    with style("notebook"):
        yield Figure(figsize=(width, height), layout="constrained")


def show_losses(losses):
    """Return what the browser shows of losses: label, and colours of marks and of text."""
    return [
        {
            "name": look.name,
            "label": _isolate(look.label),
            "colour": _both(look.colour, on_dark(look.colour)),
            "text": _both(for_text(look.colour), for_text(look.colour, dark=True)),
        }
        for look in (look_of(one) if isinstance(one, str) else one for one in losses)
    ]


def show_metrics(names):
    """Return what the browser shows of metrics: name -> unit, direction and definition."""
    found = {name: METRICS[name] for name in names}
    return {
        name: {"unit": one.unit, "higher": one.higher_is_better, "definition": one.definition}
        for name, one in found.items()
    }


def _isolate(text):
    """Keep right-to-left letters of a label from reordering the numbers beside it."""
    turns = any(unicodedata.bidirectional(letter) in {"R", "AL", "RLE", "RLO"} for letter in text)
    return f"\N{FIRST STRONG ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}" if turns else text


class Reopenable:
    """A widget that can be seen, in ``fragment``, on a page without a kernel."""

    def _repr_mimebundle_(self, **kwargs):
        if shell := get_ipython():
            # takes it once, however often
            shell.events.register("post_run_cell", _show_how_to_reopen)
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            # JupyterLab prefers the widget; an exported page, which has no kernel, takes this
            data = bundle[0] if isinstance(bundle, tuple) else bundle
            data["text/html"] = self.fragment()
        return bundle


def stand_alone(show, values, css="", esm="", address=None):
    """Return HTML that calls a function of ``stand_alone.js``, with the widget that ``esm`` is.

    ``address`` are the fields of a page that keeps its state in its address.
    """
    more = [", widget"] if esm else []
    if address is not None:
        more.append(f", {as_script(address)}")
    return _FRAGMENT.format(
        anchor=f"emdviz-{uuid.uuid4().hex[:12]}",
        css=lean(css),
        esm=lean(esm.rpartition("export default")[0] + _STAND_ALONE),
        show=show,
        values=as_script(values),
        more="".join(more),
    )


def lean(code):
    """Return JavaScript or CSS without comments on lines of their own, and without indents.

    They are a quarter of a module, and no page needs them.
    """
    return _NO_CODE.sub("", code)


def as_script(values):
    """Return values as a script may hold them."""
    # "<" could end the script from within a class name
    return json.dumps(values, separators=(",", ":")).replace("<", "\\u003c")


def whole_page(title, body, style=""):
    """Return a page with this body and rules of style, which asks for nothing from elsewhere."""
    styles = _PAGE_STYLE + (f"\n<style>\n{style}</style>" if style else "")
    return _PAGE.format(
        title=html.escape(title), policy=_only_this(styles + body), style=styles, fragment=body
    )


def _show_how_to_reopen(_=None):
    """Add a note below the figures of a cell that has run: how to see them without a kernel.

    It has to be a separate output: of one output JupyterLab shows the widget alone.
    """
    get_ipython().events.unregister("post_run_cell", _show_how_to_reopen)
    display({"text/html": _REOPENED, "text/plain": ""}, raw=True)


class Panel(Reopenable, ipywidgets.VBox):
    """A figure with its sliders."""

    def fragment(self):
        """Return HTML that shows the figures, without sliders."""
        return "".join(part.fragment() for part in self.children if isinstance(part, Explorer))


class Explorer(Reopenable, anywidget.AnyWidget):
    """An interactive figure that lives in the browser and can leave the notebook.

    Every explorer takes ``tasks``, a list of texts that the figure shows one at a time above its
    drawing, in the place of its hint, with buttons to go forward and back.
    """

    _text_scale = traitlets.Float(1.0).tag(sync=True)
    _tasks = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(self, *, tasks=(), **traits):
        if isinstance(tasks, str):
            raise traitlets.TraitError(
                f"tasks must be a list of texts, got {tasks!r}; type [{tasks!r}]"
            )
        super().__init__(_tasks=list(tasks), **traits)
        self.on_msg(self._hand_over)

    def set_state(self, sync_data):
        """Take what a browser changed, but for private traits without the tag ``from_browser``."""
        private = set(self.trait_names(from_browser=True))
        super().set_state(
            {k: v for k, v in sync_data.items() if not k.startswith("_") or k in private}
        )

    @staticmethod
    def text_scale(style):
        """Return how much larger than a notebook's the text of ``style`` is."""
        return _TEXT_SCALES[as_trait(read_choice, style, "style", sorted(_TEXT_SCALES))]

    def save_html(self, path):
        """Write the explorer, as it is now, to one file that needs no kernel and no network.

        Parameters
        ----------
        path : str or path
            Where to; a file that is there is overwritten.

        Returns
        -------
        pathlib.Path
            The file. Open it in a browser by double click.
        """
        path = read_path(path, "path", "the path of a file to write")
        write_whole(path, self._page().encode())
        return path

    def _page(self):
        """Return the text of a page that shows the explorer and keeps its state in its address."""
        return whole_page(type(self).__name__, self.fragment("page"))

    def fragment(self, show="figure"):
        """Return HTML that shows the explorer without a kernel, to put into a page.

        ``show`` is ``"page"`` if the page shows nothing else: then its address holds the state.
        """
        address = self.address_fields() if show == "page" else None
        return stand_alone(show, self.page_state(show), self._css, self._esm, address)

    def address_fields(self):
        """Return what may stand in the address of its page."""
        return fields(self)

    def page_state(self, show="figure"):
        """Return the traits that a figure, or a page of its own, needs."""
        return self.get_state(own_traits(self))

    def _send_from_thread(self, **traits):
        """Change traits past traitlets, whose notifications are not made for two threads."""
        self._trait_values.update(traits)
        if self.comm is not None:
            self.send_state(list(traits))

    def _hand_over(self, _, content, __):
        """Send the page to a browser that asks for it."""
        if isinstance(content, dict) and content.get("do") == "page":
            self.send({"asked": content.get("asked"), "page": self._page()})
