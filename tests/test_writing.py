"""Files are whole, or as they were before."""

import os
import sys
import threading
from pathlib import Path

import pytest

from emdviz.writing import link_whole, write_whole


def test_of_threads_that_write_one_file_each_writes_all_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda file: None)  # takes long on a busy disk
    path, failed = tmp_path / "file", []
    write_whole(path, b"a" * 100_000)

    def write(letter):
        for _ in range(100):
            try:
                write_whole(path, letter * 100_000)
            except OSError as error:
                failed.append(error)

    writers = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b")]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        content = path.read_bytes()
        assert content in (b"a" * 100_000, b"b" * 100_000)
    assert not failed
    assert os.listdir(tmp_path) == ["file"]


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path):
    (tmp_path / "there").mkdir()
    link, target = tmp_path / "link", tmp_path / "there" / "target"
    link.symlink_to(target)
    for data in (b"first", b"second"):
        write_whole(link, data)
        assert link.is_symlink()
        assert target.read_bytes() == data


@pytest.mark.parametrize("can_link", [True, False])
def test_a_file_gets_the_bytes_of_another_and_keeps_them(tmp_path, monkeypatch, can_link):
    best, last = tmp_path / "best", tmp_path / "last"
    if not can_link:
        monkeypatch.setattr(os, "link", refuse)
    for data in (b"first", b"second"):
        write_whole(best, data)
        for _ in range(2):  # the second time they are one file already
            link_whole(last, best)
            assert last.read_bytes() == data
            assert best.samefile(last) == can_link
    write_whole(best, b"third")
    assert last.read_bytes() == b"second"
    assert sorted(os.listdir(tmp_path)) == ["best", "last"]


def refuse(*_):
    raise PermissionError(1, "a file system without links")


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes that look like files")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    path, came = tmp_path / "pipe", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: came.append(path.read_bytes()))
    reader.start()
    write_whole(path, b"data")
    reader.join()
    assert came == [b"data"]
    assert path.is_fifo()


def test_a_missing_folder_is_named_with_what_to_do(tmp_path):
    path = tmp_path / "no" / "page.html"
    with pytest.raises(FileNotFoundError, match=r"no folder to write it into; make that first.*no"):
        write_whole(path, b"")
    with pytest.raises(IsADirectoryError, match=tmp_path.name):
        write_whole(tmp_path, b"")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("refusals", [2, 9])
def test_what_is_refused_for_a_moment_is_tried_again(tmp_path, monkeypatch, refusals):
    (tmp_path / "a").write_bytes(b"old")
    replace, calls = Path.replace, []

    def reluctant(self, target):
        calls.append(target)
        if len(calls) <= refusals:
            raise PermissionError(13, "a reader has it open")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", reluctant)
    if refusals == 9:
        with pytest.raises(PermissionError):
            write_whole(tmp_path / "a", b"new")
    else:
        write_whole(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == (b"old" if refusals == 9 else b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
