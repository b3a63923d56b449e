"""A Jupyter server with its own files, settings and kernels."""

import abc
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil

TOKEN = "browser-tests"
_START_SECONDS = 60


class Server(abc.ABC):
    """A server on 127.0.0.1 that answers to :data:`TOKEN`; use it as a context manager.

    Everything private to a run (settings, workspaces, kernels) lies in a temporary folder, so that
    neither the user's Jupyter nor a kernel installed elsewhere has an effect.

    Attributes
    ----------
    alive_at : str
        A path that answers once the server is up.
    """

    alive_at = "/api/status"

    @abc.abstractmethod
    def command(self, private):
        """Return the command line; ``private`` is the temporary folder."""

    def __enter__(self):
        self._private = tempfile.TemporaryDirectory(prefix="emdviz-", ignore_cleanup_errors=True)
        private = Path(self._private.name)
        _write_kernel(private)
        self.port = _free_port()
        self._log = (private / "server.log").open("w+")
        self._process = subprocess.Popen(
            self.command(private),
            env=_environment(private),
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        # kernels that outlived their server are in the group that was started for it
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._log.close()
        self._private.cleanup()

    @property
    def pid(self):
        """Return the number of the server's process."""
        return self._process.pid

    def url(self, path, token=TOKEN):
        """Return the address of ``path``, with the token in it."""
        return f"http://127.0.0.1:{self.port}{path}{'&' if '?' in path else '?'}token={token}"

    def request(self, path, method="GET", token=TOKEN):
        """Return what the server answers, read as JSON where it is JSON."""
        request = urllib.request.Request(self.url(path, token), method=method)
        # a proxy set in the environment must not be asked for this machine
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as reply:
            text, kind = reply.read(), reply.headers.get_content_type()
        return json.loads(text) if text and kind == "application/json" else text

    def listens_on(self):
        """Return the addresses at which the server and all that it started can be reached."""
        main, addresses = psutil.Process(self.pid), set()
        for process in [main, *main.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):  # it has ended since
                addresses |= {
                    connection.laddr.ip
                    for connection in process.net_connections("inet")
                    if connection.status == psutil.CONN_LISTEN
                }
        return addresses

    def log(self):
        """Return what the server has printed so far."""
        self._log.flush()
        return Path(self._log.name).read_text(errors="replace")

    def _wait(self):
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            with contextlib.suppress(OSError):
                self.request(self.alive_at)
                return
            time.sleep(0.1)
        raise RuntimeError(f"the server did not start:\n{self.log()[-3000:]}")


def _write_kernel(private):
    kernel = private / "data" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Python 3", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))


def _environment(private):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "IPYTHON"))}
    return kept | {
        "JUPYTER_CONFIG_DIR": str(private / "config"),
        "JUPYTER_DATA_DIR": str(private / "data"),
        "JUPYTER_RUNTIME_DIR": str(private / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(private / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(private / "workspaces"),
        "IPYTHONDIR": str(private / "ipython"),
        # the kernel written above takes precedence over others of its name
        "JUPYTER_PREFER_ENV_PATH": "0",
    }


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
