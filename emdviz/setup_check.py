"""Check the setup: Python, packages, JupyterLab, device, memory, data, cache, Chromium.

``python -m emdviz doctor`` prints it.
"""

import os
import platform
import shutil
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from inspect import signature
from pathlib import Path

OK, NOTE, PROBLEM = "ok", "note", "problem"

_SHOWN = ("torch", "torchvision", "numpy", "POT", "ipywidgets", "anywidget")
"""Packages whose versions a report of a fault should name."""

_FRONT_ENDS = {"@jupyter-widgets/jupyterlab-manager": "ipywidgets", "anywidget": "anywidget"}
"""What JupyterLab must load in the browser for the widgets of each package in the kernel."""

_MANAGER_OF_IPYWIDGETS = {8: 5}
"""Major versions that work together: of ipywidgets, and of its manager in JupyterLab."""

_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MAC_APPS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)

_GIB = 2**30
_LEAST_MEMORY, _LEAST_DISK = 2 * _GIB, 2 * _GIB
"""With less, a notebook or a run may be stopped halfway."""


@dataclass(frozen=True)
class Component:
    """A component of the setup, and its state."""

    name: str
    state: str  # a note is something that not everybody needs; a problem makes something fail
    text: str  # what was found
    remedy: str = ""  # what to do, in one line


def examine(data="data"):
    """Check all components of the setup.

    Examples
    --------
    >>> [component.state for component in examine() if component.name == "Python"]
    ['ok']
    """
    data = Path(data)
    return [
        _python(),
        *_packages(),
        *_extras(),
        *_jupyterlab(),
        *_memory(),
        *_training(data),
        _browser(),
    ]


def _python():
    """Return whether this Python is new enough."""
    from packaging.specifiers import SpecifierSet

    wanted = metadata.metadata("emdviz")["Requires-Python"]
    version = platform.python_version()
    if SpecifierSet(wanted).contains(version, prereleases=True):
        return Component("Python", OK, f"{version} on {platform.platform()}")
    return Component(
        "Python", PROBLEM, f"{version}, where {wanted} is needed", "make lab PYTHON=python3.12"
    )


def _packages():
    """Return a component for each package that is missing or too old, or one for all."""
    wanted = _requirements()
    found = [problem for requirement in wanted if (problem := _problem_of(requirement))]
    if found:
        return [
            Component("packages", PROBLEM, text, f"python -m pip install '{requirement}'")
            for requirement, text in found
        ]
    here = {found.name: found.version for found in metadata.distributions()}
    shown = ", ".join(f"{name} {here[name]}" for name in _SHOWN if name in here)
    return [Component("packages", OK, f"all {len(wanted)} as required; {shown}")]


def _extras():
    """Return a note for each extra of the package that is not complete."""
    for extra in metadata.metadata("emdviz").get_all("Provides-Extra") or []:
        missing = [p for r in _requirements(extra) if (p := _problem_of(r))]
        if missing:
            names = ", ".join(requirement.name for requirement, _ in missing)
            remedy = f"python -m pip install -e '.[{extra}]'"
            yield Component(f"extra {extra}", NOTE, f"not here: {names}", remedy)


def _requirements(extra=None):
    """Return what the package needs always, or for an extra, without the markers."""
    from packaging.requirements import Requirement

    chosen = []
    for text in metadata.requires("emdviz") or []:
        requirement = Requirement(text)
        marker = requirement.marker
        always = marker is None or marker.evaluate({"extra": ""})
        if always if extra is None else not always and marker.evaluate({"extra": extra}):
            requirement.marker = None
            chosen.append(requirement)
    return chosen


def _problem_of(requirement):
    """Return (requirement, what is wrong), or None if a fitting version is installed."""
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return requirement, f"{requirement.name} is not installed"
    if requirement.specifier.contains(version, prereleases=True):
        return None
    wanted = requirement.specifier
    return requirement, f"{requirement.name} is {version}, where {wanted} is needed"


def _jupyterlab():
    """Return JupyterLab's version, and whether its part of each widget package fits ours."""
    try:
        version = metadata.version("jupyterlab")
    except metadata.PackageNotFoundError:
        return  # _extras() says so
    yield Component("JupyterLab", OK, version)
    loaded, disabled = _front_ends()
    for front_end, package in _FRONT_ENDS.items():
        try:
            kernel = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
        again = f"python -m pip install --force-reinstall --no-deps {package}"
        if package == "ipywidgets":
            again += " jupyterlab_widgets"
        name = f"{package} in JupyterLab"
        if front_end not in loaded:
            yield Component(name, PROBLEM, f"its front end {front_end} is not there", again)
        elif front_end in disabled:
            remedy = f"jupyter labextension enable {front_end}"
            yield Component(name, PROBLEM, f"its front end {front_end} is switched off", remedy)
        elif not _fits(package, kernel, loaded[front_end]["version"]):
            have, place = loaded[front_end]["version"], loaded[front_end]["ext_path"]
            text = f"front end {have} does not fit {package} {kernel} in the kernel"
            yield Component(name, PROBLEM, text, f"delete {place}, then {again}")
        else:
            yield Component(name, OK, f"front end {loaded[front_end]['version']}, kernel {kernel}")


def _front_ends():
    """Return the extensions that JupyterLab finds here by name, and the names of those off."""
    from jupyter_core.paths import jupyter_path
    from jupyterlab.commands import get_app_dir
    from jupyterlab_server.config import get_federated_extensions, get_page_config

    places = jupyter_path("labextensions")
    config = get_page_config(places, os.path.join(get_app_dir(), "settings"))
    return get_federated_extensions(places), config.get("disabledExtensions", [])


