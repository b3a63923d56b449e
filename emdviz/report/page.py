"""Puts a report together: the page, and the files beside it."""

import base64
import html
import io
import math
from dataclasses import dataclass
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader

from emdviz.comparing import Comparison
from emdviz.experiments.export import to_csv, to_latex
from emdviz.explorers import PredictionExplorer
from emdviz.explorers.kit.bundler import bundle
from emdviz.explorers.kit.explorer import as_script, lean, whole_page
from emdviz.losses.loss import look_of
from emdviz.metrics import METRICS, heading
from emdviz.palette import TRUTH, for_text, on_dark
from emdviz.reading import amount, check_is, read_path
from emdviz.report import words
from emdviz.report.figures import draw
from emdviz.report.findings import Findings
from emdviz.report.words import interval, label, listed, number, p_value
from emdviz.writing import write_whole

_HERE = Path(__file__).parent
_TEMPLATES = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    trim_blocks=True,
    finalize=words.kept_together,
)

PAGE = "report.html"

# all of the frame is in sight; a page in a frame takes the scheme of colours of its frame
_FRAME = """<style>
.emdviz-report {
  box-sizing: border-box;
  width: 100%;
  height: min(640px, 75vh);
  border: 1px solid light-dark(#c4cad0, #5a6169);
}
[data-jp-theme-light="true"] .emdviz-report { color-scheme: light; }
[data-jp-theme-light="false"] .emdviz-report { color-scheme: dark; }
</style>
"""
_MOST_CLASSES = 15  # of which a table has a row each
_COLUMNS = 8  # of a row that are shown
_THUMB = 128  # pixels
_LETTER = 7  # pixels
_PLUS_MINUS = "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Report(PathLike):
    """A report that was written; displayed in a notebook, it shows the page.

    Attributes
    ----------
    path : Path
        Of ``report.html``.
    """

    path: Path

    def __fspath__(self):
        return str(self.path)

    def _repr_html_(self):
        page = self.path.read_text(encoding="utf-8")
        # a plain #warnings would lead to the page of the notebook
        page = html.escape(page.replace('href="#warnings"', 'href="about:srcdoc#warnings"'))
        size = 'width="100%" height="540"'
        frame = f'<iframe class="emdviz-report" title="Report" {size} srcdoc="{page}"></iframe>'
        return _FRAME + frame


class Table(NamedTuple):
    """A table of the page: names of columns, and rows."""

    columns: list
    rows: list

    @property
    def is_narrow(self):
        """Whether it fits on a phone as it is."""
        cells = zip(self.columns, *(row.cells for row in self.rows), strict=True)
        parts = (words.kept_together(" ".join(map(str, column))).split(" ") for column in cells)
        return sum(max(map(len, column)) + 1.5 for column in parts) <= 42


class Row(NamedTuple):
    """Cells, and the CSS class that gives the first its colour."""

    cells: list
    ink: str = ""


def write(comparison, folder=None):
    """Write a report on a comparison of losses: a page that needs no network, and files for papers.

    Parameters
    ----------
    comparison : comparing.Comparison
        From ``comparing.compare`` or ``comparing.load``.
    folder : str or Path, optional
        Where to; that of the comparison by default. It is made where it is missing.

    Returns
    -------
    Report
        Its ``path`` is that of ``report.html``; displayed in a notebook, it shows the page.
        Beside it lie ``results.csv``, a row per run; ``summary.tex``, the means and the
        differences; and ``figures/``, the page's figures as SVG.

    Raises
    ------
    TypeError, ValueError
        If it is no comparison, or has no finished run.
    """
    check_is(
        comparison, "comparison", Comparison, "what comparing.compare or comparing.load returns"
    )
    found = Findings.of(comparison)
    folder = comparison.folder if folder is None else read_path(folder, "folder", "a folder")
    figures = draw(found)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for picture in (one for several in figures.values() for one in several):
        write_whole(folder / "figures" / f"{picture.name}.svg", picture.svg.encode())
    write_whole(folder / "results.csv", to_csv(comparison.table).encode())
    write_whole(folder / "summary.tex", _latex(found).encode())
    write_whole(folder / PAGE, _page(found, figures).encode())
    return Report(folder / PAGE)


