"""What is public, and so must be fuzzed or listed here with a reason."""

import importlib
import inspect

from fuzz import of_losses, of_numbers, of_pictures, of_training

PACKAGES = (
    "datasets", "diagnosis", "exercises", "experiments", "explorers", "losses", "models", "plots",
    "training", "beliefs", "descent", "distances", "distributions", "ground_distance", "metrics",
    "propriety", "published", "style", "transport", "transport.rounding",
)  # fmt: skip
"""Where people find functions; a module without ``__all__`` offers what it defines itself."""

_RECORD = "only holds what a function returned"
_FILES = "reads files, whose fuzzing is in files.py"
_TRAITS = "told things by a front end, see traits.py; its arguments are those of its traits"
LEFT_OUT = {
    "exercises.Answer": _RECORD,
    "exercises.judge_function": "fuzzed inside judge_emd and its kin",
    "diagnosis.Diagnosis": _RECORD,
    "diagnosis.Example": _RECORD,
    "diagnosis.Finding": _RECORD,
    "datasets.aadb": _FILES,
    "datasets.adience": _FILES,
    "datasets.age_faces": _FILES,
    "datasets.image_folder": _FILES,
    "datasets.images_of_groups": _FILES,
    "datasets.retina_mnist": _FILES,
    "datasets.utkface": _FILES,
    "datasets.Split": _RECORD,
    "descent.Descent": _RECORD,
    "distances.CDFGap": _RECORD,
    "distributions.check_period": "fuzzed inside distances.circular_emd and ground_distance.circle",
    "experiments.Store": "reads files, whose fuzzing is in store.py",
    "experiments.results": "reads files, whose fuzzing is in store.py",
    "experiments.run": "trains for minutes; what it is given, a RunSpec, is fuzzed",
    "experiments.processes": "starts worker processes",
    "explorers.GradientExplorer": _TRAITS,
    "explorers.LossRace": _TRAITS,
    "explorers.PredictionExplorer": _TRAITS,
    "explorers.ProprietyExplorer": _TRAITS,
    "explorers.SinkhornExplorer": _TRAITS,
    "explorers.TrainingReplay": _TRAITS,
    "explorers.TransportExplorer": _TRAITS,
    "losses.LearnedDistance": "fuzzed inside losses.SelfGuidedEMD2Loss",
    "losses.Loss": _RECORD,
    "losses.find_loss": "called by everything that takes the name of a loss",
    "losses.register": "changes the list of losses",
    "metrics.Metric": _RECORD,
    "models.AlexNet": "made by models.make, which is fuzzed with a small network",
    "models.LeviHassner": "made by models.make, which is fuzzed with a small network",
    "models.Network": "a base class",
    "models.ResidualNetwork": "made by models.make, which is fuzzed with a small network",
    "models.VGG16": "made by models.make, which is fuzzed with a small network",
    "published.Other": _RECORD,
    "published.Published": _RECORD,
    "style.table": "styles a DataFrame for a notebook; its numbers are pandas'",
    "training.Augmentation": _RECORD,
    "training.Epoch": _RECORD,
    "training.Prediction": _RECORD,
    "training.Race": "trains in a thread; its runs are fuzzed inside training.fit",
    "training.Run": "fuzzed inside training.fit",
    "training.TrainingData": "fuzzed inside training.fit",
    "training.make_runs": "makes what training.fit is fuzzed with",
    "training.read_history": "reads files, whose fuzzing is in store.py",
    "training.compare_losses": "trains for minutes; calls fit, which is fuzzed",
    "training.quick": "returns one of its arguments",
    "transport.Potentials": _RECORD,
    "transport.rounding.Scalings": _RECORD,
}
"""Public callables that are not called with arguments at random, and why not."""


def callables():
    """Return every public callable by name: package or module, and its own."""
    found = {}
    for package in PACKAGES:
        module = importlib.import_module(f"emdviz.{package}")
        names = getattr(module, "__all__", None) or [
            name
            for name, value in vars(module).items()
            if not name.startswith("_")
            and (inspect.isfunction(value) or inspect.isclass(value))
            and value.__module__ == module.__name__
        ]
        found |= {f"{package}.{name}": getattr(module, name) for name in names}
    return {name: value for name, value in found.items() if callable(value)}


def targets():
    """Return every fuzzed function by its name."""
    parts = (of_numbers, of_losses, of_pictures, of_training)
    return {name: target for part in parts for name, target in part.TARGETS.items()}
