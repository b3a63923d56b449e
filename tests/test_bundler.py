"""How the modules and style sheets of an explorer become one of each."""

import re

import pytest

from emdviz import explorers
from emdviz.explorers.kit.bundler import BundleError, bundle

FIGURES = [name for names in explorers.ALL.values() for name in names]


@pytest.fixture
def write(tmp_path):
    """Return a function that writes modules, name -> text, and returns the path of the first."""

    def write_(**modules):
        for name, text in modules.items():
            (tmp_path / f"{name}.js").write_text(text, encoding="utf-8")
        return tmp_path / f"{next(iter(modules))}.js"

    return write_


def test_a_module_comes_after_all_that_it_imports_and_once(write):
    first = write(
        a='import { c } from "./c.js";\nimport {\n  b,\n} from "./b.js";\nexport default b + c;\n',
        b='import { c } from "./c.js";\nexport const b = c;\n',
        c="export const c = 1;\n",
    )
    text = bundle(first)
    assert re.findall(r"^const \w+_(\w) = \(\(\) =>", text, re.MULTILINE) == ["c", "b", "a"]
    assert not re.search(r"^import ", text, re.MULTILINE)
    assert text.endswith("export default widget;")


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ('import { x } from "./z.js";', r"a\.js, line 2: there is no file .*z\.js"),
        ('import { x } from "./b.js";', r"a\.js, line 2: b\.js does not export x"),
        ('import { b as c } from "./b.js";', "line 2: these are no names: b as c"),
        ('import * as b from "./b.js";', "line 2: this form is not understood"),
        ('import { b } from "b";', r"line 2: 'b' is no path that begins with \./ or \.\./"),
        ('import { "b" } from "./b.js";', r"line 2: these are no names"),
        ('import b from "./b.js";', r"line 2: b\.js does not export default"),
        ('import b, { c } from "./b.js";', "line 2: this form is not understood: import b, { c }"),
        ('import "./b.js";', "line 2: this form is not understood"),
        ('  import { b } from "./b.js";', "line 2: import and export must stand at the beginning"),
        ('const b = await import("./b.js");', "line 2: import and export must stand"),
        ("const here = import.meta.url;", "line 2: import and export must stand"),
        ("export let b = 1;", "line 2: this form is not understood: export let b = 1;"),
        ("export const { b } = {};", "line 2: this form is not understood"),
        ('export * from "./b.js";', "line 2: this form is not understood"),
        ('export { b } from "./b.js";', "line 2: this form is not understood"),
        ("export { b };", "line 2: this form is not understood"),
        ("export class B {}", "line 2: this form is not understood"),
        ("export default function b() {}", "line 2: this form is not understood"),
        ('import { c } from "./c.js";', r"d\.js, line 1: .* each other: c\.js → d\.js → c\.js"),
    ],
)
def test_what_cannot_be_joined_is_an_error_with_file_and_line(write, statement, error):
    first = write(
        a=f"// first\n{statement}\nexport default 1;\n",
        b="export const b = 1;\n",
        c='import { a } from "./d.js";\nexport const c = 1;\n',
        d='import { c } from "./c.js";\nexport const a = 1;\n',
    )
    with pytest.raises(BundleError, match=error):
        bundle(first)


def test_a_module_cannot_import_itself(write):
    with pytest.raises(BundleError, match=r"line 1: modules import each other: a\.js → a\.js"):
        bundle(write(a='import { b } from "./a.js";\nexport default 1;\n'))


def test_two_modules_of_one_name_are_refused(write, tmp_path):
    for folder in ("kit", "other/kit"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "b.js").write_text("export const b = 1;\nexport default b;\n")
    lines = 'import { b } from "./kit/b.js";\nimport c from "./other/kit/b.js";\n'
    with pytest.raises(BundleError, match=r"a\.js, line 2: another module is called kit_b as well"):
        bundle(write(a=lines + "export default b + c;\n"))


def test_the_first_module_has_a_default_and_others_may(write):
    with pytest.raises(BundleError, match=r"a\.js: the first module must export a default"):
        bundle(write(a="export const b = 1;\n"))
    text = bundle(write(a='import c from "./b.js";\nexport default c;\n', b="export default 1;\n"))
    assert re.search(r"const \{ default: c \} = \w+_b;", text)
    first = write(a='import { b } from "./b.js";\nexport default b;\n', b="export default 1;\n")
    with pytest.raises(BundleError, match=r"b\.js does not export b"):
        bundle(first)


def test_words_in_comments_and_texts_are_no_statements(write):
    first = write(
        a="/*\nimport nothing\n*/\nconst b = `\nexport all`; // import('b')\nexport default b;"
    )
    assert "export all" in bundle(first)


@pytest.mark.parametrize("name", FIGURES)
def test_every_rule_of_a_style_sheet_lies_below_the_class_of_its_figure(name):
    figure = getattr(explorers, name)
    css = re.sub(r"/\*.*?\*/", "", figure._css, flags=re.DOTALL)
    (root,) = re.findall(r'makeWidget\(\{\s+name: "(\w+)"', figure._esm)
    assert re.match(rf"\.emdviz-{root} \{{", css)
    depth = 0
    for place, letter in enumerate(css.strip()):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth > 0 or place < css.index("{") or place == len(css.strip()) - 1
    assert depth == 0
    # names of keyframes and fonts would hold for the page
    assert not re.search(r"@(?!container\b|media\b)", css)
