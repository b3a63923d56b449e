"""What the cards of data sets say is true: their calls, names and layouts."""

import ast
import inspect
import re
from pathlib import Path

import pytest
from PIL import Image

from emdviz import datasets
from emdviz.datasets.readers import group_faces
from emdviz.datasets.sets import aadb, adience, images_of_groups
from emdviz.datasets.sets.age_faces import PATTERNS
from emdviz.datasets.sets.retina_mnist import FILES
from emdviz.datasets.sets.synthetic_faces import draw_labels

PAGE = (Path(__file__).parents[1] / "data" / "README.md").read_text(encoding="utf-8")
NAMES = sorted(datasets.DATASETS)


def card(name):
    """The part of the page about one data set, or else its docstring."""
    found = re.search(rf"^## {name}\b.*?(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return found[0] if found else inspect.getdoc(datasets.DATASETS[name])


def blocks(text, language=""):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [content for name, content in found if name == language]


def calls(text):
    """Name and arguments of every datasets.load in the code of the page."""
    for block in blocks(text, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "datasets.load":
                given = {word.arg: ast.literal_eval(word.value) for word in node.keywords}
                yield node.args[0].value, given


@pytest.mark.parametrize("name", [name for name in NAMES if f"\n## {name}" in PAGE])
def test_cards_of_the_page_have_calls_that_fit(name):
    found = list(calls(card(name)))
    assert found
    for called, arguments in found:
        assert called == name
        signature = inspect.signature(datasets.DATASETS[name])
        signature.bind(**arguments)
        root = signature.parameters.get("root")
        if root is not None and isinstance(root.default, str) and "root" in arguments:
            assert arguments["root"] == root.default == f"data/{name}"


def test_the_best_guesses_of_drawn_faces_are_as_often_right_as_the_card_says():
    rows = re.findall(r"^\| (?:`(\w+)=(\d.*?)`|\(none\)) \|.*\| (\d+) % \|$", PAGE, re.MULTILINE)
    assert [name for name, *_ in rows] == ["", "imbalance", "label_noise", "ambiguity"]
    for name, value, percent in rows:
        options = {name: float(value)} if name else {}
        _, truth, labels = draw_labels(40_000, seed=3, **options)
        assert 100 * truth.max(axis=1).mean() == pytest.approx(int(percent), abs=0.8)
        assert 100 * (truth.argmax(axis=1) == labels).mean() == pytest.approx(int(percent), abs=1.2)


@pytest.mark.parametrize("name", NAMES)
def test_every_card_names_terms_and_faults(name):
    words = " ".join(card(name).split())
    assert "Terms" in words
    assert re.search("Known (faults|limits)|Refused", words)
    on_page = f"\n## {name}" in PAGE
    assert (f"](#{name}" in PAGE) == on_page  # linked from the table


def test_data_sets_that_have_to_be_fetched_have_their_card_on_the_page():
    for name, function in datasets.DATASETS.items():
        if "root" in inspect.signature(function).parameters:
            assert f"\n## {name}" in PAGE, name


@pytest.mark.parametrize("name", ["utkface", "all_age_faces", "fgnet"])
def test_the_names_of_faces_are_those_that_are_read(name):
    text = card("utkface" if name == "utkface" else "age_faces")
    paths = [line for block in blocks(text) for line in block.split("\n")]
    files = [path.rpartition("/")[2] for path in paths if path.startswith(f"data/{name}/")]
    files = [file for file in files if not file.endswith(".zip")]
    assert len(files) == 2
    for file in files:
        assert PATTERNS[name].expression.match(file)


def test_the_files_of_retina_mnist_are_those_that_are_read():
    (listed,) = blocks(card("retina_mnist"))
    assert listed.split() == [f"data/retina_mnist/{name}" for name, _ in FILES.values()]


def test_cards_name_the_files_that_are_looked_for():
    folds = [f"fold_{fold}_data.txt" for fold in range(adience.FOLDS)]
    images = [f"adience/{folder}/<user_id>/{start}." for folder, start in adience.IMAGES.items()]
    years = ", ".join(map(str, list(group_faces.AGE_CLASSES)[:-1]))
    for name, words in {
        "adience": folds + images + list(adience.POLICIES),
        "aadb": [*aadb.LISTS.values(), aadb.MATLAB_FILE],
        "images_of_groups": [images_of_groups.LABEL_FILE, *group_faces.LISTS, years],
    }.items():
        missing = [word for word in words if word not in card(name)]
        assert not missing


def test_the_first_example_runs():
    names = {}
    exec(blocks(PAGE, "python")[0], names)
    assert len(names["data"]) == 1797


def test_images_laid_out_as_the_page_says_are_read(tmp_path):
    by_class, by_split, table = blocks(card("image_folder"))
    calls_of_page = [arguments | {"cache": False} for _, arguments in calls(card("image_folder"))]
    plain, ordered, listed, _ = calls_of_page
    for number, (layout, arguments, classes) in enumerate(
        [
            (by_class, ordered, ["low", "middle", "high"]),
            (by_split, plain, ["low", "high"]),
            (table, listed, ["low", "high"]),
        ]
    ):
        root = tmp_path / str(number) / "data" / "mine"
        if layout is table:
            root.mkdir(parents=True)
            (root / arguments["labels"]).write_text(table, encoding="utf-8")
            paths = [f"data/mine/{line.split(',')[0]}" for line in table.split()[1:]]
        else:
            paths = layout.split()
        for path in paths:
            file = tmp_path / str(number) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (20, 20)).save(file)
        data = datasets.load("image_folder", **(arguments | {"root": root}))
        assert len(data) == len(paths)
        assert data.classes == classes


WHERE_FROM = {
    "aadb": ("AADBinfo.mat", "warp256", "data/aadb/", "github"),
    "adience": (
        "talhassner", "fold_0_data.txt", "data/adience/",
        "aligned/<user_id>/landmark_aligned_face.<face_id>.<original_image>",
    ),
    "images_of_groups": (
        "non-commercial", "data/images_of_groups/", "ImagesOfGroups.html", "PersonData.txt"
    ),
    "utkface": ("non-commercial", "data/utkface/", "[age]_"),
}  # fmt: skip


@pytest.mark.parametrize("name", WHERE_FROM)
def test_a_missing_root_says_what_to_get_and_where_to_put_it(name, tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        datasets.load(name, root=tmp_path / "nowhere")
    for part in ("nowhere", "never downloaded", *WHERE_FROM[name]):
        assert part in str(caught.value)
