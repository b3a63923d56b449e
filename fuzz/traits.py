"""Messages that a broken or malicious browser could send to an explorer.

The explorer accepts each, or raises a TraitError and keeps its state. Its state can be sent, and
its properties answer.
"""

import copy
import json
import random

import traitlets

from emdviz import datasets, explorers, models, training
from fuzz.verdict import Fault, call, shorten, unexpected

_NAMES = ["<script>alert(1)</script>", "a", "b"]
_WALK = {"steps": 3, "p": [0.25, 0.25, 0.5], "target": 0}
_QUIET = {"comm", "keys", "widgets", "log", "cross_validation_lock", "model_id", "epochs"}
FIGURE_INTERVAL = 200
"""How many messages lie between two figures, which take long to draw."""


def widgets():
    """Return an explorer of every kind by name: the public widgets."""
    faces = datasets.load("synthetic_faces", n=64, size=32)
    config = training.TrainConfig(epochs=1, batch_size=32, device="cpu")
    done = list(training.fit(models.small_cnn(8), "EMD2", faces, config))
    needed = {"TrainingReplay": ({"EMD2": done}, faces), "LossRace": (faces, ["EMD2"], config)}
    made = {
        name: getattr(explorers, name)(*needed[name])
        if name in needed
        else getattr(explorers, name)([0.2, 0.5, 0.3], classes=_NAMES)
        for names in explorers.ALL.values()
        for name in names
        if name != "ZooExplorer"
    }
    # of five classes; best answers to a new t take a second for each loss
    return made | {"ZooExplorer": explorers.ZooExplorer(show=["XE", "EMD2", "SORD", "CORN"])}


def properties(explorer):
    """Return the names of what an explorer computes from its state."""
    return [
        name
        for kind in type(explorer).__mro__
        if kind.__module__.startswith("emdviz")
        for name, value in vars(kind).items()
        if isinstance(value, property) and name not in _QUIET
    ]


def junk(rng, depth=0):
    """Return a random value of JSON, as Python reads it."""
    kind = rng.randrange(14 if depth < 3 else 11)
    if kind == 11:
        return [junk(rng, depth + 1) for _ in range(rng.randrange(5))]
    if kind == 12:
        return {rng.choice(_WORDS): junk(rng, depth + 1) for _ in range(rng.randrange(4))}
    if kind == 13:
        return [rng.random() for _ in range(3)]
    return [
        None,
        True,
        False,
        rng.randrange(-3, 9),
        rng.random(),
        -rng.random(),
        10.0 ** rng.randrange(-320, 308),
        float("nan"),
        float("inf"),
        rng.choice(_WORDS),
        2 ** rng.randrange(80),
    ][kind]


_WORDS = [
    "",
    "p",
    "q",
    "t",
    "steps",
    "target",
    "question",
    "cost",
    "XE",
    "EMD2",
    "AEM",
    "float32",
    "plain",
    "<img src=x onerror=alert(1)>",
    "\x00",
    "é" * 50,
    "__class__",
    "constructor",
    "1",
    "a" * 5000,
    "start ",
    "IPY_MODEL_x",
    "IPY_MODEL_",
]


def message(explorer, rng):
    """Return a state as a browser could send it: random, or the present one with a part changed."""
    names = [name for name in explorer.keys if name not in ("layout", "_view_count")]
    state = {}
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        name = rng.choice(names) if rng.random() < 0.9 else rng.choice(_WORDS)
        value = junk(rng)
        if name in explorer.keys and rng.random() < 0.6:
            now = getattr(explorer, name)
            value = _changed(copy.deepcopy(_WALK if name == "_walk" else now), rng)
        state[name] = value
    return state


def _changed(value, rng):
    """Change one part of what JSON holds."""
    if isinstance(value, list) and value:
        place = rng.randrange(len(value))
        how = rng.randrange(6)
        if how == 0:
            del value[place]
        elif how == 1:
            value.append(junk(rng))
        elif how == 2:
            rng.shuffle(value)
        elif how == 3:
            value[place] = _changed(value[place], rng)
        elif how == 4 and all(isinstance(x, float) for x in value):
            other = [rng.random() ** 4 for _ in value]
            value = [x / sum(other) for x in other]
        else:
            value[place] = junk(rng)
        return value
    if isinstance(value, dict) and value:
        name = rng.choice(list(value))
        if rng.random() < 0.3:
            del value[name]
        else:
            value[name] = _changed(value[name], rng)
        return value
    if isinstance(value, float) and rng.random() < 0.5:
        return value * rng.choice([-1, 0.5, 2, 1e300])
    if isinstance(value, int) and rng.random() < 0.5:
        return value + rng.choice([-1, 1, 10**9])
    return junk(rng)


def send(explorer, state, rng):
    """Send a state or a custom message; raise a Fault for a wrong response."""
    before = json.dumps(explorer.get_state(), sort_keys=True)
    try:
        how = rng.randrange(10)
        if how == 0:
            call(explorer._handle_custom_msg, junk(rng), [])
        else:
            call(explorer.set_state, copy.deepcopy(state))
    except traitlets.TraitError:
        after = json.dumps(explorer.get_state(), sort_keys=True)
        if after != before:
            raise Fault(f"refused, but changed: {_differences(before, after)}") from None
    except Fault:
        raise
    except Exception as error:
        raise unexpected(error) from error


def _differences(before, after):
    a, b = json.loads(before), json.loads(after)
    names = [name for name in a if json.dumps(a[name]) != json.dumps(b.get(name))]
    return shorten({name: (a[name], b.get(name)) for name in names})


def check(explorer, figure=False):
    """Raise a Fault unless the state can be sent and every property answers."""
    try:
        json.dumps(explorer.get_state(), allow_nan=False)
    except ValueError as error:
        raise Fault(f"a state that no browser can read: {error}") from error
    try:
        for name in properties(explorer):
            call(getattr, explorer, name)
        if figure:
            call(explorer.figure)
            call(explorer.fragment)
    except Exception as error:
        raise unexpected(error) from error


def try_traits(most, number=0, make=widgets):
    """Send so many messages to all explorers in turn.

    Returns
    -------
    (int, list of str)
        How many were sent, and the faults.
    """
    rng = random.Random(number)
    every, faults = make(), {}
    for turn in range(most):
        name = list(every)[turn % len(every)]
        explorer = every[name]
        state = message(explorer, rng)
        try:
            send(explorer, state, rng)
            check(explorer, figure=turn % FIGURE_INTERVAL < len(every))
        except Fault as fault:
            key = f"{name}: {shorten(fault, 160)}"
            faults.setdefault(key, f"{key} after {shorten(state, 400)}")
            every[name] = make()[name] if len(faults) < 60 else explorer
    return most, list(faults.values())