def _page(found, figures):
    explorer, script = _explorer(found)
    facts = {
        "name": found.data.name,
        "under": _under(found),
        "answer": words.answer(found),
        "unsaid": words.unsaid(found),
        "warnings": list(words.warnings_of(found)),
        "against": label(found.baseline),
        "over": found.over,
        "repeats": words.repeats(found),
        "figures": {
            section: [
                {name: _url(getattr(one, name).encode(), "svg+xml") for name in ("svg", "dark")}
                | {"picture": one}
                for one in several
            ]
            for section, several in figures.items()
        },
        "data": _data_card(found),
        "command": found.comparison.command,
        "method": _method(found),
        "rates": _rates(found),
        "versions": _versions(found),
        "means": _means(found),
        "terms": [(m, METRICS[m].definition) for m, part in found.summary if part == "mean"],
        "differences": _differences(found),
        "caution": words.caution(found),
        "baselines": _baselines(found),
        "baselines_said": words.on_baselines(found),
        "by_class": _by_class(found),
        "classes_said": words.on_classes(found),
        "calibration": _calibration(found),
        "calibration_said": words.on_calibration(found),
        "examples": _examples(found),
        "seed": found.examples[0]["seed"] if found.examples else None,
        "voted": found.data.votes is not None,
        "choices": [(loss, label(loss)) for loss in found.losses],
        "chosen": _pair(found),
        "explorer_style": explorer and lean(explorer._css),
        "script": script,
    }
    body = _TEMPLATES.get_template("report.html").render(facts)
    style = (_HERE / "report.css").read_text(encoding="utf-8")
    return whole_page(f"{found.data.name}: a comparison of losses", body, _colours(found) + style)


def _colours(found):
    """Return rules for the colours of losses, on light paper and on dark."""
    rules = [f":root {{ --report-truth: {_both(TRUTH, on_dark(TRUTH))}; }}"]
    for k, loss in enumerate(found.losses):
        colour = look_of(loss).colour
        ink = _both(for_text(colour), for_text(colour, dark=True))
        rules.append(f".report-mark-{k} {{ fill: {_both(colour, on_dark(colour))}; }}")
        rules.append(f".report-ink-{k} {{ color: {ink}; }}")
    return "\n".join(rules) + "\n"


def _both(light, dark):
    return f"light-dark({light}, {dark})"


def _under(found):
    last = found.done["finished"].astype(str).max()[:10]
    losses = len(found.losses)
    return (
        f"A comparison of {losses} loss{'es' * (losses != 1)} on {words.repeats(found)}"
        f"{f', finished {last}' if last[:1].isdigit() else ''}."
    )


def _data_card(found):
    data, sizes = found.data, found.sizes
    shape = " × ".join(map(str, data.inputs.shape[1:])) or "1"
    what = "images" if data.has_images else "rows"
    shape += "" if data.has_images else " numbers"
    unit = f", positions in {data.unit}" if data.unit else ""
    notes = [*data.notes, *([str(data.report)] if data.report is not None else [])]
    notes += [*found.comparison.notes, f"licence: {data.licence}" if data.licence else ""]
    parts = listed(f"{size:,} {name}" for name, size in sizes.items())
    drawn = "each seed draws its own" if found.resplit else "one for all seeds"
    many = len(data.classes) > _MOST_CLASSES
    counts = data.summary()
    rows = [
        Row([name, *(f"{count:,}" for count in row)])
        for name, row in zip(counts.index, counts.itertuples(index=False), strict=True)
    ]
    return {
        "size": f"{len(data):,} {what} of {shape}; {len(data.classes)} classes in order{unit}; "
        f"split into {parts} ({drawn}).{_extremes(data) if many else ''}",
        "counts": Table(["class", *counts.columns], rows[-1:] if many else rows),
        "notes": list(dict.fromkeys(filter(None, map(str, notes)))),
    }


def _extremes(data):
    """Tell the rarest and the most frequent of many classes."""
    counts = data.summary()["all"].iloc[:-1]
    few, most = counts.idxmin(), counts.idxmax()
    return (
        f" Class {few} has the fewest rows, {counts[few]:,}, and {most} the most, {counts[most]:,}."
    )


def _method(found):
    row = found.done.iloc[0]
    seconds = found.done["seconds"].sum()
    took = f"{seconds / 60:.0f} minutes" if seconds > 100 else f"{seconds:.1f} seconds"
    device = listed(dict.fromkeys(map(str, found.done["device"])))
    tested = "and each network was tested once, at the end"
    if found.resplit:
        tested += "; rows that one split tests may be validation rows of another"
    return (
        f"Network: {words.networks(found)}, {amount(row['epochs'], 'epoch')} in batches of "
        f"{row['batch_size']}, "
        f"{row['schedule']} schedule, momentum {row['momentum']:g}, weight decay "
        f"{row['weight_decay']:g}. Every loss of a seed starts from the same weights, but for a "
        "last layer of another size, and sees the same batches. Learning rates were chosen on "
        f"validation rows, {tested}. "
        f"Training took {took} on {device}."
    )


