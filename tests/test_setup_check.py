"""The check of the setup finds what is wrong, says what to do, and is content where nothing is."""

from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from emdviz import setup_check
from emdviz.setup_check import NOTE, OK, PROBLEM, Component


@pytest.fixture
def versions(monkeypatch):
    """Pretend other installed versions; None is not installed."""
    real, pretended = metadata.version, {}

    def version(name):
        if name not in pretended:
            return real(name)
        if pretended[name] is None:
            raise metadata.PackageNotFoundError(name)
        return pretended[name]

    monkeypatch.setattr(metadata, "version", version)
    return pretended


def states(components):
    return {component.name: component.state for component in components}


def test_all_is_well_here_but_for_the_machine():
    found = setup_check.examine()
    machine = {"device", "memory", "disk", "cache"}
    wrong = [f for f in found if f.state == PROBLEM and f.name not in machine]
    assert wrong == []
    assert {"Python", "packages", "JupyterLab", "data adience", "Chromium"} <= set(states(found))
    assert all(bool(f.remedy) == (f.state != OK) for f in found)
    assert all("\n" not in f.text + f.remedy for f in found)


def test_an_old_python(monkeypatch):
    monkeypatch.setattr(setup_check.platform, "python_version", lambda: "3.9.1")
    found = setup_check._python()
    assert found.state == PROBLEM
    assert found.text == "3.9.1, where >=3.11 is needed"
    assert "make lab PYTHON=" in found.remedy


def test_packages_that_are_missing_or_old(versions):
    versions |= {"seaborn": None, "ipywidgets": "7.8.5"}
    found = setup_check._packages()
    texts = {f.text: f.remedy for f in found}
    assert texts["seaborn is not installed"] == "python -m pip install 'seaborn>=0.13.2'"
    (old,) = (text for text in texts if text.startswith("ipywidgets is 7.8.5, where >=8."))
    assert texts[old].endswith(f"'ipywidgets{old.split()[4]}'")
    assert len(found) == 2


def test_an_incomplete_extra_is_no_problem(versions):
    versions["hypothesis"] = None
    (found,) = [f for f in setup_check._extras() if f.name == "extra test"]
    assert found.state == NOTE
    assert "hypothesis" in found.text
    assert found.remedy == "python -m pip install -e '.[test]'"


class TestJupyterLab:
    @pytest.fixture
    def front_ends(self, monkeypatch, versions):
        versions |= {"ipywidgets": "8.1.9", "anywidget": "0.11.0"}
        loaded = {
            name: {"version": version, "ext_path": f"labextensions/{name}"}
            for name, version in (
                ("@jupyter-widgets/jupyterlab-manager", "5.0.16"),
                ("anywidget", "0.11.0"),
            )
        }
        disabled = []
        monkeypatch.setattr(setup_check, "_front_ends", lambda: (loaded, disabled))
        return SimpleNamespace(loaded=loaded, disabled=disabled)

    def test_all_fits(self, front_ends):
        assert set(states(setup_check._jupyterlab()).values()) == {OK}

    def test_no_front_end(self, front_ends):
        del front_ends.loaded["anywidget"]
        found = [f for f in setup_check._jupyterlab() if f.state == PROBLEM]
        assert [f.text for f in found] == ["its front end anywidget is not there"]
        assert found[0].remedy.endswith("--force-reinstall --no-deps anywidget")

    def test_another_version_in_the_browser(self, front_ends):
        front_ends.loaded["anywidget"]["version"] = "0.9.0"
        front_ends.loaded["@jupyter-widgets/jupyterlab-manager"]["version"] = "3.1.0"
        found = [f for f in setup_check._jupyterlab() if f.state == PROBLEM]
        assert [f.text for f in found] == [
            "front end 3.1.0 does not fit ipywidgets 8.1.9 in the kernel",
            "front end 0.9.0 does not fit anywidget 0.11.0 in the kernel",
        ]
        assert found[1].remedy.startswith("delete labextensions/anywidget, then ")

    def test_switched_off(self, front_ends):
        front_ends.disabled.append("anywidget")
        (found,) = [f for f in setup_check._jupyterlab() if f.state == PROBLEM]
        assert found.remedy == "jupyter labextension enable anywidget"

    def test_reads_what_jupyterlab_reads(self, monkeypatch, tmp_path):
        folder = tmp_path / "share" / "jupyter" / "labextensions" / "anywidget"
        folder.mkdir(parents=True)
        (folder / "package.json").write_text('{"name": "anywidget", "version": "0.0.1"}')
        off = tmp_path / "config" / "labconfig"
        off.mkdir(parents=True)
        (off / "page_config.json").write_text('{"disabledExtensions": {"else": true}}')
        monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share" / "jupyter"))
        monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(tmp_path / "config"))
        loaded, disabled = setup_check._front_ends()
        assert loaded["anywidget"]["version"] == "0.0.1"
        assert "else" in disabled


