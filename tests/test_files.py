import os
import unicodedata
import zipfile

import pytest

from devtools.data_layouts import pack, write
from emdviz.datasets.readers import files
from emdviz.datasets.readers.files import Source, how_many, list_files, plain_name

FILES = {"b/2.jpg": b"two", "b/10.jpg": b"ten", "a.txt": b"a", "c/d/e/f.png": b""}


def contents(root):
    return {file.name: file.read() for file in list_files(root)}


def test_folders_zips_and_zips_in_folders_are_one_tree(tmp_path):
    assert contents(write(tmp_path / "flat", FILES)) == FILES
    assert contents(pack(tmp_path / "packed.zip", FILES)) == FILES
    mixed = write(tmp_path / "mixed", {"a.txt": b"a"})
    pack(mixed / "b" / "numbers.ZIP", {"2.jpg": b"two", "10.jpg": b"ten"})
    pack(mixed / "rest.zip", {"c/d/e/f.png": b""})
    assert contents(mixed) == FILES


def test_files_are_ordered_by_name(tmp_path):
    names = [file.name for file in list_files(write(tmp_path, FILES))]
    assert names == sorted(FILES)
    assert list_files(tmp_path / "c" / "d" / "e")[0].name == "f.png"
    (tmp_path / "none").mkdir()
    assert list_files(tmp_path / "none") == []


def test_hidden_files_are_left_out(tmp_path):
    hidden = {".DS_Store": b"", "__MACOSX/._2.jpg": b"", ".cache/1.jpg": b"", "b/.2.jpg": b""}
    write(tmp_path / "folder", FILES | hidden)
    pack(tmp_path / "folder" / "more.zip", hidden)
    assert contents(tmp_path / "folder") == FILES


def test_links_are_followed_once(tmp_path):
    write(tmp_path / "away", {"1.jpg": b"1"})
    root = write(tmp_path / "root", {"low/2.jpg": b"2"})
    (root / "high").symlink_to(tmp_path / "away", target_is_directory=True)
    (root / "low" / "up").symlink_to(root, target_is_directory=True)
    (root / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert contents(root) == {"high/1.jpg": b"1", "low/2.jpg": b"2"}


@pytest.mark.parametrize("link", ["aa", "zz", "low/deep"])
def test_a_real_folder_keeps_its_name_beside_a_link_to_it(tmp_path, link):
    root = write(tmp_path, {"low/2.jpg": b"2", "middle/3.jpg": b"3"})
    (root / link).symlink_to(root / "middle", target_is_directory=True)
    assert contents(root) == {"low/2.jpg": b"2", "middle/3.jpg": b"3"}


def test_names_are_composed_but_files_are_found(tmp_path):
    apart = unicodedata.normalize("NFD", "Käse/\u00e9t\u00e9.jpg")
    write(tmp_path, {apart: b"cheese"})
    assert contents(tmp_path) == {"Käse/été.jpg": b"cheese"}
    assert plain_name(".\\" + apart.replace("/", "\\")) == "Käse/été.jpg"


def test_the_identity_changes_with_size_time_place_and_content(tmp_path):
    path = tmp_path / "1.jpg"

    def identity():
        return list_files(tmp_path)[0].identity

    path.write_bytes(b"one")
    os.utime(path, ns=(0, 10**18))
    seen = [identity()]
    assert identity() == seen[0]
    os.utime(path, ns=(0, 10**18 + 100))
    seen.append(identity())
    path.write_bytes(b"three")
    os.utime(path, ns=(0, 10**18))
    seen.append(identity())
    path.rename(tmp_path / "2.jpg")
    seen.append(identity())
    (tmp_path / "2.jpg").unlink()
    for content in (b"one", b"two"):
        os.utime(pack(tmp_path / "a.zip", {"2.jpg": content}), ns=(0, 10**18))
        seen.append(identity())
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(
    "name", ["../1.jpg", "/1.jpg", "a/../../1.jpg", "C:\\1.jpg", "..\\1.jpg", "\\\\host\\1.jpg"]
)
def test_zips_that_point_outside_are_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("fine.jpg", b"")
        archive.writestr(name, b"")
    with pytest.raises(ValueError, match=r"bad\.zip is refused: .* points outside the archive"):
        list_files(tmp_path)


def test_absurd_sizes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 10**6)
    path = write(tmp_path, {"large.jpg": bytes(10**6 + 1)}) / "large.jpg"
    (large,) = list_files(tmp_path)
    with pytest.raises(ValueError, match="too large"):
        large.read()
    path.unlink()
    assert pack(tmp_path / "bomb.zip", {"1.jpg": bytes(10**6 + 1)}).stat().st_size < 10**4
    with pytest.raises(ValueError, match=r"bomb\.zip is refused: .* has 1000001 bytes"):
        list_files(tmp_path)


@pytest.mark.parametrize("count", [0, 1, 2**16 - 1, 2**16, 2**16 + 1, 200_000])
def test_files_of_all_lengths_are_read_whole(tmp_path, monkeypatch, count):
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 200_000)
    content = bytes(k % 251 for k in range(count))
    write(tmp_path, {"1.jpg": content})
    (file,) = list_files(tmp_path)
    assert file.read() == content


def test_a_file_that_is_no_zip_is_refused(tmp_path):
    path = write(tmp_path, {"broken.zip": b"PK and then nothing"}) / "broken.zip"
    for root in (path, tmp_path):
        with pytest.raises(ValueError, match=r"broken\.zip cannot be read as a zip .*; get it"):
            list_files(root)


def test_a_missing_root_says_how_to_get_it(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"root does not exist: .*nowhere\. Ask Ann\."):
        Source.open(tmp_path / "nowhere", "Ask Ann.")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Source.open("~", "").root == tmp_path


def test_messages_show_the_first_five_and_the_count():
    assert how_many(list("abcde"), "files") == "5 files (a, b, c, d, e)"
    assert how_many(list("abcdef"), "files") == "6 files (a, b, c, d, e, …)"
