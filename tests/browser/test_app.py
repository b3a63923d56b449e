"""`make app`: the explorers as a page without code, served by Voilà."""

import sys
from pathlib import Path

import pytest

from devtools.lab import Watch
from devtools.server import TOKEN, Server
from emdviz import explorers
from tests.browser.figure import wait_until

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
NAMES = {n.removesuffix("Explorer") for n in explorers.__all__ if n.endswith("Explorer")}


class App(Server):
    alive_at = "/voila/static/require.min.js"

    def command(self, private):
        serve = [sys.executable, str(ROOT / "app" / "serve.py"), "--no-browser"]
        return [*serve, f"--port={self.port}", f"--token={TOKEN}"]


@pytest.fixture(scope="module")
def app():
    with App() as running:
        yield running


@pytest.fixture(scope="module")
def watched(app, browser):
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    watch = Watch(context)
    page = context.new_page()
    page.goto(app.url("/"), timeout=120_000)  # it comes when its cells have run
    page.locator(".emdviz-bar").first.wait_for(timeout=60_000)
    yield page, watch
    context.close()


def test_every_explorer_has_its_tab(watched):
    assert set(watched[0].get_by_role("tab").all_inner_texts()) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_bars_move_and_numbers_follow(watched, name):
    page, _ = watched
    page.get_by_role("tab", name=name).click()
    figure = page.locator(".emdviz-explorer:visible")
    figure.wait_for()
    bar = figure.locator(".emdviz-bar").first
    before, spoken = bar.get_attribute("aria-valuenow"), figure.get_attribute("aria-label")
    bar.focus()
    page.keyboard.press("PageUp")
    wait_until(lambda: bar.get_attribute("aria-valuenow") != before)
    wait_until(lambda: figure.get_attribute("aria-label") != spoken)


def test_text_is_large_and_there_is_no_code(watched):
    page, _ = watched
    figure = page.locator(".emdviz-explorer:visible")
    assert figure.evaluate("node => parseFloat(getComputedStyle(node).fontSize)") >= 19
    assert "import" not in page.locator("body").inner_text()


def test_nothing_complained_and_nothing_left_this_machine(watched):
    _, watch = watched
    assert (watch.errors, watch.foreign_requests) == ([], [])


# sends code to the kernel of the page, then something harmless, and returns what is answered
_ASK = """([code]) => new Promise((answer, fail) => {
  const config = JSON.parse(document.getElementById('jupyter-config-data').textContent);
  const address = `ws://${location.host}/api/kernels/${config.kernelId}/channels`;
  const socket = new WebSocket(`${address}?token=${config.token ?? ''}`);
  const seen = [];
  const send = (msg_type, content) => socket.send(JSON.stringify({
    channel: 'shell', content, metadata: {}, parent_header: {},
    header: { msg_id: msg_type, msg_type, session: '1', username: '', version: '5.3', date: '' },
  }));
  socket.onerror = () => fail(new Error('no connection'));
  socket.onopen = () => {
    send('execute_request', { code, silent: false, store_history: false, allow_stdin: false });
    send('kernel_info_request', {});
  };
  socket.onmessage = ({ data }) => {
    const { header, parent_header } = JSON.parse(data);
    seen.push(parent_header.msg_id);
    if (header.msg_type === 'kernel_info_reply') answer(seen);
  };
})"""


def test_visitors_cannot_run_code_of_their_own(watched, tmp_path):
    page, _ = watched
    written = tmp_path / "written"
    answered = page.evaluate(_ASK, [f"open({str(written)!r}, 'w').close()"])
    assert "kernel_info_request" in answered
    assert "execute_request" not in answered
    assert not written.exists()


@pytest.mark.parametrize("token", ["", "wrong"])
def test_nobody_enters_without_the_token(app, browser, token):
    page = browser.new_page()
    page.goto(app.url("/", token=token))
    assert "/login" in page.url
    assert page.locator(".emdviz-explorer").count() == 0
    page.close()


def test_voila_listens_on_this_computer_alone(app):
    assert app.listens_on() == {"127.0.0.1"}


def test_it_says_what_sharing_means(app):
    assert "only with the token" in app.log()
    assert f"http://127.0.0.1:{app.port}" in app.log()
