"""Drives a real JupyterLab in headless Chromium, for tests, screenshots and measurements.

    with chromium() as browser, Lab(folder, browser) as lab:
        notebook = lab.open("01.ipynb")
        notebook.run_all()

Everything private to a run (settings, workspaces, kernels) lies in a temporary folder, so that
neither the user's JupyterLab nor a kernel installed elsewhere can change what is seen. Servers
listen on 127.0.0.1 alone, and a request to anywhere else is noted in ``Notebook.strangers``.
"""

import ast
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from pathlib import Path
from urllib.parse import quote, urlsplit

NO_CHROMIUM = (
    "no Chromium found: install it with `apt-get install chromium`, or "
    "`brew install --cask chromium`, to run the browser tests"
)
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MAC_APPS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_OVERRIDES = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    "@jupyterlab/notebook-extension:tracker": {
        "windowingMode": "none",  # else cells that are not on the screen never render
        "scrollPastEnd": False,
        "autoStartDefaultKernel": True,  # also where a notebook names no kernel
    },
}
_TOKEN = "browser-tests"
_START_SECONDS = 60

_READY = """() => {
  const widget = window.jupyterapp?.shell?.currentWidget;
  if (!widget?.context?.isReady || !widget.sessionContext?.isReady) return false;
  const kernel = widget.sessionContext.session?.kernel;
  return kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
_SETTLED = """() => jupyterapp.shell.currentWidget.content.widgets
  .filter((cell) => cell.model.type === 'code' && cell.model.sharedModel.source.trim())
  .every(({ model }) => model.executionCount !== null && model.executionState === 'idle')"""
_FAILED = """() => jupyterapp.shell.currentWidget.content.widgets
  .filter((cell) => cell.model.type === 'code')
  .flatMap((cell) => cell.model.outputs.toJSON())
  .filter((output) => output.output_type === 'error')
  .map((output) => `${output.ename}: ${output.evalue}`)"""
_EVALUATE = """async (expression) => {
  const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const request = { code: '', user_expressions: { value: expression }, store_history: false };
  return (await kernel.requestExecute(request).done).content.user_expressions.value;
}"""


def find_chromium():
    """Return the path of a Chromium or Chrome, or None."""
    found = [shutil.which(name) for name in _NAMES] + [
        app for app in _MAC_APPS if Path(app).exists()
    ]
    return next((path for path in found if path), None)


@contextlib.contextmanager
def chromium():
    """Start a headless Chromium with a fresh profile; FileNotFoundError where there is none."""
    path = find_chromium()
    if path is None:
        raise FileNotFoundError(NO_CHROMIUM)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Watch:
    """Notes what goes wrong on the pages of one browser context."""

    def __init__(self, context):
        self.errors = []
        self.strangers = []
        context.on("console", self._console)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        context.on("request", lambda request: self._visit(request.url))
        context.on("page", lambda page: page.on("websocket", lambda s: self._visit(s.url)))

    def _console(self, message):
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def _visit(self, url):
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob", "file", "about"} and parts.hostname != "127.0.0.1":
            self.strangers.append(url)


class Lab:
    """A JupyterLab over ``folder``, whose kernel is the Python that runs this.

    Use it as a context manager. ``browser`` is one that :func:`chromium` gave.
    """

    def __init__(self, folder, browser):
        self.folder = Path(folder)
        self.browser = browser
        self._notebook = None

    def __enter__(self):
        self._private = tempfile.TemporaryDirectory(
            prefix="emdviz-lab-", ignore_cleanup_errors=True
        )
        private = Path(self._private.name)
        self._write_settings(private)
        self._port = _free_port()
        self._log = (private / "server.log").open("w+")
        self._server = subprocess.Popen(
            self._command(private),
            env=self._environment(private),
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self._wait_for_server()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._close_notebook()
        self._server.terminate()
        try:
            self._server.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        # kernels that outlived their server are in the group that was started for it
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._server.pid, signal.SIGKILL)
        self._log.close()
        self._private.cleanup()

    def open(self, name, *, width=1280, height=800, scale=1, dark=False, **context_options):
        """Open a notebook of the folder in a fresh browser context, ready to run.

        One is open at a time: an earlier one is closed, and its kernel ends.

        Parameters
        ----------
        name : str
            Path of the notebook, relative to the folder.
        width, height : int
            Size of the window, CSS pixels.
        scale : float
            Device pixels per CSS pixel.
        dark : bool
            Use JupyterLab's dark theme.
        """
        self._close_notebook()
        for session in self._request("/api/sessions"):
            self._request(f"/api/sessions/{session['id']}", method="DELETE")
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            device_scale_factor=scale,
            **context_options,
        )
        watch = Watch(context)
        page = context.new_page()
        workspace = uuid.uuid4().hex
        page.goto(
            f"http://127.0.0.1:{self._port}/lab/workspaces/{workspace}/tree/{quote(name)}"
            f"?token={_TOKEN}&reset"
        )
        notebook = self._notebook = Notebook(page, watch)
        notebook.wait_until_ready()
        theme = "JupyterLab Dark" if dark else "JupyterLab Light"
        # the theme is a setting of the server: the notebook before may have left another
        if page.evaluate("document.body.dataset.jpThemeName") != theme:
            notebook.command("apputils:change-theme", {"theme": theme})
            page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")
        return notebook

    def _close_notebook(self):
        if self._notebook is not None:
            self._notebook.close()
            self._notebook = None

    def _write_settings(self, private):
        settings = private / "app"
        settings.mkdir()
        (settings / "overrides.json").write_text(json.dumps(_OVERRIDES))
        kernel = private / "data" / "kernels" / "python3"
        kernel.mkdir(parents=True)
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": argv, "display_name": "Python 3", "language": "python"}
        (kernel / "kernel.json").write_text(json.dumps(spec))

    def _command(self, private):
        return [
            *(sys.executable, "-m", "jupyterlab", "--ip=127.0.0.1", f"--port={self._port}"),
            *("--no-browser", "--allow-root", f"--IdentityProvider.token={_TOKEN}"),
            *("--ServerApp.port_retries=0", f"--ServerApp.root_dir={self.folder}"),
            *("--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"),
            f"--LabApp.app_settings_dir={private / 'app'}",
        ]

    def _environment(self, private):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "IPYTHON"))}
        return kept | {
            "JUPYTER_CONFIG_DIR": str(private / "config"),
            "JUPYTER_DATA_DIR": str(private / "data"),
            "JUPYTER_RUNTIME_DIR": str(private / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(private / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(private / "workspaces"),
            "IPYTHONDIR": str(private / "ipython"),
            # the kernel written above stands before any other of its name
            "JUPYTER_PREFER_ENV_PATH": "0",
        }

    def _wait_for_server(self):
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            if self._server.poll() is not None:
                break
            with contextlib.suppress(OSError):
                self._request("/api/status")
                return
            time.sleep(0.1)
        self._log.seek(0)
        raise RuntimeError(f"JupyterLab did not start:\n{self._log.read()[-3000:]}")

    def _request(self, path, method="GET"):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{path}",
            method=method,
            headers={"Authorization": f"token {_TOKEN}"},
        )
        # a proxy set in the environment must not be asked for this machine
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as reply:
            text = reply.read()
        return json.loads(text) if text else None


class Notebook:
    """A notebook that is open in JupyterLab.

    Attributes
    ----------
    page : playwright Page
    errors : list of str
        What the browser's console and scripts complained about.
    strangers : list of str
        Addresses outside this machine that the page asked for.
    """

    def __init__(self, page, watch):
        self.page = page
        self.errors = watch.errors
        self.strangers = watch.strangers

    def wait_until_ready(self, seconds=60):
        """Wait until the notebook is shown and its kernel answers."""
        self.page.wait_for_function(_READY, timeout=seconds * 1000)
        self.page.evaluate(
            "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.info.then(() => 0)"
        )

    def run_all(self, seconds=120):
        """Run every cell and wait for the last; RuntimeError if one of them fails."""
        # awaiting the command would wait for outputs that never come when a cell fails
        self.page.evaluate("void jupyterapp.commands.execute('notebook:run-all-cells')")
        end = time.monotonic() + seconds
        while not self.page.evaluate(_SETTLED):
            if failed := self.page.evaluate(_FAILED):
                break
            if time.monotonic() > end:
                raise TimeoutError(f"cells still run after {seconds} s")
            time.sleep(0.05)
        if failed := self.page.evaluate(_FAILED):
            raise RuntimeError(f"a cell failed: {failed[0]}")

    def command(self, name, arguments=None):
        """Execute a command of JupyterLab and wait for it."""
        self.page.evaluate(
            "async ([name, args]) => { await jupyterapp.commands.execute(name, args); }",
            [name, arguments or {}],
        )

    def python(self, expression):
        """Evaluate an expression in the kernel; it may hold what JSON can carry."""
        reply = self.page.evaluate(_EVALUATE, f"__import__('json').dumps({expression})")
        if reply["status"] != "ok":
            raise RuntimeError(f"{reply['ename']}: {reply['evalue']}")
        return json.loads(ast.literal_eval(reply["data"]["text/plain"]))

    def close(self):
        """Close the browser context."""
        self.page.context.close()


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
