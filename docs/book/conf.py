"""How Sphinx lays out the book; scripts/book.py runs the notebooks and calls it."""

import html
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

from docutils import nodes
from latex2mathml.converter import Converter

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import emdviz  # noqa: E402
from emdviz.style import OKABE_ITO  # noqa: E402

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
napoleon_use_ivar = True
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

    Examples
    --------
    >>> mathml("p < 1", "inline")  # doctest: +ELLIPSIS
    '<math ...><mrow><mi>p</mi><mo>&lt;</mo><mn>1</mn></mrow></math>'
    """
    formula = Converter(display=display).convert_to_element(latex)
    for part in formula.iter():
        part.text = html.unescape(part.text or "") or None
        # bars would stand apart from what they enclose, like an operator between two terms
        if part.tag == "mo" and part.text in ("|", "‖", "∣", "∥"):
            part.attrib |= {"lspace": "0", "rspace": "0"}
    formula.set("alttext", latex)
    return ElementTree.tostring(formula, encoding="unicode")


def keep_bars(app, what, name, obj, options, lines):
    """Let | be a bar in docstrings, where reStructuredText would see a substitution begin."""
    example = False
    for i, line in enumerate(lines):
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if not example:
            code = re.split(r"(``.*?``)", line)
            code[::2] = [text.replace("|", r"\|") for text in code[::2]]
            lines[i] = "".join(code)


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
    app.connect("autodoc-process-docstring", keep_bars, priority=100)  # before napoleon
    app.connect("missing-reference", find_in_emdviz)
    app.add_html_math_renderer("mathml", (_write_inline, None), (_write_block, None))
