"""A bar with the time left."""

from contextlib import contextmanager


@contextmanager
def bar(total, what, progress=None, more=0, unit=" epochs"):
    """Yield a function to call at each of ``total`` steps, with any arguments.

    Where there are more steps, ``more`` at a time are added. ``progress`` says whether to show the
    bar; None does where a terminal is.
    """
    from tqdm.auto import tqdm

    hidden = None if progress is None else not progress
    with tqdm(total=total, desc=what, unit=unit, disable=hidden, leave=False) as shown:

        def step(*_):
            if more and shown.n >= shown.total:
                shown.total += more
            shown.update()

        yield step
