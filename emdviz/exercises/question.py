"""A question to answer before the result of a cell shows."""

import base64
import contextlib
import html
import sys
from pathlib import Path

import anywidget
import traitlets
from IPython import get_ipython
from IPython.display import display
from IPython.utils.capture import capture_output

from emdviz.explorers.kit.bundler import bundle
from emdviz.explorers.kit.explorer import Reopenable
from emdviz.reading import shown

_HERE = Path(__file__).parent


@contextlib.contextmanager
def predict(question, *choices):
    """Ask a question, and show what the block prints and draws once it is answered.

    The block runs at once; the browser hides its results until the reader has clicked one of the
    choices, or typed an answer where there are none. No answer is judged: the result does that.
    Errors and warnings of the block are shown at once. Outside of a notebook nothing is asked.

    Parameters
    ----------
    question : str
        What the reader predicts.
    *choices : str
        The answers to click, two or more; none lets the reader type one.

    Raises
    ------
    TypeError
        If the question or a choice is no text.
    ValueError
        If there is a single choice, or two are the same.

    Examples
    --------
    In a notebook this shows a question with two buttons:

    >>> with predict("Is 2 ** 10 more or less than a thousand?", "more", "less"):
    ...     print(2**10)
    1024
    """
    _check(question, choices)
    if get_ipython() is None:
        yield
        return
    captured = None
    try:
        with capture_output(stdout=True, stderr=False, display=True) as captured:
            yield
            _show_figures()
    except BaseException:
        if captured is not None:
            captured.show()
        raise
    display(Question(question=question, choices=list(choices), result=_to_html(captured)))


def _check(question, choices):
    for name, text in (("question", question), *(("choices", each) for each in choices)):
        if not isinstance(text, str) or not text.strip():
            raise TypeError(f"{name} must be text, got {shown(text)}")
    if len(choices) == 1:
        raise ValueError(f"choices must be two or more, or none to let type; got {choices[0]!r}")
    if len(set(choices)) < len(choices):
        raise ValueError(f"choices must differ, got {shown(choices)}")


def _show_figures():
    """Display the figures that matplotlib would show at the end of the cell."""
    if "matplotlib_inline.backend_inline" in sys.modules:
        sys.modules["matplotlib_inline.backend_inline"].flush_figures()


def _to_html(captured):
    """Return what a block printed and displayed as HTML."""
    parts = [f"<pre>{html.escape(captured.stdout)}</pre>"] if captured.stdout else []
    for output in captured.outputs:
        data = output.data
        if "text/html" in data:
            parts.append(data["text/html"])
        elif "image/svg+xml" in data:
            parts.append(data["image/svg+xml"])
        elif "image/png" in data:
            png = data["image/png"]
            png = base64.b64encode(png).decode() if isinstance(png, bytes) else png
            alt = html.escape(data.get("text/plain", ""))
            parts.append(f'<img alt="{alt}" src="data:image/png;base64,{png.strip()}">')
        else:
            parts.append(f"<pre>{html.escape(data.get('text/plain', ''))}</pre>")
    return "\n".join(parts)


class Question(Reopenable, anywidget.AnyWidget):
    """A question whose answer shows a result.

    Attributes
    ----------
    question, choices, result
        The text, the answers to click (none: one is typed), and the result as HTML.
    answer : str
        The reader's; empty before.
    """

    _esm = bundle(_HERE / "question.js")
    _css = (_HERE / "question.css").read_text(encoding="utf-8")

    question = traitlets.Unicode().tag(sync=True)
    choices = traitlets.List(traitlets.Unicode()).tag(sync=True)
    result = traitlets.Unicode().tag(sync=True)
    answer = traitlets.Unicode().tag(sync=True)

    def __repr__(self):
        return f"Question({self.question!r})"

    def set_state(self, sync_data):
        """Take the answer from a browser, and nothing else."""
        super().set_state({"answer": sync_data["answer"]} if "answer" in sync_data else {})

    def fragment(self):
        """Return what a page without a kernel shows: the result, folded under the question."""
        question, choices = html.escape(self.question), html.escape(" · ".join(self.choices))
        options = f" ({choices})" if choices else ""
        return (
            f'<details class="emdviz-question"><summary><b>Predict.</b> {question}{options}'
            f"</summary>\n{self.result}\n</details>"
        )
