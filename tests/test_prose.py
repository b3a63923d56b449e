"""What readers read: spelling, British throughout; links that lead somewhere; references."""

import ast
import functools
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import codespell_lib
import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = sorted(
    path
    for pattern in ("*.md", "data/*.md", "docs/**/*.md", "notebooks/*.ipynb", "app/*.ipynb")
    for path in ROOT.glob(pattern)
)
MODULES = sorted(
    path
    for folder in ("emdviz", "app", "benchmarks", "scripts")
    for path in ROOT.glob(f"{folder}/**/*.py")
)

CODE = re.compile(
    r"^(```|~~~).*?^\1|``.*?``|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]*\$|https?://[^\s)>\]]+|\]\([^)]*\)"
    r"|^\s*(>>>|\.\.\. ).*?$|<[a-z/][^>]*>",
    re.MULTILINE | re.DOTALL,
)
LINK = re.compile(r"(?<!\\)\]\(([^)\s]+)(?: \"[^\"]*\")?\)")
URL = re.compile(r"https?://[^\s)>\]\"'`]+")

# titles, quotations, and the names of parameters, which keep the spelling of their authors
QUOTED = re.compile(
    r"\*[A-Z][^*]{15,}\*|\"[^\"\n]+\"|^ +[\w*]+(, [\w*]+)*( : [^\n]*)?$", re.MULTILINE
)
# American spellings that are British words as well, and what torch calls its own
BOTH = {"biased", "license", "meter", "optimizer", "practice", "practices", "program", "programs"}


@functools.cache
def prose(path):
    """Return what of a file is prose, with every line where it stands in the file or its cells."""
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, as_version=4).cells
        return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    text = path.read_text(encoding="utf-8")
    return docstrings(text) if path.suffix == ".py" else text


def docstrings(source):
    lines = source.split("\n")
    kept = [""] * len(lines)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            first, last = node.lineno - 1, node.end_lineno
            if isinstance(node.value.value, str):
                kept[first:last] = lines[first:last]
    return "\n".join(kept)


def words(path):
    """Return the prose without code, formulas and addresses."""
    return without(CODE, prose(path))


def without(pattern, text):
    """Take out what a pattern finds; the line breaks stay."""
    return pattern.sub(lambda found: "\n" * found[0].count("\n"), text)


@pytest.fixture(scope="module")
def texts():
    return {path.relative_to(ROOT): words(path) for path in [*PAGES, *MODULES]}


def misspelled(texts, folder):
    """Return what codespell finds, as lines of "file:line: word ==> right word"."""
    for name, text in texts.items():
        target = folder / f"{name}.txt"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    # POT is imported as ot; things go to and fro; SORD and OLL are losses
    options = ["--builtin", "clear,rare", "--ignore-words-list", "ot,fro,sord,oll"]
    tool = [sys.executable, "-m", "codespell_lib", *options, "."]
    done = subprocess.run(tool, cwd=folder, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.splitlines()


def american():
    """Return the American spellings that codespell knows, with the British ones."""
    folder = Path(codespell_lib.__file__).parent / "data"
    lines = (folder / "dictionary_en-GB_to_en-US.txt").read_text(encoding="utf-8").split()
    pairs = (line.rstrip(",").split("->") for line in lines if "->" in line)
    return {us: gb for gb, us in pairs if "," not in us and us not in BOTH}


def not_british(texts):
    known = american()
    return [
        f"{name}:{number}: {word} ==> {known[word.lower()]}"
        for name, text in texts.items()
        for number, line in enumerate(without(QUOTED, text).split("\n"), start=1)
        for word in re.findall(r"[A-Za-z]+", line)
        if word.lower() in known
    ]


def test_spelling(texts, tmp_path):
    assert misspelled(texts, tmp_path) == []


def test_spelling_is_british(texts):
    assert not_british(texts) == []


def test_wrong_words_are_found(tmp_path):
    text = "A wrod in teh `modle`.\n```\nteh\n```\nThe COLOR is `gray`, and normalized.\n"
    text += '*The color of a title of a paper* and "the gray one"\n'
    made = tmp_path / "made.md"
    made.write_text(text)
    found = {Path("made.md"): words(made)}
    assert [line.split(" ==> ")[0] for line in misspelled(found, tmp_path / "texts")] == [
        "./made.md.txt:1: wrod",
        "./made.md.txt:1: teh",
    ]
    assert not_british(found) == [
        "made.md:5: COLOR ==> colour",
        "made.md:5: normalized ==> normalised",
    ]
    module = 'def f():\n    """Say teh word."""\n    teh = "teh"\n'
    assert docstrings(module).split("\n") == ["", '    """Say teh word."""', "", ""]


def anchors(path):
    """Return what follows # in links to the headings of a page, here and in JupyterLab."""
    headings = re.findall(r"^#+ +(.*?) *#*$", prose(path), re.MULTILINE)
    plain = [re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading) for heading in headings]
    hosted = {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in plain}
    own = set(re.findall(r"(?:id|name)=\"([^\"]+)\"", prose(path)))
    return hosted | {text.replace(" ", "-") for text in plain} | own


