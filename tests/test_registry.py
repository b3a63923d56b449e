"""One list of losses: whatever is registered is found wherever losses are offered."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from emdviz import datasets, losses
from emdviz.explorers import LossRace
from emdviz.losses import LOSSES, Loss, register
from emdviz.losses.descent import descend
from emdviz.losses.loss import COMPARED, closed_forms
from emdviz.palette import MORE_COLOURS
from emdviz.plots import style
from emdviz.training import TrainConfig, compare_losses, fit

ROOT = Path(__file__).parents[1]
CONFIG = TrainConfig(epochs=1, learning_rate=0.01, batch_size=32)
WITHOUT_TORCH = ("losses", "losses.loss", "losses.conventions", "losses.descent", "palette")


def absolute_error(num_classes, num_features, *, power=1.0):
    """|E(p) − k|^power, a loss that exists nowhere else."""
    x = torch.arange(num_classes, dtype=torch.float32)

    def mean(logits, labels):
        return (torch.abs(torch.softmax(logits, 1) @ x - labels) ** power).mean()

    return mean


@pytest.fixture
def mine():
    loss = register(Loss("MINE", absolute_error, label="|error|", unit="steps", source="here"))
    yield loss
    del LOSSES["MINE"]


@pytest.fixture(scope="module")
def faces():
    return datasets.synthetic_faces(n=120, size=32, seed=0)


@pytest.mark.slow
def test_a_registered_loss_trains_and_is_compared(mine, faces):
    from emdviz import models

    (epoch,) = fit(models.small_cnn(8), "MINE", faces, CONFIG)
    assert np.isfinite(epoch.train_loss)
    table = compare_losses(faces, ["XE", "MINE"], config=CONFIG)
    assert {*table["loss"]} == {"XE", "MINE"}
    assert "|error|" in style.table(table.set_index("loss")[["seed"]]).to_html()


@pytest.mark.slow
def test_a_registered_loss_races_in_a_colour_of_its_own(mine, faces):
    assert mine.colour in MORE_COLOURS
    race = LossRace(faces, ["XE", "MINE"], CONFIG)
    try:
        assert mine.colour in str(race.get_state())
        assert "|error|" in str(race.get_state())
    finally:
        race.close()


def test_a_registered_loss_is_listed_in_the_book(mine):
    spec = importlib.util.spec_from_file_location("book_conf", ROOT / "docs" / "book" / "conf.py")
    conf = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conf)
    lines = []
    conf.list_losses(None, "data", "emdviz.losses.loss.LOSSES", LOSSES, None, lines)
    assert "   * - ``MINE``" in lines
    of_all_classes = [loss for loss in LOSSES.values() if loss.num_outputs(7) == 7]
    assert lines.count("     - C") == len(of_all_classes) > 3


def test_a_name_is_taken_once():
    loss = Loss("XE", absolute_error)
    before = LOSSES["XE"]
    with pytest.raises(ValueError, match="the name 'XE' is taken; choose another, or pass replace"):
        register(loss)
    try:
        assert register(loss, replace=True) is LOSSES["XE"] is loss
        assert next(iter(LOSSES)) == "XE"
    finally:
        LOSSES["XE"] = before


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"name": ""}, "name must be a short name for the loss, got ''"),
        ({"make": None}, "make must be a function, got None"),
        ({"decode": 3}, "decode must be a function, got 3"),
        ({"colour": "blue"}, "colour must be such as '#0072b2', got 'blue'"),
        ({"inputs": "scores"}, "inputs must be one of .*, got 'scores'"),
    ],
)
def test_a_loss_says_what_is_wrong_with_it(arguments, text):
    with pytest.raises((TypeError, ValueError), match=text):
        Loss(**{"name": "MINE", "make": absolute_error} | arguments)


def test_the_registry_imports_neither_torch_nor_matplotlib():
    names = ", ".join(f"emdviz.{name}" for name in WITHOUT_TORCH)
    found = "[name for name in ('torch', 'matplotlib') if name in sys.modules]"
    command = [sys.executable, "-c", f"import sys, {names}; print({found})"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_every_name_handed_out_is_there_and_listed():
    for name in losses.__all__:
        home = getattr(getattr(losses, name), "__module__", "emdviz.losses.loss")
        assert home.startswith("emdviz.losses.")
    assert set(losses.__all__) <= set(dir(losses))
    with pytest.raises(AttributeError, match="has no attribute 'emd3_loss'"):
        losses.emd3_loss  # noqa: B018


def test_gradients_are_known_of_what_the_gradient_explorer_shows():
    for name in closed_forms("gradient"):
        assert descend(name, [0.5, 0.5], 0).gradients.shape == (1, 2)
    assert set(COMPARED) <= set(LOSSES)


def literals_of_python(text):
    """(line, strings) of every list, tuple, set and dict."""
    for node in ast.walk(ast.parse(text)):
        parts = getattr(node, "elts", [])
        if isinstance(node, ast.Dict):
            parts = node.keys + node.values
        yield getattr(node, "lineno", 0), {x.value for x in parts if isinstance(x, ast.Constant)}


TOKEN = re.compile(
    r"//[^\n]*|/\*.*?\*/|([\"'`])((?:\\.|(?!\1).)*)\1|([\w$]+)(?=\s*:)|[\[\]{}()]", re.DOTALL
)


def literals_of_javascript(text):
    """(line, strings and keys) of everything in one pair of brackets."""
    open_brackets = [set()]
    for token in TOKEN.finditer(text):
        if token[0] in "[{(":
            open_brackets.append(set())
        elif token[0] in "]})":
            yield text.count("\n", 0, token.start()) + 1, open_brackets.pop()
        else:
            open_brackets[-1].add(token[2] or token[3])


def literals_of_css(text):
    yield 1, set(re.findall(r"(?<=-)[A-Z]\w*", text))


READ = {".py": literals_of_python, ".js": literals_of_javascript, ".css": literals_of_css}


def second_lists(text, suffix):
    """Lines at which three or more names of losses stand in one literal."""
    return [line for line, strings in READ[suffix](text) if len(strings & set(LOSSES)) >= 3]


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ("x = 1\ny = ('XE', 'REG', 'EMD')", ".py"),
        ("x = {'XE': 1, 'REG': [2], 'EMD': 3}", ".py"),
        ("const a = { XE: 1, REG: [2], EMD: 3 };", ".js"),
        ('for (const x of ["XE", "REG", `EMD`]) f(x);', ".js"),
        (".of-XE {} .of-EMD {} .of-EMD2 {}", ".css"),
    ],
)
def test_a_second_list_of_losses_is_seen(text, suffix):
    assert second_lists(text, suffix)
    assert not second_lists(text.replace("EMD", "OTHER"), suffix)


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["emdviz", "app", "benchmarks", "devtools", "fuzz", "scripts"])
def test_no_second_list_of_losses_stands_outside_of_losses(folder):
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for suffix in READ
        for path in sorted((ROOT / folder).rglob(f"*{suffix}"))
        if "losses" not in path.parts
        for line in second_lists(path.read_text(encoding="utf-8"), suffix)
    ]
    assert found == []
