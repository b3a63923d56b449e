"""environment.yml, pyproject.toml, constraints.txt and what is installed must not drift apart."""

import importlib
import os
import runpy
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from emdviz._imports import MissingExtraError, homes_in, needs

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def constraints():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line.split("==") for line in lines if not line.startswith("#")]
    assert all(len(pin) == 2 for pin in pins), "constraints are plain name==version lines"
    return {canonical(name): Version(version) for name, version in pins}


def requirements(project):
    """Return what the package and its extras need, without what one extra takes from another."""
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    every = [Requirement(line) for group in groups for line in group]
    return [requirement for requirement in every if requirement.name != "emdviz"]


def canonical(name):
    return name.lower().replace("_", "-").replace(".", "-")


def test_conda_installs_this_project_and_nothing_else(project):
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, from_pip = environment["dependencies"]
    assert environment["name"] == project["name"]
    assert environment["channels"] == ["conda-forge"]
    assert python == f"python{project['requires-python']}"
    assert pip == "pip"
    assert from_pip == {"pip": ["--constraint constraints.txt", "--editable .[lab]"]}


def test_every_dependency_is_pinned_within_its_range(project, constraints):
    for requirement in requirements(project):
        version = constraints.get(canonical(requirement.name))
        assert version is not None, f"constraints.txt lacks {requirement.name}"
        assert version in requirement.specifier, f"{version} is not in {requirement}"


def test_the_oldest_environment_holds_the_lowest_version_of_every_dependency(project):
    lines = run_python("import runpy; runpy.run_path('scripts/oldest.py', run_name='__main__')")
    lowest = {pin.name: pin.specifier for pin in map(Requirement, lines.splitlines())}
    for requirement in requirements(project):
        bound = str(requirement.specifier).removeprefix(">=")
        assert str(Version(bound)) == bound, f"{requirement} has more than a lowest version"
        assert str(lowest[requirement.name]) == f"=={bound}", f"{requirement} differs by extra"


def test_scripts_tell_what_they_do_instead_of_beginning(capsys, monkeypatch):
    for path in sorted((ROOT / "scripts").glob("*.py")):
        if path.stem != "install_torch":  # which takes one word and refuses all others
            assert ".parse_args(" in path.read_text(encoding="utf-8"), path
    for name, words in (("oldest", "lowest version"), ("constraints", "installed versions")):
        path = str(ROOT / "scripts" / f"{name}.py")
        monkeypatch.setattr(sys, "argv", [path, "--help"])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(path, run_name="__main__")
        assert ended.value.code == 0
        assert words in capsys.readouterr().out


