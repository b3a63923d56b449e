"""Small comparisons, for tests of what is written about them."""

import pandas as pd

from emdviz import datasets
from emdviz.comparing import Comparison
from emdviz.training import TrainConfig, compare_losses

ATTACK = "window.taken=1"
HOSTILE = [
    f'<img src=x onerror="{ATTACK}">',
    f"</script><script>{ATTACK}</script>",
    "100 % of $x_1$ & #{~^}\\",
]
"""Names that are markup, end a script, or are commands of LaTeX."""


def compare(data, folder, losses=("XE", "REG", "EMD2"), *, seeds=6, resplit=True, epochs=3):
    """Compare losses on data; learning rates are not looked for."""
    rates = {"XE": 0.3, "REG": 0.03, "EMD2": 0.9}
    config = TrainConfig(epochs=epochs, augmentation="none", device="cpu")
    table = compare_losses(
        data, list(losses), seeds=range(seeds), resplit=resplit, config=config, model="mlp",
        learning_rates={k: rate for k, rate in rates.items() if k in losses},
        folder=folder / "runs",
    )  # fmt: skip
    return Comparison(
        folder=folder, data=data, table=table, search=table, rates=rates, notes=(),
        command="python -m emdviz compare data.csv", baselines=None, config=config, network="mlp",
    )  # fmt: skip


def lecturers(root):
    """Return the table LEV."""
    return datasets.table(root / "data" / "lev.csv", label="rating")


def hostile_table(folder):
    """Return LEV's like, whose file, columns and classes have hostile names."""
    import numpy as np

    rng = np.random.default_rng(0)
    features = rng.normal(size=(150, len(HOSTILE)))
    frame = pd.DataFrame(features, columns=HOSTILE)
    labels = np.digitize(features[:, 0] + rng.normal(size=150), [-0.6, 0.6])
    frame["label"] = [HOSTILE[k] for k in labels]
    path = folder / "$x_1$ & <svg onload=alert(1)>.csv"
    frame.to_csv(path, index=False)
    return datasets.table(path, label="label", classes=HOSTILE)
