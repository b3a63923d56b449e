"""Drives a real JupyterLab in headless Chromium, for tests, screenshots and measurements.

    with chromium() as browser, Lab(folder, browser) as lab:
        notebook = lab.open("01.ipynb")
        notebook.run_all()

The server listens on 127.0.0.1 alone; ``Notebook.foreign_requests`` lists the requests to any other
machine.
"""

import ast
import contextlib
import json
import sys
import time
import uuid
from pathlib import Path
from urllib.parse import quote, urlsplit

from devtools.server import TOKEN, Server
from emdviz.setup_check import find_chromium

NO_CHROMIUM = (
    "no Chromium found: install it with `apt-get install chromium`, or "
    "`brew install --cask chromium`, to run the browser tests"
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

_READY = """() => {
  const widget = window.jupyterapp?.shell?.currentWidget;
  if (!widget?.context?.isReady || !widget.sessionContext?.isReady) return false;
  const kernel = widget.sessionContext.session?.kernel;
  return kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
SETTLED = """() => jupyterapp.shell.currentWidget.content.widgets
  .filter((cell) => cell.model.type === 'code' && cell.model.sharedModel.source.trim())
  .every(({ model }) => model.executionCount !== null && model.executionState === 'idle')"""
FAILED = """() => jupyterapp.shell.currentWidget.content.widgets
  .filter((cell) => cell.model.type === 'code')
  .flatMap((cell) => cell.model.outputs.toJSON())
  .filter((output) => output.output_type === 'error')
  .map((output) => `${output.ename}: ${output.evalue}`)"""
_CLOSE_ALL = """() => {
  for (const widget of [...jupyterapp.shell.widgets('main')]) {
    if (widget.context) widget.context.model.dirty = false;
    widget.dispose();
  }
}"""
_OPEN = """async (path) => {
  await jupyterapp.commands.execute('docmanager:open', { path, factory: 'Notebook' });
}"""
_EVALUATE = """async (expression) => {
  const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const request = { code: '', user_expressions: { value: expression }, store_history: false };
  return (await kernel.requestExecute(request).done).content.user_expressions.value;
}"""


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
    """Errors and foreign requests of the pages of one browser context."""

    def __init__(self, context):
        self.errors = []
        self.foreign_requests = []
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
            self.foreign_requests.append(url)


class Lab(Server):
    """A Jupyter server over ``folder``, whose kernel is the Python that runs this.

    Use it as a context manager. ``browser`` is one that :func:`chromium` gave.
    """

    def __init__(self, folder, browser):
        self.folder = Path(folder)
        self.browser = browser
        self._notebook = self._kind = None

    def __exit__(self, *details):
        self._close_notebook()
        super().__exit__(*details)

    def open(
        self,
        name,
        *,
        app="lab",
        again=False,
        warm=False,
        width=1280,
        height=800,
        scale=1,
        dark=False,
        **context_options,
    ):
        """Open a notebook of the folder in a fresh browser context, ready to run.

        One is open at a time: an earlier one is closed, and its kernel ends, unless ``again``.

        Parameters
        ----------
        name : str
            Path of the notebook, relative to the folder.
        app : {"lab", "notebook"}
            Open it in JupyterLab or in Notebook 7.
        again : bool
            Keep the kernels running, as after closing and opening the browser's tab.
        warm : bool
            Open it in the page of the notebook before, where that is JupyterLab and was opened with
            the same options, which saves the seconds that JupyterLab takes to load.
        width, height : int
            Size of the window, CSS pixels.
        scale : float
            Device pixels per CSS pixel.
        dark : bool
            Use JupyterLab's dark theme.
        """
        size, kind = {"width": width, "height": height}, (app, scale, context_options)
        if warm and not again and app == "lab" and self._notebook and kind == self._kind:
            page = self._notebook.page
            page.evaluate(_CLOSE_ALL)
            self.stop_kernels()
            page.set_viewport_size(size)
            self._notebook.errors.clear()
            self._notebook.foreign_requests.clear()
            page.evaluate(_OPEN, name)
        else:
            self._close_notebook()
            if not again:
                self.stop_kernels()
            context = self.browser.new_context(
                viewport=size, device_scale_factor=scale, **context_options
            )
            page = context.new_page()
            self._notebook, self._kind = Notebook(page, Watch(context)), kind
            where = {"lab": f"/lab/workspaces/{uuid.uuid4().hex}/tree/", "notebook": "/notebooks/"}
            page.goto(self.url(f"{where[app]}{quote(name)}?reset"))
        notebook = self._notebook
        notebook.wait_until_ready()
        if app == "notebook":
            # Notebook 7 reports errors in its own settings and commands as it starts
            notebook.errors.clear()
        theme = "JupyterLab Dark" if dark else "JupyterLab Light"
        # the theme is a setting of the server: the notebook before may have left another
        if page.evaluate("document.body.dataset.jpThemeName") != theme:
            notebook.command("apputils:change-theme", {"theme": theme})
            page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")
        return notebook

    def stop_kernels(self):
        """End the kernel of every notebook that was opened."""
        for session in self.request("/api/sessions"):
            self.request(f"/api/sessions/{session['id']}", method="DELETE")

    def _close_notebook(self):
        if self._notebook is not None:
            self._notebook.close()
            self._notebook = None

    def command(self, private):
        """Return the command line that starts JupyterLab."""
        settings = private / "app"
        settings.mkdir()
        (settings / "overrides.json").write_text(json.dumps(_OVERRIDES))
        return [
            *(sys.executable, "-m", "jupyterlab", "--ip=127.0.0.1", f"--port={self.port}"),
            *("--no-browser", "--allow-root", f"--IdentityProvider.token={TOKEN}"),
            *("--ServerApp.port_retries=0", f"--ServerApp.root_dir={self.folder}"),
            # as make lab does
            "--ServerApp.kernel_websocket_connection_class=emdviz._sockets.SocketAtOnce",
            *("--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"),
            "--JupyterNotebookApp.expose_app_in_browser=True",
            f"--LabApp.app_settings_dir={settings}",
        ]


class Notebook:
    """A notebook that is open in JupyterLab.

    Attributes
    ----------
    page : playwright Page
    errors : list of str
        Errors from the browser's console and scripts.
    foreign_requests : list of str
        Addresses outside this machine that the page asked for.
    """

    def __init__(self, page, watch):
        self.page = page
        self.errors = watch.errors
        self.foreign_requests = watch.foreign_requests

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
        start = time.monotonic()
        while not self.page.evaluate(SETTLED):
            if failed := self.page.evaluate(FAILED):
                break
            waited = time.monotonic() - start
            if waited > seconds:
                raise TimeoutError(f"cells still run after {seconds} s")
            # asking takes the time of the browser
            time.sleep(min(max(0.05, waited / 10), 0.3))
        if failed := self.page.evaluate(FAILED):
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
