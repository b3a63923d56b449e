import hashlib
import io
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pooch
import pytest
import torch

from emdviz.datasets import OrderedData, load, retina_mnist
from emdviz.datasets.sets import retina_mnist as module

# images of each grade, as MedMNIST published them
COUNTS = {
    "train": (486, 128, 206, 194, 66),
    "val": (54, 12, 28, 20, 6),
    "test": (174, 46, 92, 68, 20),
}


def arrays(side=28, counts=COUNTS):
    """Arrays in the layout of the published files, with the true counts and noise for images."""
    rng = np.random.default_rng(0)
    result = {}
    for part, of_grade in counts.items():
        labels = rng.permutation(np.repeat(np.arange(5, dtype=np.uint8), of_grade))
        shape = (len(labels), side, side, 3)
        result[f"{part}_images"] = rng.integers(0, 256, shape, dtype=np.uint8)
        result[f"{part}_labels"] = labels[:, None]
    return result


def few(side=28, **changes):
    return arrays(side, dict.fromkeys(COUNTS, (2, 1, 1, 1, 1))) | changes


def packed(content):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **content)
    return buffer.getvalue()


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else packed(content))
    return path


@pytest.fixture(scope="module")
def whole():
    """Like the published file of 28 px, 3.7 MB."""
    return packed(arrays())


@pytest.fixture
def publish(monkeypatch):
    """Make the package take this content for the published file of 28 px."""

    def publish(content):
        known = dict(module.FILES)
        known[28] = (known[28][0], hashlib.md5(content).hexdigest())
        monkeypatch.setattr(module, "FILES", known)
        return content

    return publish


def test_the_published_file_has_the_splits_and_grades_of_medmnist(tmp_path, publish, whole):
    given = arrays()
    write(tmp_path / "retinamnist.npz", publish(whole))
    data = load("retina_mnist", root=tmp_path, size=28)
    assert isinstance(data, OrderedData)
    assert data.inputs.shape == (1600, 3, 28, 28)
    assert data.classes == ["none", "mild", "moderate", "severe", "proliferative"]
    assert "CC BY 4.0" in data.licence
    for name, part in (("train", "train"), ("valid", "val"), ("test", "test")):
        split = data.split(name)
        images = torch.from_numpy(given[f"{part}_images"]).permute(0, 3, 1, 2)
        torch.testing.assert_close(split.inputs, images, rtol=0, atol=0)
        assert split.labels.tolist() == given[f"{part}_labels"].flatten().tolist()
        assert tuple(data.summary()[name][:5]) == COUNTS[part]
    assert data.summary().loc["total"].to_dict() == {
        "train": 1080, "valid": 120, "test": 400, "all": 1600,
    }  # fmt: skip


def test_other_sizes_are_shrunk_from_the_next_larger_file(tmp_path):
    ramp = np.linspace(0, 255, 64).astype(np.uint8)[None, None, :, None]
    images = np.broadcast_to(ramp, (6, 64, 64, 3))
    path = write(tmp_path / "own.npz", few(64, train_images=images))
    data = retina_mnist(path, size=32)
    assert data.inputs.shape[1:] == (3, 32, 32)
    pairs = ramp.reshape(32, 2).mean(axis=1)
    np.testing.assert_allclose(data.inputs[0, 0, 7], pairs, atol=4)
    assert any("shrunk from 64 to 32 px" in note for note in data.notes)
    with pytest.raises(ValueError, match=r"size must be at most 64, .*own\.npz, got 65"):
        retina_mnist(path, size=65)


def test_an_unpublished_file_is_read_and_noted(tmp_path):
    data = retina_mnist(write(tmp_path / "own.npz", few()), size=28)
    assert len(data) == 18
    assert any("own.npz is not a file that MedMNIST published" in note for note in data.notes)


def test_a_published_file_given_directly_is_known_by_its_hash(tmp_path, publish):
    path = write(tmp_path / "renamed.npz", publish(packed(few())))
    assert not any("published" in note for note in retina_mnist(path, size=28).notes)


def test_the_hashes_and_addresses_are_those_of_medmnist():
    assert {side: name for side, (name, _) in module.FILES.items()} == {
        28: "retinamnist.npz",
        64: "retinamnist_64.npz",
        128: "retinamnist_128.npz",
        224: "retinamnist_224.npz",
    }
    assert len({md5 for _, md5 in module.FILES.values()}) == 4
    assert all(len(bytes.fromhex(md5)) == 16 for _, md5 in module.FILES.values())