def test_an_environment_that_could_not_be_made_is_taken_away(tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python3"  # as Debian's without python3-venv
    python.write_text(
        '#!/bin/sh\n[ "$1" = -c ] || { mkdir -p .venv/bin; >.venv/bin/python; exit 1; }\n'
    )
    python.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["make", "lab"],
        cwd=tmp_path,
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "sudo apt install python3-venv" in done.stdout
    assert not (tmp_path / ".venv").exists()


def test_what_is_installed_is_what_is_pinned(constraints):
    if Path(sys.prefix) != ROOT / ".venv":
        pytest.skip("not the environment that make builds")
    for distribution in distributions():
        name = canonical(distribution.name)
        if name in ("emdviz", "pip", "setuptools"):
            continue
        installed = Version(distribution.version.partition("+")[0])
        assert constraints.get(name) == installed, f"constraints.txt and {name} {installed} differ"


def test_every_pinned_version_accepts_the_oldest_python(project, constraints):
    oldest = project["requires-python"].removeprefix(">=") + ".0"  # Debian 12 has Python 3.11.2
    for distribution in distributions():
        if constraints.get(canonical(distribution.name)) == Version(distribution.version):
            needs = distribution.metadata.get("Requires-Python") or ""
            assert oldest in SpecifierSet(needs), f"{distribution.name} needs Python {needs}"


def test_light_imports():
    code = (
        "import sys, emdviz; print([m for m in "
        "('torch', 'ipywidgets', 'anywidget', 'ot', 'matplotlib', 'pandas') if m in sys.modules])"
    )
    assert run_python(code) == "[]"


@pytest.mark.slow
def test_names_of_the_package_are_imported_when_they_are_used():
    code = (
        "import sys, emdviz\n"
        "assert set(emdviz.__all__) < set(dir(emdviz))\n"
        "assert float(emdviz.emd([1.0, 0.0], [0.0, 1.0])) == 1\n"
        "assert 'torch' not in sys.modules\n"
        "from emdviz import *\n"
        "print(all(globals()[n] is getattr(emdviz, n) for n in emdviz.__all__))"
    )
    assert run_python(code) == "True"


@pytest.mark.parametrize(
    "room",
    [
        "",
        "comparing",
        "datasets",
        "diagnosis",
        "exercises",
        "experiments",
        "models",
        "report",
        "training",
    ],
)
def test_editors_see_the_names_that_are_imported_when_used(room):
    package = importlib.import_module(f"emdviz.{room}".rstrip("."))
    homes = homes_in(package.__name__, package.__file__)
    names = {name for names in homes.values() for name in names}
    assert names == set(package.__all__) - set(getattr(package, "DATASETS", ()))
    assert set(package.__all__) <= set(dir(package))
    for home, names in homes.items():
        module = importlib.import_module(f"{package.__name__}.{home}")
        assert all(getattr(package, name) is getattr(module, name, module) for name in names)


def test_a_name_that_does_not_exist_is_an_attribute_error():
    import emdviz
    from emdviz import datasets

    with pytest.raises(AttributeError, match="no attribute 'adiance'"):
        datasets.adiance  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'wasserstien'"):
        emdviz.wasserstien  # noqa: B018


def test_a_missing_extra_says_what_to_type():
    code = (
        "import importlib, sys\n"
        "sys.modules['torch'] = None\n"
        "for name in ('emd2_loss', 'training.fit', 'models.build', 'datasets.load',\n"
        "             'diagnosis.diagnose', 'exercises.Answer', 'experiments.run'):\n"
        "    room, _, one = f'emdviz.{name}'.rpartition('.')\n"
        "    try: getattr(importlib.import_module(room), one)\n"
        "    except ImportError as error: print(error.name, error)"
    )
    assert run_python(code).splitlines() == 7 * [
        "torch torch is not installed, which this part of emdviz needs; "
        "in the folder of emdviz, type: pip install -e '.[train]'"
    ]


def test_a_mistake_of_our_own_is_no_missing_extra():
    with pytest.raises(ModuleNotFoundError, match=r"emdviz\.no_such"), needs("train"):
        importlib.import_module("emdviz.no_such")
    with pytest.raises(MissingExtraError) as caught, needs("lab"), needs("zoo"):
        importlib.import_module("no_such")
    assert caught.value.extra == "zoo"


HEAVY = (
    "torch torch._dynamo torchvision ot pandas scipy.stats sklearn seaborn matplotlib IPython "
    "ipywidgets"
)
FIGURES = {"matplotlib"}
SEABORN = {"seaborn", "pandas", "scipy.stats", "IPython", "ipywidgets"}  # with what it imports
WIDGETS = {"IPython", "ipywidgets"}
BROUGHT = {
    "import emdviz": set(),
    "from emdviz import LOSSES, emd, emd2, one_hot, cdf": set(),
    "from emdviz import datasets, exercises, experiments, explorers, models, training": set(),
    "from emdviz import beliefs, diagnosis, ground_distance, metrics, propriety": set(),
    "from emdviz import transport, published, palette, losses": set(),
    "from emdviz import plots; plots.plot_prediction([0.5, 0.5])": FIGURES,
    "from emdviz.plots import style; style.use()": FIGURES | SEABORN,
    "from emdviz import explorers; explorers.PredictionExplorer()": WIDGETS,
    "from emdviz import explorers; explorers.PredictionExplorer(show=['EMD2'])": WIDGETS,
    "from emdviz import explorers; explorers.ProprietyExplorer()": WIDGETS,
    "from emdviz import explorers; explorers.GradientExplorer()": WIDGETS,
    "from emdviz import explorers; explorers.SinkhornExplorer()": WIDGETS,
    "from emdviz import explorers; explorers.TransportExplorer": WIDGETS,
    "from emdviz import emd2_loss, losses; losses.aemd_loss": {"torch"},
    "from emdviz import datasets; datasets.load('synthetic_faces', n=8)": {"torch"},
    "from emdviz import training; training.fit": {"torch"},
    "from emdviz import datasets, training\n"
    "data = datasets.load('synthetic_faces', n=20, size=32)\n"
    "list(training.Run('small_cnn', 'EMD2', data, training.TrainConfig(epochs=1, device='cpu')))": {
        "torch"
    },
}
"""What a program types -> the heavy modules that this brings in."""


@pytest.mark.slow
@pytest.mark.parametrize("code", BROUGHT)
def test_nothing_is_imported_before_it_is_used(code):
    told = f"print(*sorted(name for name in {HEAVY.split()} if name in sys.modules))"
    assert set(run_python(f"import sys\n{code}\n{told}").split()) == BROUGHT[code]


@pytest.mark.slow
def test_training_waits_with_everything_but_torch_and_numpy():
    code = (
        "import sys\n"
        "for m in ('torchvision', 'pandas', 'ipywidgets', 'anywidget', 'ot', 'matplotlib',\n"
        "          'sklearn', 'scipy', 'array_api_compat', 'tqdm', 'traitlets'):\n"
        "    sys.modules[m] = None\n"
        "import emdviz.losses, emdviz.models, emdviz.training, emdviz.datasets\n"
        "print('fine')"
    )
    assert run_python(code) == "fine"


def run_python(code):
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_versions_agree():
    import emdviz

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == emdviz.__version__
    assert f"## {emdviz.__version__}" in (ROOT / "CHANGELOG.md").read_text()
