"""Train five losses side by side on drawn faces, and keep what the site shows of it.

    python scripts/record_race.py

writes emdviz/site/race.json: after every epoch the metrics on the validation faces, and what each
network believes of eight of them. One run of each loss, with the learning rates of docs/RESULTS.md.
The site shows it without torch, as a replay.
"""

import argparse
import json
from pathlib import Path

import torch

import emdviz
from emdviz import datasets, models, training
from emdviz.explorers import TrainingReplay
from emdviz.losses.loss import closed_forms

ROOT = Path(__file__).parents[1]
OUT = ROOT / "emdviz" / "site" / "race.json"
RATES = {name: 0.01 if name == "REG" else 10**-1.5 for name in closed_forms("gradient")}
FACES, SIZE, EPOCHS, SEED = 3000, 32, 8, 0
WATCHED = 8
METRICS = ("AEM", "AEO", "MAE", "RPS", "QWK", "EMD² to truth")
DIGITS = 3


def watched(faces):
    """Return a face for validation of each class, as indices: the one people agree on least."""
    valid = faces.split("valid")
    doubt = (valid.true_distribution * (1 - valid.true_distribution)).sum(1)
    chosen = []
    for label in range(WATCHED):
        own = torch.nonzero(valid.labels == label).flatten()
        chosen.append(int(own[doubt[own].argmax()]))
    return chosen


def train(faces, probe):
    """Return the epochs of each loss, from the same first weights."""
    epochs = {}
    for loss, rate in RATES.items():
        torch.manual_seed(SEED)
        model = models.small_cnn(1 if loss == "REG" else len(faces.classes))
        config = training.TrainConfig(epochs=EPOCHS, learning_rate=rate, seed=SEED, device="cpu")
        epochs[loss] = list(training.fit(model, loss, faces, config, probe=probe))
        print(loss, epochs[loss][-1].metrics)
    return epochs


def facts_of(epoch):
    """Return an epoch as it is kept: fewer metrics, and fewer digits of what is believed."""
    p = epoch["belief"]["p"]
    return {
        "metrics": {name: epoch["metrics"].get(name) for name in METRICS},
        "belief": {
            "classes": epoch["belief"]["classes"],
            "p": p and [[round(value, DIGITS) for value in row] for row in p],
        },
    }


def main():
    faces = datasets.load("synthetic_faces", n=FACES, size=SIZE)
    chosen = watched(faces)
    probe = faces.split("valid").inputs[chosen]
    replay = TrainingReplay(train(faces, probe), faces, images=chosen)
    truth = replay._setup["probe"]["truth"]
    kept = {
        "made_by": "python scripts/record_race.py",
        "about": f"{FACES} drawn faces of {SIZE} px, {EPOCHS} epochs, one run (seed {SEED}) of "
        "each loss: small_cnn, batches of 128, momentum 0.9, half-cosine schedule",
        "learning_rates": {loss: round(rate, 5) for loss, rate in RATES.items()},
        "versions": {"emdviz": emdviz.__version__, "torch": torch.__version__},
        "metrics": list(METRICS),
        "classes": replay._setup["classes"],
        "probe": replay._setup["probe"]
        | {"truth": [[round(value, DIGITS) for value in row] for row in truth]},
        "epochs": {
            loss: [facts_of(epoch) for epoch in done]
            for loss, done in zip(RATES, replay._epochs, strict=True)
        },
    }
    OUT.write_text(json.dumps(kept, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")
    print(OUT, OUT.stat().st_size)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
