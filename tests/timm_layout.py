"""A stand-in for timm where it is not installed: its functions, names and settings, one network."""

import fnmatch
import sys
import types

from torch import nn

CFG = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "classifier": "fc"}
TAGS = {"test_resnet": ["r160_in1k"], "resnet10t": ["c3_in1k"]}


class _ResNet(nn.Module):
    def __init__(self, num_classes=1000):
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(3, 8, 3, 4), nn.BatchNorm2d(8))
        self.fc = nn.Linear(8, num_classes)
        self.pretrained_cfg = dict(CFG)

    def forward(self, images):
        """Return the outputs."""
        return self.fc(self.conv1(images).relu().mean((2, 3)))


def _create_model(name, pretrained=False, num_classes=1000):
    base, _, tag = name.partition(".")
    if base not in TAGS or (tag and tag not in TAGS[base]):
        raise RuntimeError(f"Unknown model ({name})")
    if pretrained:
        raise OSError("there is no network")
    return _ResNet(num_classes)


def _test_resnet(pretrained=False, **options):
    return _create_model("test_resnet", pretrained, **options)


def install(monkeypatch):
    """Make the stand-in importable as timm; return it."""
    timm, models, resnet, data = (
        types.ModuleType(f"timm{rest}") for rest in ("", ".models", ".models.resnet", ".data")
    )
    _test_resnet.__module__, _test_resnet.__name__ = "timm.models.resnet", "test_resnet"
    models.test_resnet = resnet.test_resnet = _test_resnet
    timm.models, timm.data, timm.create_model = models, data, _create_model
    timm.list_models = lambda: sorted(TAGS)
    timm.list_pretrained = lambda pattern: [
        one
        for name, tags in TAGS.items()
        for one in (f"{name}.{tag}" for tag in tags)
        if fnmatch.fnmatch(one, pattern)
    ]
    data.resolve_model_data_config = lambda model: dict(model.pretrained_cfg)
    for module in (timm, models, resnet, data):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return timm
