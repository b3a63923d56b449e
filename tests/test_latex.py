"""What is written as LaTeX is compiled by pdflatex, where it is installed: ``make test-latex``."""

import re
import shutil
import subprocess

import pandas as pd
import pytest

from emdviz import report
from emdviz.experiments import export, paper
from tests.reports import HOSTILE, compare, hostile_table

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("pdflatex") is None,
        reason="needs pdflatex: apt install texlive-latex-base texlive-latex-recommended",
    ),
]


def compiled(body, folder):
    """Return what pdflatex says of a document with this body."""
    document = (
        "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n"
        f"{body}\n\\end{{document}}\n"
    )
    (folder / "paper.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, said[-2000:]
    assert "Missing character" not in (folder / "paper.log").read_text(errors="replace")
    return said


def test_a_file_that_is_no_latex_is_refused(tmp_path):
    with pytest.raises(AssertionError, match="Missing \\$ inserted"):
        compiled("a_b", tmp_path)


def test_a_table_in_the_papers_layout(tmp_path):
    columns = pd.MultiIndex.from_product([["RES", "a_b×8"], ["AEM", "AEO"], paper.STATISTICS])
    rows = [[60.0, 2.0, 4] * 4, [float("nan"), float("nan"), 0] * 4]
    laid = pd.DataFrame(rows, index=["XE", "my_loss"], columns=columns)
    said = compiled(paper.to_latex(laid), tmp_path)
    assert re.search(r"Output written on paper\.pdf \(1 page", said)


def test_runs_with_hostile_names(tmp_path):
    frame = pd.DataFrame({name: [name, None] for name in HOSTILE} | {"MAE ↓ ± −": [1.0, None]})
    compiled(export.to_latex(frame, caption=HOSTILE[2]), tmp_path)


def test_the_summary_of_a_report(tmp_path):
    comparison = compare(
        hostile_table(tmp_path), tmp_path / "runs", ("XE", "EMD2"), seeds=2, epochs=1
    )
    report.write(comparison)
    compiled((tmp_path / "runs" / "summary.tex").read_text(encoding="utf-8"), tmp_path)
