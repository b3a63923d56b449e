"""The pages of the site: the gallery, one page for each figure, and the tour."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from emdviz import explorers
from emdviz.explorers.kit.address import fields
from emdviz.explorers.kit.distribution_explorer import ADIENCE_AGE_GROUPS
from emdviz.explorers.kit.explorer import whole_page
from emdviz.site.recorded import Replay
from emdviz.writing import write_whole

_HERE = Path(__file__).parent
_TEMPLATES = Environment(
    loader=FileSystemLoader(_HERE / "templates"), autoescape=True, trim_blocks=True
)

QUESTION = "When classes are ordered, what should a loss know about the order?"

# the two predictions of notebook 01, alike in cross-entropy, of the class 25-32
A = [0.25, 0.15, 0.05, 0.05, 0.40, 0.02, 0.03, 0.05]
B = [0.00, 0.00, 0.05, 0.25, 0.40, 0.25, 0.05, 0.00]
TRUE_CLASS = 4


@dataclass(frozen=True)
class Page:
    """A page of one figure.

    Attributes
    ----------
    name : str
        Of its file, without the ending.
    title : str
    about : str
        In one sentence, what can be done and seen.
    make : callable
        Returns the figure.
    """

    name: str
    title: str
    about: str
    make: object


PAGES = {
    page.name: page
    for page in (
        Page(
            "prediction",
            "Two predictions",
            "Drag a bar and watch four losses: cross-entropy stays, EMD² moves.",
            lambda: explorers.PredictionExplorer(
                A, B, target=TRUE_CLASS, classes=ADIENCE_AGE_GROUPS
            ),
        ),
        Page(
            "transport",
            "Moving earth",
            "The cheapest way to carry a prediction to the truth, and the area that pays for it.",
            explorers.TransportExplorer,
        ),
        Page(
            "propriety",
            "What a loss rewards",
            "Labels that differ from person to person, and the answer that each loss likes best.",
            explorers.ProprietyExplorer,
        ),
        Page(
            "gradient",
            "What a network feels",
            "How hard each loss pushes each logit, and where its steps lead.",
            explorers.GradientExplorer,
        ),
        Page(
            "sinkhorn",
            "Approximate transport",
            "Entropy and scalings: where they are right, blurred, silently 0.0 or NaN.",
            explorers.SinkhornExplorer,
        ),
        Page(
            "race",
            "A finished race",
            "Five losses trained side by side: play it, and see what each network believed.",
            Replay,
        ),
    )
}
"""The pages of figures, name -> page, in the order of the gallery."""


def build(folder):
    """Write the gallery, a page for each figure, and the tour to a folder.

    Parameters
    ----------
    folder : str or Path
        It is made where it is missing. Files of the same names are overwritten, others stay.

    Returns
    -------
    list of Path
        The files, the gallery first.

    Raises
    ------
    FileNotFoundError
        If the recorded race is missing.
    """
    folder = Path(folder).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    figures = {name: page.make() for name, page in PAGES.items()}
    files = {"index.html": _gallery(figures)}
    files |= {f"{name}.html": _figure_page(PAGES[name], made) for name, made in figures.items()}
    for name, text in files.items():
        write_whole(folder / name, text.encode())
    return [folder / name for name in files]


def _fragment(figure, show, **options):
    """Return HTML that shows a figure alone ("figure"), or on a page with an address ("page")."""
    if isinstance(figure, Replay):
        return figure.fragment(show, **options)
    return figure._fragment(show, **options)


def _figure_page(page, figure):
    address = figure.fields if isinstance(figure, Replay) else fields(figure)
    body = _render("figure.html", page=page, figure=_fragment(figure, "page", address=address))
    return whole_page(f"{page.title} · emdviz", body, _style("site.css"))


def _gallery(figures):
    cards = [(page, _picture(figures[name])) for name, page in PAGES.items()]
    live = _fragment(figures["prediction"], "figure")
    body = _render("gallery.html", question=QUESTION, figure=live, cards=cards)
    return whole_page("emdviz", body, _style("site.css"))


def _render(template, **values):
    return _TEMPLATES.get_template(template).render(**values)


def _style(name):
    return (_HERE / name).read_text(encoding="utf-8")


def _picture(figure):
    """Return the figure drawn by matplotlib as a small picture, a data URL."""
    file = io.BytesIO()
    drawn = figure.figure()
    drawn.savefig(file, format="webp", dpi=480 / drawn.get_figwidth(), pil_kwargs={"quality": 72})
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