def _fits(package, kernel, front_end):
    if package == "anywidget":
        return kernel == front_end
    kernel, front_end = (int(version.split(".")[0]) for version in (kernel, front_end))
    return front_end == _MANAGER_OF_IPYWIDGETS.get(kernel)


def _training(data):
    """Return what training needs: a device, data, and the cache of decoded images."""
    if find_spec("torch") is None:
        return []  # _extras() says so
    return [*_device(), *_data_sets(data), *_caches(data)]


def _device():
    """Return where networks train, and whether an NVIDIA GPU is not used."""
    import torch

    from emdviz.training import choose_device

    chosen = choose_device()
    if chosen.type == "cuda":
        for number in range(torch.cuda.device_count()):
            about = torch.cuda.get_device_properties(number)
            yield Component("device", OK, f"{about.name}, {about.total_memory / _GIB:.0f} GiB")
        return
    threads = torch.get_num_threads()
    text = (
        "Apple GPU (MPS)" if chosen.type == "mps" else f"CPU, {threads} of {os.cpu_count()} cores"
    )
    if shutil.which("nvidia-smi") or Path("/proc/driver/nvidia/version").exists():
        text += f", though an NVIDIA driver is here: torch {torch.__version__} does not use it"
        remedy = "install the build of torch for your driver, see "
        yield Component("device", PROBLEM, text, remedy + "https://pytorch.org/get-started/locally")
    else:
        yield Component("device", OK, text)


def _memory():
    """Return how much memory there is, and disk for runs and decoded images."""
    total = _memory_bytes()
    if total is not None:
        few = total < _LEAST_MEMORY
        remedy = "take a machine or container with 4 GiB, or smaller images" if few else ""
        yield Component("memory", PROBLEM if few else OK, f"{total / _GIB:.1f} GiB", remedy)
    free = shutil.disk_usage(".").free
    few = free < _LEAST_DISK
    remedy = "free some, or pass --store a folder on another disk" if few else ""
    yield Component("disk", PROBLEM if few else OK, f"{free / _GIB:.1f} GiB free here", remedy)


def _memory_bytes():
    """Return the bytes this process may use: the machine's, or less in a container."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
    with suppress(OSError):
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        total = min(total, int(limit)) if limit.isdigit() else total
    return total


def _data_sets(data):
    """Return which data sets that are read from files lie where they are looked for."""
    for name, folder in _folders(data).items():
        if not folder.exists():
            remedy = f"if you want it: data/README.md says how it gets to {folder}"
            yield Component(f"data {name}", NOTE, "not here", remedy)
        elif not _has_files(folder):
            remedy = f"delete {folder}, or fill it as data/README.md says"
            yield Component(f"data {name}", PROBLEM, f"{folder} is empty", remedy)
        else:
            yield Component(f"data {name}", OK, str(folder))


def _folders(data):
    """Return the folder of each data set that has its own."""
    from emdviz.datasets import DATASETS

    roots = {name: signature(read).parameters.get("root") for name, read in DATASETS.items()}
    defaults = {name: getattr(root, "default", None) for name, root in roots.items()}
    return {name: data / Path(at).name for name, at in defaults.items() if isinstance(at, str)}


def _has_files(folder):
    """Tell whether a folder holds any file but a README; stops at the first."""
    files = [folder] if folder.is_file() else filter(Path.is_file, folder.rglob("[!.]*"))
    return any(file.name != "README.md" for file in files)


def _caches(data):
    """Return how much is kept of decoded images, and what keeps others from being kept."""
    from emdviz.datasets.readers.cache import FOLDER

    kept, total = 0, 0
    for folder in [data, *filter(Path.is_dir, _folders(data).values())]:
        cache = folder / FOLDER
        files = list(cache.iterdir()) if cache.is_dir() else []
        stale = [file for file in files if file.suffix == ".tmp"]
        if stale:
            text = f"{len(stale)} unfinished files in {cache}"
            yield Component("cache", NOTE, text, f"if nothing is running: rm {cache}/*.tmp")
        if folder.is_dir() and not os.access(cache if cache.is_dir() else folder, os.W_OK):
            text = f"{folder} cannot be written: images are decoded anew at each start"
            remedy = f"chmod u+w {folder}, or copy it to a disk of yours"
            yield Component("cache", NOTE, text, remedy)
        kept += len(files) - len(stale)
        total += sum(file.stat().st_size for file in files)
    yield Component("cache", OK, f"decoded images of {kept} data sets, {total / _GIB:.2f} GiB")


def _browser():
    """Return the Chromium that tests and screenshots would take."""
    path = find_chromium()
    if path is None:
        text = "not here; only tests and screenshots need it"
        return Component("Chromium", NOTE, text, "apt install chromium, or brew install chromium")
    return Component("Chromium", OK, path)


def find_chromium():
    """Return the path of a Chromium or Chrome, or None."""
    found = [shutil.which(name) for name in _CHROMIUMS]
    return next(filter(None, [*found, *(app for app in _MAC_APPS if Path(app).exists())]), None)


def report(components):
    """Write components as lines of text, each followed by its remedy if it has one.

    Examples
    --------
    >>> print(report([Component("disk", PROBLEM, "0.1 GiB free", "free some")]))
    !! disk      0.1 GiB free
                 → free some
    1 problem
    """
    marks = {OK: "ok", NOTE: "--", PROBLEM: "!!"}
    width = max(9, *(len(component.name) for component in components))
    lines = []
    for component in components:
        lines.append(f"{marks[component.state]} {component.name:{width}} {component.text}")
        if component.remedy:
            lines.append(f"{'':{width + 3}} → {component.remedy}")
    problems = sum(component.state == PROBLEM for component in components)
    lines.append("no problem" if not problems else f"{problems} problem{'s' * (problems > 1)}")
    return "\n".join(lines)
