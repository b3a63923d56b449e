"""AADB: photographs with aesthetic scores, cut into as many ordered classes as one likes."""

from emdviz.datasets.binning import balanced_bins  # for scores: .names(0, 1)
from emdviz.datasets.label_files import (
    check_file_name,
    matlab_numbers,
    matlab_strings,
    matlab_variables,
    text_lines,
)

MATLAB_FILE = "AADBinfo.mat"

LISTS = {
    "train": "imgListTrainRegression_score.txt",
    "test": "imgListTestNewRegression_score.txt",
    "valid": "imgListValidationRegression_score.txt",
}
"""The list file of each split; the one for validation may be missing."""


def read_matlab_scores(content, name):
    """Read ``AADBinfo.mat``.

    Parameters
    ----------
    content : bytes
    name : str
        What an error calls the file.

    Returns
    -------
    dict of str to list of (str, float)
        Names and scores of "train" and "test".

    Raises
    ------
    ValueError
        If the file is broken, or names and scores do not fit together.
    """
    variables = {"train": ("trainNameList", "trainScore"), "test": ("testNameList", "testScore")}
    wanted = [variable for pair in variables.values() for variable in pair]
    found = dict(zip(wanted, matlab_variables(content, wanted, name), strict=True))
    parts = {}
    for part, (names, scores) in variables.items():
        files = matlab_strings(found[names], f"{names} of {name}")
        values = matlab_numbers(found[scores], f"{scores} of {name}", len(files))
        parts[part] = [
            (check_file_name(file, f"{names} of {name}, cell {k}"), _score(value, file, name))
            for k, (file, value) in enumerate(zip(files, values.tolist(), strict=True), start=1)
        ]
    return parts


def read_score_list(content, name):
    """Read a list file: a file name, a space and a score on every line.

    Parameters
    ----------
    content : bytes
    name : str
        What an error calls the file.

    Returns
    -------
    list of (str, float)

    Raises
    ------
    ValueError
        If a line is something else, or a score is not from 0 to 1.
    """
    scores = []
    for number, line in text_lines(content, name):
        where = f"{name}, line {number}"
        file, _, score = line.strip().rpartition(" ")
        try:
            value = float(score)
        except ValueError:
            value = None
        if not file or value is None:
            raise ValueError(f"{where}: expected a file name, a space and a score, got {line!r}")
        scores.append((check_file_name(file.strip(), where), _score(value, file, where)))
    return scores


def _score(value, file, where):
    if not 0 <= value <= 1:
        raise ValueError(f"{where}: the score of {file} must be from 0 to 1, got {value}")
    return value
