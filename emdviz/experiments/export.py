"""Tables as text for other programs."""

# pandas aligns the cells of a table by inline styles; a browser may load nothing else
_POLICY = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
)

_IN_LATEX = {letter: f"\\{letter}" for letter in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "×": r"$\times$",
}

# letters of labels and numbers that pdflatex does not know
_AS_MATHS = {
    "<": "$<$",
    ">": "$>$",
    "²": "$^2$",
    "±": r"$\pm$",
    "−": "$-$",
    "–": "--",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "ρ": r"$\rho$",
    "\N{NO-BREAK SPACE}": "~",
}


def to_csv(frame):
    """Return a table as CSV; text that a spreadsheet would take for a formula gets a ' before it.

    Examples
    --------
    >>> import pandas as pd
    >>> to_csv(pd.DataFrame({"loss": ["=1+1", "XE"], "test RPS": [-1.5, float("nan")]}))
    "loss,test RPS\\n'=1+1,-1.5\\nXE,\\n"
    """

    def escape(value):
        is_formula = isinstance(value, str) and value.startswith(tuple("=+-@\t\r"))
        return f"'{value}" if is_formula else value

    return frame.map(escape).rename(columns=escape).to_csv(index=False, lineterminator="\n")


def to_latex(frame, *, caption=None):
    """Return a table as LaTeX, all text escaped; an empty cell is a dash.

    Examples
    --------
    >>> import pandas as pd
    >>> "small\\\\_cnn" in to_latex(pd.DataFrame({"network": ["small_cnn"]}))
    True
    >>> "90 \\\\% \\\\& more" in to_latex(pd.DataFrame({"a": [1]}), caption="90 % & more")
    True
    """
    caption = None if caption is None else escape_latex(caption)
    options = {"escape": True, "na_rep": "--", "float_format": "%.4g"}
    text = frame.to_latex(index=False, caption=caption, **options)
    return "".join(_AS_MATHS.get(letter, letter) for letter in text)


def escape_latex(text):
    """Return a text in which no letter is a command of LaTeX."""
    return "".join(_IN_LATEX.get(letter, letter) for letter in " ".join(text.split()))


def to_html(frame):
    """Return a table as a page of HTML, all text escaped; an empty cell is a dash.

    Examples
    --------
    >>> import pandas as pd
    >>> "&lt;b&gt;" in to_html(pd.DataFrame({"error": ["<b>"]}))
    True
    """
    body = frame.to_html(index=False, escape=True, na_rep="—", float_format="%.4g", border=0)
    return f'<!doctype html>\n<meta charset="utf-8">\n{_POLICY}\n<title>emdviz</title>\n{body}\n'


WRITERS = {".csv": to_csv, ".tex": to_latex, ".html": to_html}
"""By the ending of a file's name."""