def test_a_gpu_that_torch_does_not_use(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(setup_check.shutil, "which", lambda name: f"/usr/bin/{name}")
    (found,) = setup_check._device()
    assert found.state == PROBLEM
    assert "torch.org/get-started" in found.remedy


def test_gpus_are_named(monkeypatch):
    import torch

    about = SimpleNamespace(name="Model T", total_memory=8 * setup_check._GIB)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: about)
    assert [f.text for f in setup_check._device()] == ["Model T, 8 GiB"] * 2


def test_little_memory_and_disk(monkeypatch):
    monkeypatch.setattr(setup_check, "_memory_bytes", lambda: 10**9)
    monkeypatch.setattr(setup_check.shutil, "disk_usage", lambda place: SimpleNamespace(free=10**8))
    assert states(setup_check._memory()) == {"memory": PROBLEM, "disk": PROBLEM}


def test_data_sets(tmp_path):
    (tmp_path / "adience" / "aligned").mkdir(parents=True)
    (tmp_path / "aadb").mkdir()
    (tmp_path / "aadb" / "AADBinfo.mat").touch()
    found = states(setup_check._data_sets(tmp_path))
    assert found["data adience"] == PROBLEM
    assert found["data aadb"] == OK
    assert found["data utkface"] == NOTE


def test_cache(tmp_path):
    cache = tmp_path / "adience" / ".emdviz"
    cache.mkdir(parents=True)
    (cache / "adience-64px.npy").write_bytes(bytes(100))
    (cache / "adience-64px.npy.1.tmp").touch()
    stale, kept = setup_check._caches(tmp_path)
    assert stale.state == NOTE
    assert stale.remedy.endswith(f"rm {cache}/*.tmp")
    assert kept == Component("cache", OK, "decoded images of 1 data sets, 0.00 GiB")


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "adience").mkdir()
    monkeypatch.setattr(
        setup_check.os, "access", lambda place, mode: Path(place) != tmp_path / "adience"
    )
    assert [f.state for f in setup_check._caches(tmp_path)] == [NOTE, OK]


def test_no_chromium(monkeypatch):
    monkeypatch.setattr(setup_check.shutil, "which", lambda name: None)
    monkeypatch.setattr(setup_check, "_MAC_APPS", ())
    assert setup_check._browser().state == NOTE


def test_report_counts_problems():
    components = [Component("a", OK, "fine"), Component("b", NOTE, "none", "x")]
    components.append(Component("c", PROBLEM, "-", "y"))
    assert setup_check.report(components).split("\n")[-1] == "1 problem"
    assert setup_check.report(components[:2]).split("\n")[-1] == "no problem"


@pytest.mark.slow
def test_without_torch_the_rest_is_checked(monkeypatch):
    monkeypatch.setattr(setup_check, "find_spec", lambda name: None)
    found = states(setup_check.examine())
    assert {"Python", "JupyterLab", "memory", "disk", "Chromium"} <= set(found)
    assert not {"device", "cache"} & set(found)