@pytest.mark.parametrize(
    ("size", "name"),
    [(28, "retinamnist.npz"), (29, "_64"), (64, "_64"), (65, "_128"), (224, "_224")],
)
def test_a_missing_file_is_named_with_the_ways_to_get_it(tmp_path, size, name):
    with pytest.raises(FileNotFoundError, match=rf"size = {size} must be at .*{name}") as error:
        retina_mnist(tmp_path / "nowhere", size=size)
    assert "download=True" in str(error.value)
    assert "https://zenodo.org/records/10519652/files/retinamnist" in str(error.value)
    with pytest.raises(FileNotFoundError, match=r"root does not exist: .*own\.npz\. Pass"):
        retina_mnist(tmp_path / "own.npz", size=size, download=True)


def test_in_a_folder_a_file_with_another_hash_is_refused(tmp_path, publish):
    whole = publish(packed(few()))
    path = write(tmp_path / "retinamnist.npz", whole[:-1000])
    with pytest.raises(ValueError, match=r"must have the MD5 .* incomplete or altered"):
        retina_mnist(tmp_path, size=28)
    write(path, whole)
    assert len(retina_mnist(tmp_path, size=28)) == 18


def without(name):
    content = few()
    del content[name]
    return content


def claiming(header):
    """An npz whose first array has this header, and no data."""
    text = header.encode() + b"\n"
    npy = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    buffer = io.BytesIO(packed(without("train_images")))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("train_images.npy", npy)
    return buffer.getvalue()


def shape_of(text):
    return "{'descr': '|u1', 'fortran_order': False, 'shape': " + text + ", }"


BROKEN = {
    "empty": (b"", "must be a whole npz file"),
    "text": (b"<html>Not found</html>", "must be a whole npz file"),
    "pickle": (np.array([None]).dumps(), "must be a whole npz file"),
    "truncated": (packed(few())[:-500], "must be a whole npz file"),
    "no zip directory": (packed(few())[:3000], "must be a whole npz file"),
    "missing array": (without("val_labels"), "val_labels is not a file in the archive"),
    "objects": (few(train_images=np.array([None])), "must be a whole npz file.*Object arrays"),
    "pickled labels": (few(test_labels=np.array([[1]] * 6, object)), "Object arrays"),
    "floats": (few(val_images=np.zeros((6, 28, 28, 3))), "val_images must be uint8.*got float64"),
    "grey": (
        few(train_images=np.zeros((6, 28, 28), np.uint8)),
        r"uint8 of shape \(6, 28, 28\)",
    ),
    "oblong": (few(test_images=np.zeros((6, 28, 30, 3), np.uint8)), r"\(6, 28, 30, 3\)"),
    "two sizes": (few(val_images=np.zeros((6, 64, 64, 3), np.uint8)), "val_images must be uint8"),
    "too few labels": (
        few(val_labels=np.zeros((5, 1), np.uint8)),
        r"val_labels must be integers of shape \(6, 1\), got uint8 of shape \(5, 1\)",
    ),
    "several labels": (few(val_labels=np.zeros((6, 2), np.uint8)), r"of shape \(6, 2\)"),
    "real labels": (few(val_labels=np.zeros((6, 1))), "must be integers.*got float64"),
    "a sixth grade": (
        few(test_labels=np.full((6, 1), 5, np.uint8)),
        "test_labels must be 0 to 4, got 5 to 5",
    ),
    "a huge array": (claiming(shape_of("(1000000000, 1000, 1000, 3)")), "must be a whole npz file"),
    "beyond numbers": (claiming(shape_of("(" + "9" * 30 + ",)")), "must be a whole npz file"),
    "no header": (claiming("{'descr': ("), "must be a whole npz file"),
}


