"""Runs one notebook: reads the job from standard input, writes results to standard output.

Run as a file, so that nothing is imported that the notebook does not need. Before any cell runs,
standard output is replaced: what cells print or show is discarded. Every message carries a key
that only this process and the one that started it know.
"""

import contextlib
import json
import os
import sys
import types


def main():
    """Read the job, run the course's cells, the student's, then the checks; tell each."""
    job = json.loads(sys.stdin.buffer.read())
    channel = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)

    def tell(**message):
        line = json.dumps({"key": job["key"], **message}) + "\n"
        os.write(channel, line.encode())

    limit_memory(job["memory"])
    try:
        run(job, tell)
    finally:
        os._exit(0)  # threads that a cell began must not keep the process


def limit_memory(gigabytes):
    """Limit what this process and those it starts may take, and the size of a file."""
    try:
        import resource
    except ImportError:  # Windows
        return
    largest = int(gigabytes * 2**30)
    for name, value in (("RLIMIT_DATA", largest), ("RLIMIT_FSIZE", 2**30), ("RLIMIT_CORE", 0)):
        with contextlib.suppress(ValueError, OSError):  # macOS has limits that it does not keep
            resource.setrlimit(getattr(resource, name), (value, value))


def run(job, tell):
    """Run a job, telling before and after each cell and check."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    ours = shell.user_module
    for source in job["course"]:
        error = failure(shell.run_cell(source))
        if error:
            tell(did="course", error=error)
            return
    theirs = types.ModuleType("__main__")
    theirs.__dict__.update(ours.__dict__)
    tell(did="course", error="")
    kept = keep()
    enter(shell, theirs)
    for index, source in job["cells"]:
        tell(did="begin", cell=index)
        tell(did="cell", cell=index, error=failure(shell.run_cell(source)))
    for index, (name, check) in job["checks"]:
        tell(did="begin", check=index)
        result, note = judge(shell, ours, name, theirs.__dict__.get(name, ...), check, kept)
        tell(did="check", check=index, result=result, note=note)
    tell(did="end")


def enter(shell, module):
    """Make a module the namespace of the cells that follow."""
    shell.user_module, shell.user_ns = module, module.__dict__


def keep():
    """Return the names of every module of emdviz, all judges among them, to put them back."""
    from emdviz import exercises

    for name in exercises.__all__:
        getattr(exercises, name)  # imported when first used
    modules = [m for name, m in sys.modules.items() if name.partition(".")[0] == "emdviz"]
    return [(module, dict(vars(module))) for module in modules]


def judge(shell, ours, name, answer, check, kept):
    """Run a check of the course's among the course's own names, and return result and note."""
    if answer is ...:
        return "not answered", ""
    for module, names in kept:
        here = vars(module)
        for added in [n for n in here if n not in names and type(here[n]) is not types.ModuleType]:
            del here[added]
        here.update(names)
    enter(shell, ours)
    shown = []
    ours.__dict__.update({name: answer, "display": lambda *objects, **_: shown.extend(objects)})
    done = shell.run_cell(check)
    error = done.error_before_exec or done.error_in_exec
    if isinstance(error, AssertionError):
        return "wrong", str(error)
    if error is not None:
        return "failed", f"the check could not use it: {failure(done)}"
    judged = [one for one in (*shown, done.result) if hasattr(one, "correct")]
    if not judged:
        return "right", ""
    last = judged[-1]
    if last.correct is None:
        return "not answered", ""
    if getattr(last, "is_solution", False):
        return "solution shown", ""
    return ("right", "") if last.correct else ("wrong", str(last.hint))


def failure(done):
    """Return what ended a cell, in words, or ""."""
    error = done.error_before_exec or done.error_in_exec
    return "" if error is None else f"{type(error).__name__}: {error}"[:300].rstrip(": ")


if __name__ == "__main__":
    main()
