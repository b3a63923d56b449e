"""Which build of torch `make lab` takes."""

import http.server
import threading

import pytest
from packaging.specifiers import SpecifierSet

from scripts import install_torch


@pytest.fixture
def runs(monkeypatch):
    """Return the commands that are run; all succeed, and nothing is installed."""
    commands = []

    def run(command, **options):
        commands.append(command)
        return install_torch.subprocess.CompletedProcess(command, 0, "GPU 0: an H200", "")

    monkeypatch.setattr(install_torch.subprocess, "run", run)
    monkeypatch.setattr(install_torch.platform, "system", lambda: "Linux")
    monkeypatch.setattr(install_torch.shutil, "which", lambda name: None)
    return commands


@pytest.fixture
def index(monkeypatch):
    """Return a function that starts an index answering with a status."""
    servers = []

    def start(status):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_):
                pass

        servers.append(http.server.HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[0].serve_forever, args=(0.01,), daemon=True).start()
        address = f"http://127.0.0.1:{servers[0].server_port}"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(install_torch, "CPU_BUILDS", address)
        return address

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_without_a_gpu_the_cpu_build_is_taken(runs, index, capsys):
    address = index(200)
    install_torch.main()
    assert runs[0][-4:] == ["--index-url", address, "torch", "torchvision"]
    assert {"--no-deps", "--constraint"} < set(runs[0])
    assert "no NVIDIA GPU is here (TORCH=cuda for the other)" in capsys.readouterr().out


def test_with_a_gpu_the_usual_one(runs, monkeypatch, capsys):
    monkeypatch.setattr(install_torch.shutil, "which", lambda name: f"/usr/bin/{name}")
    install_torch.main()
    assert runs == [["/usr/bin/nvidia-smi", "-L"]]
    assert "TORCH=cpu for the one without" in capsys.readouterr().out


def test_either_can_be_forced(runs, index, monkeypatch):
    install_torch.main("cuda")
    assert runs == []
    index(200)
    monkeypatch.setattr(install_torch.shutil, "which", lambda name: f"/usr/bin/{name}")
    install_torch.main("cpu")
    assert len(runs) == 1
    assert "torchvision" in runs[0]
    with pytest.raises(
        SystemExit, match="type TORCH=cpu or TORCH=cuda, or leave it out; got TORCH=gp"
    ):
        install_torch.main("gpu")


@pytest.mark.parametrize("system", ["Darwin", "Windows"])
def test_elsewhere_the_usual_build_has_no_cuda(runs, monkeypatch, system):
    monkeypatch.setattr(install_torch.platform, "system", lambda: system)
    install_torch.main()
    assert runs == []


def test_an_index_that_does_not_answer_is_reported_and_left_out(runs, index, capsys):
    address = index(404)
    install_torch.main()
    assert runs == []
    said = capsys.readouterr().out
    assert f"{address} does not give it (Not Found): taking the usual build." in said


def test_an_index_that_lacks_the_version_is_done_without(index, runs, monkeypatch, capsys):
    index(200)
    failed = install_torch.subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(install_torch.subprocess, "run", lambda *_, **__: failed)
    install_torch.main()
    assert "does not give it: taking the usual build." in capsys.readouterr().out


def test_a_cpu_build_has_the_version_that_is_pinned():
    assert "2.11.0+cpu" in SpecifierSet("==2.11.0")
    assert "2.11.0+cpu" not in SpecifierSet("==2.11.1")
