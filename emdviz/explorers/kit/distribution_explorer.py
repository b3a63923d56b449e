"""The base of explorers of draggable distributions: a number and a slider for every class."""

import math
from typing import ClassVar

import ipywidgets
import traitlets

from emdviz.explorers.kit.explorer import Explorer, Panel
from emdviz.explorers.kit.traits import ClassNames, Positions, Share

ADIENCE_AGE_GROUPS = ["0-2", "4-6", "8-13", "15-20", "25-32", "38-43", "48-53", "60+"]

_FIGURE_WIDTH = 520
"""The least width of a figure with sliders beside it, in pixels, of the text of a notebook."""

SLIDER_STEPS = 100
"""Steps of a slider between 0 and 1; the browser rounds to the same grid."""


class DistributionExplorer(Explorer):
    """An explorer of some distributions over C named classes, each a trait.

    A subclass lists them in ``_lists``, trait name -> (title, colour), declares each as a
    :class:`Distribution` trait and its pins as ``pinned_<name>``, and hands them to ``__init__``,
    which takes a missing one from ``example``.
    For every class of the distribution ``p`` there is a trait ``p_0``, ``p_1``, … with the same
    probability to a hundredth, for ``jslink``; the browser keeps all of them in step.
    """

    _lists: ClassVar = {}

    classes = ClassNames().tag(sync=True)
    positions = Positions().tag(sync=True)
    _presets = traitlets.Any().tag(sync=True)  # examples: a list, or a dict by name

    def __init__(self, lists, *, classes, positions, style, example=None, **traits):
        lists = {name: example[name] if p is None else p for name, p in lists.items()}
        self.num_classes = len(next(iter(lists.values())))
        self.add_traits(
            **{
                f"{name}_{i}": Share(_on_grid(value)).tag(sync=True)
                for name, values in lists.items()
                for i, value in enumerate(values)
            }
        )
        super().__init__(
            **lists,
            **{f"pinned_{name}": [] for name in lists},
            classes=classes,
            positions=positions,
            _text_scale=self.text_scale(style),
            **traits,
        )
        self.observe(self._publish, names=list(lists))

    def sliders(self):
        """Return an ipywidgets slider for every class of every distribution.

        Sliders of the figure's other numbers come before them. All are linked in the browser, so
        they work while the kernel is busy.
        """
        dials = self._dials()
        columns = ipywidgets.Box(
            [self._slider_column(name) for name in self._lists],
            layout=ipywidgets.Layout(flex_flow="row wrap", grid_gap="0 2em"),
        )
        return ipywidgets.VBox([*dials, columns]) if dials else columns

    def _dials(self):
        """Return sliders of what is no distribution, each made by ``_dial``."""
        return []

    def panel(self):
        """Return the figure with its sliders beside it, or below it on a narrow page."""
        self.layout.flex = f"1 1 {_FIGURE_WIDTH * self._text_scale:.0f}px"
        self.layout.min_width = "0"
        room = ipywidgets.Layout(flex="0 1 18em", max_height="78vh", overflow="hidden auto")
        sliders = ipywidgets.Box([self.sliders()], layout=room)
        return Panel([self, sliders], layout=ipywidgets.Layout(flex_flow="row wrap"))

    def _dial(self, kind, trait, *, attribute="value", max_width="30em", **options):
        """Return a slider that is linked with a trait in the browser."""
        layout = ipywidgets.Layout(width="auto", max_width=max_width)
        slider = kind(**{attribute: getattr(self, trait)}, layout=layout, **options)
        ipywidgets.jslink((self, trait), (slider, attribute))
        return slider

    def _slider_column(self, name):
        title, colour = self._lists[name]
        width = f"{min(max(len(text) for text in self.classes) * 0.6 + 1, 12):.1f}em"
        looks = {"description_width": width, "handle_color": colour}
        scale = {"max": 1.0, "step": 1 / SLIDER_STEPS, "readout_format": ".2f", "style": looks}
        sliders = [
            self._dial(
                ipywidgets.FloatSlider, f"{name}_{i}", max_width=None, description=text, **scale
            )
            for i, text in enumerate(self.classes)
        ]
        rows = [ipywidgets.HTML(f"<b>{title}</b>"), *sliders]
        return ipywidgets.VBox(rows, layout=ipywidgets.Layout(flex="1 1 18em", min_width="0"))

    def _publish(self, change):
        for i, value in enumerate(change["new"]):
            self.set_trait(f"{change['name']}_{i}", _on_grid(value))


def read_classes(classes, **given):
    """Return the names of the classes and how many there are, of which all arguments agree.

    Without names they are called by their indices; if nothing at all is given, they are the
    eight age groups of Adience.

    Raises
    ------
    traitlets.TraitError
        If one is no list, two differ in length, or there are fewer than two classes.
    """
    given["classes"] = classes
    for name, values in given.items():
        if values is not None and (isinstance(values, str) or not hasattr(values, "__len__")):
            raise traitlets.TraitError(f"{name} must be a list, one item per class, got {values!r}")
    lengths = {name: len(values) for name, values in given.items() if values is not None}
    spelt = ", ".join(f"{length} in {name}" for name, length in lengths.items())
    if len(set(lengths.values())) > 1:
        raise traitlets.TraitError(f"all must have one item per class, got {spelt}")
    if not lengths:
        return ADIENCE_AGE_GROUPS, len(ADIENCE_AGE_GROUPS)
    count = next(iter(lengths.values()))
    if count < 2:
        raise traitlets.TraitError(f"there must be at least 2 classes, got {spelt}")
    return [str(i) for i in range(count)] if classes is None else classes, count


def _on_grid(value):
    return math.floor(value * SLIDER_STEPS + 0.5) / SLIDER_STEPS
