"""An archive from the network unpacks whole and inside its folder, or not at all."""

import io
import os
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from data_scripts._archives import unpack


def make_zip(path, members):
    """Members: name -> bytes, or (ZipInfo attributes, bytes)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            mode, content = content if isinstance(content, tuple) else (stat.S_IFREG | 0o644, content)
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, zipfile.ZIP_DEFLATED
            file.writestr(info, content)
    return path


def make_tar(path, members, mode="w:gz"):
    """Members: name -> bytes, or a tarfile type with a link name."""
    with tarfile.open(path, mode) as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, tuple):
                info.type, info.linkname = content
                file.addfile(info)
            else:
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
    return path


MAKERS = pytest.mark.parametrize("make, ending", [(make_zip, "zip"), (make_tar, "tar.gz"), (make_tar, "tgz")])


def tree(folder):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


@MAKERS
def test_an_archive_takes_its_place(tmp_path, make, ending):
    archive = make(tmp_path / f"a.{ending}", {"data/x/1.txt": b"one", "data/2.txt": b"two"})
    assert unpack(archive, tmp_path / "out", "data") == tmp_path / "out" / "data"
    assert tree(tmp_path / "out") == ["data/2.txt", "data/x/1.txt"]
    assert (tmp_path / "out/data/x/1.txt").read_bytes() == b"one"


@MAKERS
@pytest.mark.parametrize("names", [("1.jpg", "2.jpg"), ("Images/1.jpg", "Images/2.jpg")])
def test_with_a_top_folder_or_without_the_result_is_the_same(tmp_path, make, ending, names):
    archive = make(tmp_path / f"a.{ending}", dict.fromkeys(names, b"x"))
    unpack(archive, tmp_path / "out", "Train400Img")
    assert tree(tmp_path / "out") == ["Train400Img/1.jpg", "Train400Img/2.jpg"]


def test_two_archives_that_share_folders_merge_and_what_is_there_stays(tmp_path):
    out = tmp_path / "out"
    (out / "date").mkdir(parents=True)
    (out / "date" / "mine.txt").write_bytes(b"mine")
    first = make_zip(tmp_path / "1.zip", {"date/drive_1/a": b"1", "date/mine.txt": b"theirs"})
    second = make_zip(tmp_path / "2.zip", {"date/drive_2/b": b"2"})
    unpack(first, out, "date/drive_1")
    unpack(second, out, "date/drive_2")
    assert tree(out) == ["date/drive_1/a", "date/drive_2/b", "date/mine.txt"]
    assert (out / "date" / "mine.txt").read_bytes() == b"mine"


def test_a_top_folder_around_what_is_wanted_is_left_away(tmp_path):
    archive = make_tar(tmp_path / "a.tgz", {"ReDWeb_V1/Imgs/1.jpg": b"i", "ReDWeb_V1/RDs/1.png": b"d"})
    unpack(archive, tmp_path / "out", "RDs")
    assert tree(tmp_path / "out") == ["Imgs/1.jpg", "RDs/1.png"]


def test_what_says_that_an_archive_is_unpacked_comes_last(tmp_path, monkeypatch):
    archive = make_tar(tmp_path / "a.tgz", {"s/depth/1.png": b"d", "s/rgb/1.png": b"r", "s/zeta.txt": b"z"})
    moved, replace = [], os.replace
    monkeypatch.setattr(
        os, "replace", lambda source, target: (moved.append(Path(target).name), replace(source, target))
    )
    unpack(archive, tmp_path / "out", "depth")
    assert moved == ["rgb", "zeta.txt", "depth"]


def test_what_is_unpacked_is_not_unpacked_again_and_leftovers_of_a_killed_run_go(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"data/1": b"1"})
    leftover = tmp_path / "out" / ".unpacking-a.zip" / "data" / "half"
    leftover.mkdir(parents=True)
    unpack(archive, tmp_path / "out", "data")
    assert tree(tmp_path / "out") == ["data/1"] and not leftover.exists()
    (tmp_path / "out" / "data" / "1").write_bytes(b"changed")
    unpack(archive, tmp_path / "out", "data")
    assert (tmp_path / "out" / "data" / "1").read_bytes() == b"changed"


LINK, FIFO = stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o644
HOSTILE = {
    "dots.zip": ({"data/1": b"1", "../evil": b"x"}, "inside its folder, found '../evil'"),
    "deep_dots.zip": ({"data/../../evil": b"x"}, "inside its folder"),
    "absolute.zip": ({"data/1": b"1", "/evil": b"x"}, "inside its folder, found '/evil'"),
    "backslash.zip": ({"..\\evil": b"x"}, "inside its folder"),
    "drive.zip": ({"C:\\evil": b"x"}, "inside its folder"),
    "symlink.zip": ({"data/1": b"1", "link": (LINK, b"/etc/passwd")}, "found a link: 'link'"),
    "fifo.zip": ({"pipe": (FIFO, b"")}, "found a device or the like: 'pipe'"),
    "twice.zip": ({"data/1": b"1", "data//1": b"2"}, "every name once, found 'data//1'"),
    "file_as_folder.zip": ({"data": b"1", "data/1": b"2"}, "every name once, found 'data/1'"),
    "dots.tar.gz": ({"data/1": b"1", "../evil": b"x"}, "inside its folder, found '../evil'"),
    "absolute.tar.gz": ({"data/1": b"1", "/evil": b"x"}, "inside its folder, found '/evil'"),
    "symlink_out.tar.gz": ({"data/1": b"1", "up": (tarfile.SYMTYPE, "..")}, "found a link: 'up'"),
    "symlink_then_through.tar.gz": ({"up": (tarfile.SYMTYPE, "/"), "up/evil": b"x"}, "found a link: 'up'"),
    "hardlink.tar.gz": ({"data/1": b"1", "pw": (tarfile.LNKTYPE, "/etc/passwd")}, "found a link: 'pw'"),
    "device.tar.gz": ({"data/1": b"1", "null": (tarfile.CHRTYPE, "")}, "found a device or the like: 'null'"),
    "fifo.tar.gz": ({"pipe": (tarfile.FIFOTYPE, "")}, "found a device or the like: 'pipe'"),
    "twice.tar.gz": ({"data/1": b"1", "./data/1": b"2"}, "every name once"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_named_and_leaves_nothing(tmp_path, name):
    members, says = HOSTILE[name]
    archive = (make_zip if name.endswith("zip") else make_tar)(tmp_path / name, members)
    (tmp_path / "out").mkdir()
    with pytest.raises(ValueError) as error:
        unpack(archive, tmp_path / "out", "data")
    assert str(archive) in str(error.value) and says in str(error.value)
    assert list((tmp_path / "out").iterdir()) == [] and sorted(p.name for p in tmp_path.iterdir()) == sorted(
        [name, "out"]
    )
    assert not Path("/evil").exists()


@MAKERS
def test_a_bomb_is_refused(tmp_path, make, ending):
    archive = make(tmp_path / f"bomb.{ending}", {f"data/{k}": bytes(1_000_000) for k in range(5)})
    assert archive.stat().st_size < 50_000
    with pytest.raises(ValueError, match=r"bomb.*at most 3,000,000 bytes unpacked, found [45],000,000 or more"):
        unpack(archive, tmp_path / "out", "data", limit=3_000_000)
    assert list((tmp_path / "out").iterdir()) == []
    assert len(tree(unpack(archive, tmp_path / "out", "data", limit=5_000_000))) == 5


def test_a_zip_that_lies_about_its_size_is_refused(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"data/1": bytes(1_000_000)})
    data = bytearray(archive.read_bytes())
    directory = data.rindex(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = (10).to_bytes(4, "little")  # the uncompressed size in the directory
    archive.write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.zip.*BadZipFile"):
        unpack(archive, tmp_path / "out", "data", limit=1000)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_empty_archive_is_named(tmp_path):
    for archive in (make_zip(tmp_path / "a.zip", {}), make_tar(tmp_path / "a.tar", {}, "w")):
        with pytest.raises(ValueError, match=rf"{archive.name}: expected files, found none"):
            unpack(archive, tmp_path / "out", "data")


def test_an_encrypted_zip_is_named(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"data/1": b"1"})
    data = bytearray(archive.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    with pytest.raises(ValueError, match="password"):
        unpack(archive, tmp_path / "out", "data")


@MAKERS
def test_a_damaged_archive_is_named_wherever_it_is_damaged(tmp_path, make, ending):
    content = {f"data/{k}": os.urandom(300) for k in range(5)}
    archive = make(tmp_path / f"a.{ending}", content)
    whole, refused = archive.read_bytes(), 0
    for k in range(0, len(whole), 7):
        for damaged in (whole[:k], whole[:k] + bytes([whole[k] ^ 0x55]) + whole[k + 1 :]):
            archive.write_bytes(damaged)
            out = tmp_path / "out"
            try:
                made = unpack(archive, out, "data")
            except ValueError as error:
                assert str(archive) in str(error)
                assert list(out.iterdir()) == []
                refused += 1
            else:
                for path in out.rglob("*"):  # an unharmed part of the file was hit: times, padding, a name
                    assert path.resolve().is_relative_to(out.resolve())
                assert made.exists()
                shutil.rmtree(out)
    assert refused > 0.4 * 2 * len(range(0, len(whole), 7))


def test_a_web_page_with_the_name_of_an_archive_is_no_archive(tmp_path):
    (tmp_path / "a.tar.gz").write_text("<html>log in</html>")
    with pytest.raises(ValueError, match=r"a\.tar\.gz: expected a whole zip or tar archive"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "out", "data")


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, monkeypatch):
    archive = make_tar(tmp_path / "a.tar.gz", {"data/1": b"1"})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(OSError, match=r"a\.tar\.gz: not unpacked into .*out: No space left"):
        unpack(archive, tmp_path / "out", "data")
    assert list((tmp_path / "out").iterdir()) == []