def _rates(found):
    search, rows = found.comparison.search, []
    for k, loss in enumerate(found.losses):
        own = found.done[found.done["loss"] == loss]
        tried = (
            [] if search is None else sorted(set(search[search["loss"] == loss]["learning_rate"]))
        )
        chosen = listed(f"{rate:g}" for rate in dict.fromkeys(own["learning_rate"]))
        cells = [label(loss), chosen, ", ".join(f"{rate:g}" for rate in tried) or "–", len(own)]
        rows.append(Row([*cells, look_of(loss).source or "–"], f"report-ink-{k}"))
    return Table(["loss", "learning rate", "rates tried", "runs", "source"], rows)


def _versions(found):
    told = [listed(dict.fromkeys(map(str, found.done["versions"])))]
    for column, what in (("data", "digest of the data"), ("seed", "seeds")):
        told.append(f"{what} {', '.join(map(str, dict.fromkeys(found.done[column])))}")
    return "; ".join(told) + "."


def _means(found):
    metrics = [metric for metric, part in found.summary if part == "mean"]
    rows = []
    for k, (loss, row) in enumerate(found.summary.iterrows()):
        cells = [label(loss)]
        for metric in metrics:
            mean, low, high = (row[metric, part] for part in ("mean", "low", "high"))
            around = f"{_PLUS_MINUS}{number((high - low) / 2, metric)}" if low <= high else ""
            cells.append(f"{number(mean, metric)}{around}")
        rows.append(Row(cells, f"report-ink-{k}"))
    return Table(["loss", *map(heading, metrics)], rows)


def _differences(found):
    place = {loss: k for k, loss in enumerate(found.losses)}
    rows = [
        Row(
            [
                label(row.loss),
                heading(row.metric),
                number(row.difference, row.metric, sign=True),
                interval(row.low, row.high, row.metric, sign=True),
                p_value(row.p),
                p_value(row.p_holm),
                row.verdict,
            ],
            f"report-ink-{place[row.loss]}",
        )
        for row in found.differences.itertuples()
    ]
    names = ["loss", "metric", "difference", "95 % interval", "p", "p, adjusted", "verdict"]
    return Table(names, rows)


def _baselines(found):
    metrics = list(dict.fromkeys(m for told in found.baselines.values() for m in told))
    best, rows = found.comparison.best() if found.baselines else None, []
    for name, told in found.baselines.items():
        cells = {
            m: f"{number(mean, m)} ({interval(low, high, m, sign=True)})"
            for m, (mean, _, low, high) in told.items()
        }
        rows.append(Row([name, *(cells.get(m, "–") for m in metrics)]))
    if rows:
        means = [number(found.summary.loc[best, (m, "mean")], m) for m in metrics]
        rows.append(Row([f"network with {label(best)}", *means], _ink(found, best)))
    return Table(["model", *map(heading, metrics)], rows)


def _by_class(found):
    if len(found.classes) > _MOST_CLASSES:
        return Table([], [])
    rows = [
        Row(
            [
                name,
                f"{found.test_rows[k]:.0f}",
                *(number(v[k], "MAE") for v in found.by_class.values()),
            ]
        )
        for k, name in enumerate(found.classes)
    ]
    return Table(["class", "rows", *map(label, found.by_class)], rows)


def _calibration(found):
    rows = [
        Row(
            [
                label(loss),
                number(found.summary.loc[loss, ("ECE", "mean")], "ECE"),
                f"{np.mean(one['spreads']):.2f}",
                f"{one['coverage']:.1f} %",
                f"{one['width']:.1f}",
            ],
            _ink(found, loss),
        )
        for loss, one in found.calibration.items()
    ]
    names = ["loss", heading("ECE"), "mean spread (class steps)"]
    return Table([*names, "label inside the 90 % interval", "width (class steps)"], rows)


def _ink(found, loss):
    return f"report-ink-{found.losses.index(loss)}"


def _examples(found):
    return [
        {
            "name": _called(found.data, one["index"]),
            "label": found.classes[one["label"]],
            **_input(found.data, one["index"]),
            "charts": [_chart(found, one, loss) for loss in found.losses],
        }
        for one in found.examples
    ]