def broken(path):
    """Return the links of a page that lead to no file, or to no heading in it."""
    found = []
    for target in LINK.findall(prose(path)):
        if re.match(r"(https?|mailto):", target):
            continue
        name, _, anchor = target.partition("#")
        file = path.parent / unquote(name) if name else path
        if not file.exists():
            found.append(f"{path.name}: no file {target}")
        elif anchor and unquote(anchor) not in anchors(file):
            found.append(f"{path.name}: no heading {target}")
    return found


def test_links_lead_to_files_and_headings():
    # the pages of the book are put together, and checked, as it is built
    pages = [path for path in PAGES if "book" not in path.relative_to(ROOT).parts]
    assert [link for path in pages for link in broken(path)] == []


def test_broken_links_are_found(tmp_path):
    (tmp_path / "other.md").write_text("# Its head, `code`\n")
    page = tmp_path / "page.md"
    page.write_text(
        "## One\n[a](#one) [b](other.md#its-head-code) [c](#two) [d](other.md#no) ![e](gone.png)\n"
    )
    assert broken(page) == [
        "page.md: no heading #two",
        "page.md: no heading other.md#no",
        "page.md: no file gone.png",
    ]


def malformed(text):
    """Return the addresses that no browser could open."""
    return [
        url
        for url in URL.findall(text)
        if not re.fullmatch(
            r"https?://(([a-z0-9-]+\.)+[a-z]{2,}|127\.0\.0\.1|localhost)(:\d+)?(/(?!/)[^/\s]*)*",
            url.rstrip(".,;:"),
        )
    ]


def test_addresses_are_well_formed():
    found = {path.name: malformed(prose(path)) for path in [*PAGES, *MODULES]}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    wrong = ["https://example", "https://exam_ple.org/", "https://a.org//b", "http://a.b.org/c//"]
    right = ["https://a-b.org", "http://127.0.0.1:8888/lab?x=1", "https://a.org/b/c#d."]
    assert malformed(" and ".join(wrong + right)) == wrong


def wrong_references(text):
    """Return what calls itself a DOI or an arXiv number and is none."""
    dois = re.findall(r"\bdoi(?:\.org/|:\s*| )`?([^\s\"<>`]*)", text, re.IGNORECASE)
    eprints = re.findall(r"\barXiv(?::\s*|\.org/(?:abs|pdf)/| )([\w./]*\d[\w./]*)", text)
    years, months = r"(0[7-9]|[1-9]\d)", r"(0[1-9]|1[0-2])"
    return [doi for doi in dois if not re.match(r"10\.\d{4,9}/\S", doi)] + [
        number
        for number in eprints
        if not re.fullmatch(rf"{years}{months}\.\d{{4,5}}(v\d+)?", number.rstrip("."))
    ]


def test_references_are_well_formed():
    found = {path.name: wrong_references(prose(path)) for path in [*PAGES, *MODULES]}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_wrong_references_are_found():
    good = "doi:10.1080/0003.2015. arXiv 1611.05916. doi.org/10.24432/C50P49, arXiv 2103.03098v2"
    assert wrong_references(good) == []
    bad = "doi:1080/0003, arXiv 1613.05916. arXiv 161.05916 and doi.org/10.24/x"
    assert wrong_references(bad) == ["1080/0003,", "10.24/x", "1613.05916.", "161.05916"]


@pytest.mark.parametrize(("path", "following"), [*pairwise(NOTEBOOKS)], ids=lambda path: path.stem)
def test_a_notebook_leads_to_the_next(path, following):
    last = nbformat.read(path, as_version=4).cells[-1].source
    assert following.name in [urlsplit(target).path for target in LINK.findall(last)]
