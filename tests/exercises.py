"""The exercises of a notebook, and wrong answers to them."""

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

import nbformat

WRONG_ANSWERS = Path(__file__).parent / "wrong_answers"


class Exercise(NamedTuple):
    name: str
    solution: nbformat.NotebookNode
    check: str


class WrongAnswer(NamedTuple):
    source: str
    hint: str


def is_solution(cell):
    return "solution" in cell.metadata.get("tags", [])


def exercises(notebook):
    """Return the exercises with a check: a cell to fill, its solution, a word, the check."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    found = []
    for cell, solution, check in zip(code, code[1:], code[2:], strict=False):
        if is_solution(solution):
            name = re.match(r"(\w+) = \.\.\.", cell.source)
            assert name, f"before a solution the reader finds `name = ...`, not {cell.source!r}"
            found.append(Exercise(name[1], solution, check.source))
    return found


def wrong_answers(path):
    """Return {name of an exercise: [WrongAnswer, …]} for a notebook.

    At their end stand right answers that differ from the solution; their hint is a check mark.
    """
    with open(WRONG_ANSWERS / f"{path.stem[:2]}.toml", "rb") as file:
        table = tomllib.load(file)["exercise"]
    return {
        e["name"]: [WrongAnswer(**wrong) for wrong in e["wrong"]]
        + [WrongAnswer(right["source"], "✓") for right in e.get("right", ())]
        for e in table
    }


def trials(exercise, wrong):
    """Return cells that leave the exercise unanswered, then try each wrong answer.

    The solution runs after a wrong answer, as it does with Run All: the reader's answer stands.
    """
    answers = [f"{exercise.name} = ..."]
    answers += [f"{answer.source}\n\n{exercise.solution.source}" for answer in wrong]
    return [nbformat.v4.new_code_cell(f"{answer}\n\n{exercise.check}") for answer in answers]


def said(cell):
    """Return all that a cell shows, as text."""
    texts = []
    for output in cell.outputs:
        if output.output_type == "error":
            texts.append(f"{output.ename}: {output.evalue}")
        else:
            texts.append(output.get("text", output.get("data", {}).get("text/plain", "")))
    return "\n".join(texts)