def _input(data, index):
    """Return a view of an input: a picture, or the first columns of a row."""
    if data.has_images:
        return {"image": _thumb(data.inputs[index].numpy())}
    if data.frame is not None:
        row = data.frame.iloc[index]
    elif data.features is not None:
        row = dict(zip(data.features, data.inputs[index].tolist(), strict=True))
    else:
        return {}
    values = [(name, _spelt(value)) for name, value in row.items()]
    return {"row": values[:_COLUMNS], "more": max(0, len(values) - _COLUMNS)}


def _spelt(value):
    return f"{value:.6g}" if isinstance(value, Real) else str(value)


def _called(data, index):
    """Return the name of an input: the line of its file, or its number from 1."""
    if data.frame is None:
        return f"{'Image' if data.has_images else 'Row'} {index + 1:,}"
    return f"{data.frame.index.name or 'Line'} {data.frame.index[index]}"


def _thumb(image):
    """Return an image, uint8 or uint16 of shape (1 or 3, H, W), as a data URL of a small PNG."""
    from PIL import Image

    if image.dtype == np.uint16:
        image = (image // 257).astype(np.uint8)
    pixels = np.moveaxis(image, 0, 2)
    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    picture.thumbnail((_THUMB, _THUMB))
    file = io.BytesIO()
    picture.save(file, format="png")
    return _url(file.getvalue(), "png")


def _chart(found, example, loss):
    p, data = example["beliefs"][loss], found.data
    k, count = found.losses.index(loss), len(found.classes)
    votes = None if data.votes is None else data.votes[example["index"]].numpy()
    step = 140 / count
    # every so many classes have their name
    every = math.ceil((max(map(len, found.classes)) + 0.6) * _LETTER / step)
    shown = range(0, count if every == 1 or 2 * every <= count else 0, every)
    best = int(np.argmax(p))
    certain = "" if loss in found.distributional else ", no distribution"
    bars = [
        {
            "x": round(step * (i + 0.1), 2),
            "width": round(step * 0.8, 2),
            "y": round(50 - 48 * p[i], 2),
            "height": round(48 * p[i], 2),
            "true": i == example["label"],
            "votes": None if votes is None else round(50 - 48 * float(votes[i]), 2),
            "name": name if i in shown else "",
        }
        for i, name in enumerate(found.classes)
    ]
    told = ", ".join(f"{name} {share:.2f}" for name, share in zip(found.classes, p, strict=True))
    return {
        "label": label(loss),
        "ink": f"report-ink-{k}",
        "mark": f"report-mark-{k}",
        "said": found.classes[best] + (certain or f" ({100 * p[best]:.0f} %)"),
        "alt": f"{label(loss)} predicts {told}",
        "width": 140,
        "bars": bars,
    }


def _pair(found):
    """Return the two losses that the figure shows at first."""
    ahead = [loss for loss in (found.comparison.best(), *found.losses) if loss != found.baseline]
    kept = [loss for loss in ahead if loss in found.distributional] or ahead
    return found.baseline, kept[0] if kept else found.baseline


def _explorer(found):
    """Return the figure of the first example, and the script that lets the others open it."""
    if not found.examples:
        return None, ""
    examples, (first, second) = found.examples, _pair(found)
    beliefs = [
        {loss: p.tolist() for loss, p in one["beliefs"].items()} | {"": one["label"]}
        for one in examples
    ]
    explorer = PredictionExplorer(
        beliefs[0][first],
        beliefs[0][second],
        target=examples[0]["label"],
        classes=found.classes,
        positions=found.data.positions,
        equal_xe=False,
    )
    shown = [
        {"name": _called(found.data, one["index"]), "target": one["label"], "beliefs": told}
        for one, told in zip(examples, beliefs, strict=True)
    ]
    code = bundle(_HERE / "report.js", "report").rpartition("export default")[0]
    facts = as_script({"values": explorer.page_state(), "examples": shown})
    return explorer, f"{lean(code)}\nreport({facts});"


def _url(data, kind):
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _latex(found):
    import pandas as pd

    means = f"{found.data.name}: means over {words.repeats(found)}, with 95 % intervals."
    against = f"{found.data.name}: differences to {label(found.baseline)}."
    tables = {
        caption: pd.DataFrame([row.cells for row in table.rows], columns=table.columns)
        for caption, table in {means: _means(found), against: _differences(found)}.items()
    }
    return "\n".join(to_latex(t, caption=caption) for caption, t in tables.items() if len(t))
