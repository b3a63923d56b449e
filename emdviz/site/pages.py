"""The pages of the site: the gallery, one page for each figure, and the tour."""

import base64
import io
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from emdviz import explorers
from emdviz.explorers.kit.bundler import bundle
from emdviz.explorers.kit.distribution_explorer import ADIENCE_AGE_GROUPS
from emdviz.explorers.kit.explorer import as_script, lean, shared_style, whole_page
from emdviz.site.recorded import Replay
from emdviz.site.steps import TRUE_CLASS, A, B, steps
from emdviz.site.walks import traits
from emdviz.writing import write_whole

_HERE = Path(__file__).parent
_TEMPLATES = Environment(
    loader=FileSystemLoader(_HERE / "templates"), autoescape=True, trim_blocks=True
)

QUESTION = "When classes are ordered, what should a loss know about the order?"

OF_THE_RACE = {
    "without": ["REG"],
    "images": [1, 3, 4, 6],
    "metrics": ["RPS", "AEM"],
}
"""What the tour shows of the recorded race."""


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


_RACE = Page(
    "race",
    "A finished race",
    "Five losses trained side by side: play it, and see what each network believed.",
    Replay,
)


def _page(folder, name):
    """Return the page of an explorer, given the names of its folder and of its class."""
    make = getattr(explorers, name)
    own = {"p": A, "q": B, "target": TRUE_CLASS, "classes": ADIENCE_AGE_GROUPS}
    return Page(folder, *make.card, partial(make, **own) if name == "PredictionExplorer" else make)


PAGES = {
    page.name: page
    for page in (
        *(
            _page(folder, name)
            for folder, names in explorers.ALL.items()
            for name in names
            if name in explorers.WITHOUT_TORCH
        ),
        _RACE,
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
    files["tour.html"] = _tour(figures)
    files |= {f"{name}.html": _figure_page(PAGES[name], made) for name, made in figures.items()}
    for name, text in files.items():
        write_whole(folder / name, text.encode())
    return [folder / name for name in files]


def _figure_page(page, figure):
    body = _render("figure.html", page=page, figure=figure.fragment("page"))
    return whole_page(f"{page.title} · emdviz", body, _style("site.css"))


def _gallery(figures):
    cards = [(page, _picture(figures[name])) for name, page in PAGES.items()]
    live = figures["prediction"].fragment("figure")
    body = _render("gallery.html", question=QUESTION, figure=live, cards=cards)
    return whole_page("emdviz", body, _style("site.css"))


def _tour(figures):
    race = Replay(**OF_THE_RACE)
    told = steps(race)
    used = {name: figures[name] for name in sorted({step.figure for step in told})} | {"race": race}
    make = {name: PAGES[name].make for name in used} | {"race": lambda: race}
    facts = {
        "figures": {name: _facts(figure) for name, figure in used.items()},
        "steps": [_states(step, make[step.figure]()) for step in told],
    }
    script = bundle(_HERE / "tour.js", "tour").rpartition("export default")[0]
    body = _render(
        "tour.html",
        question=QUESTION,
        steps=told,
        script=f"{lean(script)}\ntour({as_script(facts)});",
    )
    style = shared_style(*(figure._css for figure in used.values()))
    return whole_page("Tour · emdviz", body, lean(_style("tour.css") + style))


def _facts(figure):
    values = figure.page_state()
    if "_presets" in values:  # their menus are hidden in the tour
        values["_presets"] = type(values["_presets"])()
    return {"values": values, "fields": figure.address_fields()}


def _fixed(step, start):
    """Return the traits of a step's figure that differ from its page's and never change."""
    fixed = {"_bars_only": True} if step.bars_only else {}
    if step.on_walk:
        fixed |= traits(step.name, start["p"])
    if step.losses:
        fixed["_losses"] = [loss for loss in start["_losses"] if loss["name"] in step.losses]
    return fixed


def _states(step, figure):
    """Return the traits of a step's figure that differ from its page's: as asked, and as shown."""
    start = figure.page_state()
    kept = [field["name"] for field in figure.address_fields()] + ["_exact"]
    states = []
    for change in (step.asked, step.shown):
        for name, value in change.items():
            setattr(figure, name, value)
        now = figure.page_state()
        states.append({name: now[name] for name in kept if name in now})
    asked, shown = states
    return {
        "figure": step.figure,
        "fixed": _fixed(step, start),
        "asked": {name: value for name, value in asked.items() if value != start[name]},
        "shown": {name: value for name, value in shown.items() if value != asked[name]},
    }


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