@pytest.mark.parametrize(("content", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_files_are_refused_in_words(tmp_path, content, message):
    path = write(tmp_path / "broken.npz", content)
    with pytest.raises(ValueError, match=message) as error:
        retina_mnist(path, size=28)
    assert "broken.npz" in str(error.value)


def test_a_file_that_unpacks_to_far_too_much_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MOST_BYTES", 10_000)
    path = write(tmp_path / "bomb.npz", few(train_images=np.zeros((6, 28, 28, 3), np.uint8)))
    with pytest.raises(ValueError, match=r"would take \d+ bytes, at most 10000 are read"):
        retina_mnist(path, size=28)


@pytest.mark.parametrize(
    ("size", "error", "message"),
    [
        (27, ValueError, "size must be an integer, 28 to 224, got 27"),
        (225, ValueError, "size must be an integer, 28 to 224, got 225"),
        ("28", TypeError, "size must be an integer, 28 to 224, got '28'"),
    ],
)
def test_wrong_sizes_are_named(size, error, message):
    with pytest.raises(error, match=message):
        retina_mnist(size=size)


class Server(ThreadingHTTPServer):
    """Serves one file on this machine, badly if asked to."""

    content = b""
    cuts = 0  # so many answers break off in the middle
    status = 200

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = 0  # requests

    def handle_error(self, request, client_address):
        pass  # a client that hangs up is part of the play


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.asked += 1
        if server.status != 200:
            self.send_error(server.status)
            return
        body = server.content
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.cuts:
            server.cuts -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch, publish, whole):
    # its handler writes to the standard error of the test that came first
    monkeypatch.setattr(pooch.get_logger(), "disabled", True)
    with serving() as server:
        server.content = publish(whole)
        monkeypatch.setattr(
            module, "URL", f"http://127.0.0.1:{server.server_port}/{{name}}?download=1"
        )
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(pooch.core.time, "sleep", lambda seconds: None)
        yield server


@contextmanager
def serving():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def fetch(root):
    return retina_mnist(root, size=28, download=True)


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_download_is_kept_and_not_repeated(tmp_path, server, capfd):
    root = tmp_path / "new" / "retina"
    assert len(fetch(root)) == 1600
    assert "100%" in capfd.readouterr().err
    assert (root / "retinamnist.npz").read_bytes() == server.content
    assert files_in(root) == ["retinamnist.npz"]
    fetch(root)
    assert len(retina_mnist(root, size=28)) == 1600
    assert server.asked == 1


def test_a_download_into_a_file_is_refused(tmp_path, server):
    path = write(tmp_path / "own.npz", few())
    with pytest.raises(ValueError, match=r"root must be a folder to download into, got .*own\.npz"):
        fetch(path)
    assert server.asked == 0


def test_a_download_without_asking_for_it_never_happens(tmp_path, server):
    with pytest.raises(FileNotFoundError):
        retina_mnist(tmp_path, size=28)
    assert server.asked == 0


def test_a_connection_that_breaks_is_opened_again(tmp_path, server):
    server.cuts = 2
    assert len(fetch(tmp_path)) == 1600
    assert server.asked == 3
    assert files_in(tmp_path) == ["retinamnist.npz"]


def test_a_download_that_keeps_failing_leaves_nothing_and_can_be_tried_again(tmp_path, server):
    server.cuts = 3
    with pytest.raises(ConnectionError, match=r"could not be downloaded.*Try again, or get"):
        fetch(tmp_path)
    assert files_in(tmp_path) == []
    assert len(fetch(tmp_path)) == 1600


def test_a_file_with_a_wrong_hash_is_deleted(tmp_path, server):
    right, server.content = server.content, server.content[:-1] + b"?"
    with pytest.raises(ValueError, match=r"did not give the expected file.*hash") as error:
        fetch(tmp_path)
    assert "Try again" in str(error.value)
    assert files_in(tmp_path) == []
    server.content = right
    assert len(fetch(tmp_path)) == 1600


def test_a_broken_file_is_replaced_when_a_download_is_asked_for(tmp_path, server):
    write(tmp_path / "retinamnist.npz", server.content[:100])
    assert len(fetch(tmp_path)) == 1600
    assert (tmp_path / "retinamnist.npz").read_bytes() == server.content


def test_a_refusal_and_a_server_that_is_gone_are_reported(tmp_path, server):
    server.status = 503
    with pytest.raises(ConnectionError, match=r"could not be downloaded: 503.*put it at .*\.npz"):
        fetch(tmp_path)
    assert files_in(tmp_path) == []


def test_a_missing_server_is_named(tmp_path, server, monkeypatch):
    with serving() as gone:
        port = gone.server_port
    monkeypatch.setattr(module, "URL", f"http://127.0.0.1:{port}/{{name}}")
    with pytest.raises(ConnectionError, match="could not be downloaded"):
        fetch(tmp_path)
