"""The folder of a comparison, and the settings with which it was begun."""

import json
from contextlib import contextmanager
from pathlib import Path

from emdviz.experiments.claims import Claim
from emdviz.reading import typed
from emdviz.training.provenance import digest_data
from emdviz.writing import write_whole

FACTS = "comparison.json"
"""The name of the file that tells all but the runs themselves."""

RUNS = "runs"
"""The folder of the runs, in that of the comparison."""

FORMAT = "emdviz comparison 1"


def read_facts(folder):
    """Return what ``comparison.json`` holds, or say why it cannot be read."""
    path = Path(folder) / FACTS
    if not path.is_file():
        is_store = any(Path(folder).glob("*/result.json"))
        advice = "make one with: python -m emdviz compare FILE --label COLUMN"
        if is_store:
            advice = "a run of a store predicts in Python: experiments.load(store, id).predict(…)"
        raise FileNotFoundError(
            f"folder must be that of a comparison, found no {FACTS} in {folder}; {advice}"
        )
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts["format"] != FORMAT:
            raise ValueError(f"it has the format {facts['format']!r}")
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} cannot be read ({error}); delete it, and compare again") from None
    return facts


def read_finished(folder):
    """Return the same of a comparison that was finished, or say what to type."""
    facts = read_facts(folder)
    if "table" not in facts:
        raise FileNotFoundError(
            f"the comparison in {folder} is not finished; go on with: {facts['command']}"
        )
    return facts


def write_facts(folder, facts):
    """Write ``comparison.json`` whole."""
    facts = {"format": FORMAT} | facts
    text = json.dumps(facts, indent=1, ensure_ascii=False, default=lambda time: time.isoformat())
    write_whole(Path(folder) / FACTS, text.encode())


def describe_data(data):
    """Return the facts that distinguish a data set from others."""
    return {
        "name": data.name,
        "digest": digest_data(data),
        "rows": len(data),
        "classes": list(data.classes),
        "unit": data.unit,
    }


def ranges_of(data):
    """Return the least and the greatest of each input where these are plain numbers, or None."""
    if data.inputs.ndim != 2 or data.preparation is not None:
        return None
    low, high = data.inputs.amin(dim=0), data.inputs.amax(dim=0)
    return {"low": low.tolist(), "high": high.tolist()}


def check_data(folder, kept, data):
    """Refuse data that are not those with which a comparison was begun."""
    now = describe_data(data)
    if now["digest"] == kept["digest"]:
        return
    if now["classes"] != kept["classes"]:
        what = f"classes {now['classes']} now, {kept['classes']} then"
    elif now["rows"] != kept["rows"]:
        what = f"{now['rows']} rows now, {kept['rows']} then"
    else:
        what = "other values now"
    raise ValueError(
        f"the data have changed since the comparison in {folder} was begun ({what}); runs on "
        "both must not be mixed: choose another folder, or delete this one"
    )


def is_new(folder):
    """Return whether a folder is not there, or holds nothing but claims of programs."""
    if not folder.exists():
        return True
    return folder.is_dir() and all(path.name.startswith("claim.") for path in folder.iterdir())


@contextmanager
def claimed(folder):
    """Keep other programs from the folder of a comparison inside the block."""
    claim = Claim(folder)
    if not claim.take():
        raise ValueError(
            f"another program compares in {folder} at this moment; wait for its end, or choose "
            f"another folder: {typed('folder', f'{folder}-2')}"
        )
    try:
        yield
    finally:
        claim.release()


def check_begun(folder, begun, data):
    """Refuse to go on with a comparison that was begun with other data, or otherwise."""
    if not folder.is_dir():
        raise ValueError(f"folder must be a folder, {folder} is a file; choose another")
    if not (folder / FACTS).exists():
        raise ValueError(
            f"folder must be new, empty, or that of a comparison, and {folder} holds something "
            "else; choose another"
        )
    kept = read_facts(folder)
    check_data(folder, kept["data"], data)
    before, now = ({"resplit": True, **one["config"], **one} for one in (kept, begun))
    for name in ("network", "backbone", "resplit", "splits", *begun["config"]):
        if before.get(name) != now[name]:
            raise ValueError(
                f"the comparison in {folder} was begun with {name} {before.get(name)}, not "
                f"{now[name]}: choose another folder, or delete this one"
            )
    for name, code in begun["own losses"].items():
        if kept["own losses"].get(name, code) != code:
            raise ValueError(
                f"the code of the loss {name} has changed since the comparison in {folder} was "
                "begun: choose another folder, or delete this one"
            )


def to_rows(table):
    """Return a table as a list of dicts; missing values are None."""
    return table.astype(object).where(table.notna(), None).to_dict("records")
