"""How Sphinx lays out the book; scripts/book.py runs the notebooks and calls it."""

import html
import inspect
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import ipywidgets
from docutils import nodes
from latex2mathml.converter import Converter

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import emdviz  # noqa: E402
from emdviz.palette import OKABE_ITO  # noqa: E402

project = html_title = "emdviz"
author = "The emdviz authors"
html_show_copyright = False
version = release = emdviz.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.githubpages"]
exclude_patterns = ["_static"]

nb_execution_mode = "off"  # scripts/book.py has run them
nb_ipywidgets_js = {}  # would be fetched from elsewhere
nb_merge_streams = True
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 4
myst_update_mathjax = False

autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_custom_sections = [
    ("Attributes", "params_style")
]  # not a second time what has a docstring
napoleon_use_param = False
napoleon_use_rtype = False
add_module_names = False
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_css_files = ["book.css"]
html_js_files = ["book.js"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_search_summary = False  # would be fetched, which browsers refuse for files
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": OKABE_ITO["blue"],
        "color-brand-content": OKABE_ITO["blue"],
        "color-brand-visited": OKABE_ITO["blue"],
    },
    "dark_css_variables": {
        "color-brand-primary": OKABE_ITO["sky"],
        "color-brand-content": OKABE_ITO["sky"],
        "color-brand-visited": OKABE_ITO["sky"],
    },
}


def mathml(latex, display):
    """Return a formula as MathML, which browsers draw by themselves.

    Raises
    ------
    ValueError
        If it holds a command that would be shown as it was typed.

    Examples
    --------
    >>> mathml("p < 1", "inline")  # doctest: +ELLIPSIS
    '<math ...><mrow><mi>p</mi><mo>&lt;</mo><mn>1</mn></mrow></math>'
    """
    known = latex.replace("{aligned}", "{split}")
    formula = Converter(display=display).convert_to_element(known)
    for part in formula.iter():
        part.text = html.unescape(part.text or "") or None
        if part.tag in ("mi", "mo") and re.search(r"[\\&]", part.text or ""):
            raise ValueError(f"formulas must hold what MathML can show, got {part.text} in {latex}")
        # bars would stand apart from what they enclose, like an operator between two terms
        if part.tag == "mo" and part.text in ("|", "‖", "∣", "∥"):
            part.attrib |= {"lspace": "0", "rspace": "0"}
        if side := part.attrib.pop("columnalign", None):  # browsers ask CSS
            part.set("style", f"text-align: {side}")
    formula.set("alttext", latex)
    return ElementTree.tostring(formula, encoding="unicode")


def as_meant(app, what, name, obj, options, lines):
    """Let Sphinx read docstrings as they are meant: | is a bar, and a colon no end of a type."""
    example = False
    for i, line in enumerate(lines):
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if not example:
            code = re.split(r"(``.*?``)", line)
            code[::2] = [text.replace("|", r"\|") for text in code[::2]]
            lines[i] = "".join(code)
    if what in ("attribute", "data", "property"):
        lines.insert(0, "")


def list_losses(app, what, name, obj, options, lines):
    """List the registered losses below the description of the list."""
    if name != "emdviz.losses.loss.LOSSES":
        return
    lines += ["", ".. list-table::", "   :header-rows: 1", ""]
    rows = [("Name", "In figures", "Outputs for C classes", "Unit", "Source")]
    for loss in obj.values():
        outputs = {1: "1", 7: "C − 1", 8: "C"}.get(loss.num_outputs(8), "its own")
        rows.append((f"``{loss.name}``", loss.label, outputs, loss.unit, loss.source))
    for row in rows:
        lines += [f"   {'*' if i == 0 else ' '} - {cell or ''}" for i, cell in enumerate(row)]
    lines.append("")


def is_elsewhere(app, what, name, obj, skip, options):
    """Leave out what classes inherit from other packages, and functions under a second name."""
    function = getattr(obj, "fget", obj)
    elsewhere = not str(getattr(function, "__module__", "emdviz")).startswith("emdviz")
    return True if elsewhere or getattr(function, "__name__", name) != name else None


def as_called(app, what, name, obj, options, signature, returns):
    """Return how a class is called where its metaclass would hide it."""
    if what == "class" and issubclass(obj, ipywidgets.Widget):
        parameters = list(inspect.signature(obj.__init__).parameters.values())
        return str(inspect.Signature(parameters[1:])), returns
    return None


def find_in_emdviz(app, env, node, contnode):
    """Resolve names that docstrings give as seen from the package, such as ``training.fit``."""
    if node.get("refdomain") != "py":
        return None
    domain, name = env.get_domain("py"), f"emdviz.{node['reftarget']}"
    page = node["refdoc"]
    return domain.resolve_xref(env, page, app.builder, node["reftype"], name, node, contnode)


def _write_inline(translator, node):
    translator.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def _write_block(translator, node):
    translator.body.append(f'<div class="book-formula">{mathml(node.astext(), "block")}</div>')
    raise nodes.SkipNode


def setup(app):
    """Let Sphinx write formulas as MathML, and read docstrings as they are meant."""
    # Sphinx would look beside this file; pages and pictures lie with what has run
    app.config.html_static_path = [str(app.srcdir / "_static")]
    app.connect("autodoc-process-docstring", as_meant, priority=100)  # before napoleon
    app.connect("autodoc-process-docstring", list_losses)
    app.connect("autodoc-process-signature", as_called)
    app.connect("autodoc-skip-member", is_elsewhere)
    app.connect("missing-reference", find_in_emdviz)
    app.add_html_math_renderer("mathml", (_write_inline, None), (_write_block, None))
