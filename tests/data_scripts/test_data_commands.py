"""Each command explains itself, fetches what it may, says what is to be done by hand, and verifies a folder."""

import argparse
import importlib
import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import torch

import data_scripts
import sidelib.data
from data_scripts import _fetch, kitti, scenenet, tum
from data_scripts._fetch import FetchError

COMMANDS = pytest.mark.parametrize("name", data_scripts.__all__)
ROOT = Path(__file__).resolve().parents[2]


def command(name):
    return importlib.import_module(f"data_scripts.{name}")


def declared(name):
    return next(value for value in vars(command(name)).values() if type(value).__name__ == "DataSet")


@pytest.fixture
def no_network(monkeypatch):
    asked = []

    def refuse(url, folder, **_):
        asked.append(url)
        raise FetchError(f"{url}: no answer")

    monkeypatch.setattr(_fetch, "fetch", refuse)
    return asked


@pytest.fixture
def anything_opens(monkeypatch):
    """Every data set opens, with four samples 2 m deep in each split, as published."""
    opened = []

    def load(name, root, **options):
        opened.append((name, options))
        depth = torch.full((1, 2, 2), 2.0)
        return [{"depth": depth, "mask": depth > 0}] * 4

    monkeypatch.setattr(sidelib.data, "load", load)
    monkeypatch.setattr(sidelib.data, "published", lambda _: {"train": 4, "test": 4}, raising=False)
    return opened


def put(root, pattern):
    """Make a file that a glob pattern matches."""
    path = root / pattern.replace("????_??", "0000_00").replace("*", "x")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_bytes(b"x")


@COMMANDS
def test_help_says_source_terms_and_what_is_fetched(name, capsys):
    with pytest.raises(SystemExit) as stop:
        command(name).main(["--help"])
    out = " ".join(capsys.readouterr().out.split())
    assert stop.value.code == 0
    assert (
        f"usage: python -m data_scripts.{name} " in out and "Source: " in out and "Terms: " in out and "etched" in out
    )
    with pytest.raises(SystemExit) as stop:
        command(name).main([])
    assert stop.value.code == 2 and "--out" in capsys.readouterr().err


@COMMANDS
def test_without_a_folder_the_steps_are_printed_and_the_status_is_one(name, tmp_path, capsys, no_network):
    root = tmp_path / "nowhere"
    for arguments in ([], ["--check"]):
        assert command(name).main(["--out", str(root), *arguments]) == 1
        out, err = capsys.readouterr()
        assert "1. " in out and "2. " in out and f"Then: python -m data_scripts.{name} --out {root} --check" in out
        assert f"{root}/" in out and "DIR" not in out
        assert err.startswith("problem: ")
    assert len(no_network) == (0 if name in ("scannet", "synthia", "youtube3d") else 1)
    assert not root.exists()


@COMMANDS
def test_check_of_a_folder_opens_every_split_and_fetches_nothing(name, tmp_path, capsys, no_network, anything_opens):
    data_set = declared(name)
    for pattern in data_set.splits.values():
        put(tmp_path, pattern)
    assert command(name).main(["--out", str(tmp_path), "--check"]) == 0
    splits = [{} if split is None else {"split": split} for split in data_set.splits]
    assert anything_opens == [(data_set.name, dict(data_set.options) | split) for split in splits]
    assert "2.00 to 2.00 m" in capsys.readouterr().out and no_network == []
    assert (tmp_path / "index.json").exists()


def test_options_of_the_loader_and_one_split_can_be_given(tmp_path, anything_opens, capsys):
    put(tmp_path, "RGB")
    argv = ["--out", str(tmp_path), "--check", "--option", "depth_scale=256", "--option", "note=a b"]
    assert command("synthia").main(argv) == 0
    assert anything_opens[0][1] | {"depth_scale": 256, "note": "a b"} == anything_opens[0][1]
    put(tmp_path, "splits.mat")
    anything_opens.clear()
    assert command("nyu").main(["--out", str(tmp_path), "--check", "--split", "test"]) == 0
    assert anything_opens == [("nyu", {"split": "test"})]
    with pytest.raises(SystemExit):
        command("nyu").main(["--out", str(tmp_path), "--option", "depth_scale"])
    assert "expected NAME=VALUE, found 'depth_scale'" in capsys.readouterr().err


def test_a_sequence_is_fetched_unpacked_and_verified_and_the_second_time_only_verified(
    tmp_path, monkeypatch, anything_opens, capsys
):
    fetched = []

    def fetch(url, folder, *, name, sha256, size):
        fetched.append((url, sha256 is not None, size))
        path = folder / url.rsplit("/", 1)[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, "w:gz") as file:
            for member in ("rgb/1.png", "depth/1.png", "rgb.txt", "depth.txt"):
                file.addfile(tarfile.TarInfo(f"rgbd_dataset_freiburg1_xyz/{member}"), io.BytesIO())
        return path

    monkeypatch.setattr(_fetch, "fetch", fetch)
    for _ in range(2):
        assert tum.main(["--out", str(tmp_path / "xyz")]) == 0
    host = "https://cvg.cit.tum.de/rgbd/dataset/freiburg1"
    assert fetched == [(f"{host}/rgbd_dataset_freiburg1_xyz.tgz", True, 448_204_271)]
    assert (tmp_path / "xyz" / "rgb" / "1.png").exists() and "there already" in capsys.readouterr().out


def test_an_archive_that_is_damaged_or_hostile_ends_in_the_steps(tmp_path, monkeypatch, capsys):
    def fetch(url, folder, **_):
        folder.mkdir(exist_ok=True)
        path = folder / "evil.tgz"
        with tarfile.open(path, "w:gz") as file:
            file.addfile(tarfile.TarInfo("../evil"), io.BytesIO())
        return path

    monkeypatch.setattr(_fetch, "fetch", fetch)
    assert tum.main(["--out", str(tmp_path / "xyz")]) == 1
    out, err = capsys.readouterr()
    assert "evil.tgz: expected paths inside its folder, found '../evil'" in err and "1. Open" in out
    assert not (tmp_path / "evil").exists()


def test_more_is_fetched_on_request_only(tmp_path, no_network, capsys):
    (tmp_path / "val").mkdir()
    scenenet.main(["--out", str(tmp_path), "--train", "3"])
    assert no_network == ["https://www.doc.ic.ac.uk/~bjm113/scenenet_data/train_split/train_3.tar.gz"]
    drives = ["2011_09_26_drive_0002", "2011_09_26_drive_0009"]
    files = list(kitti._more_files(argparse.Namespace(drive=drives, selection=True, depth=True)))
    assert [file.url.split("avg-kitti/")[1] for file in files] == [
        "raw_data/2011_09_26_calib.zip",
        "raw_data/2011_09_26_drive_0002/2011_09_26_drive_0002_sync.zip",
        "raw_data/2011_09_26_drive_0009/2011_09_26_drive_0009_sync.zip",
        "data_depth_selection.zip",
        "data_depth_annotated.zip",
    ]
    for main, argument in ((kitti.main, ["--drive", "../etc"]), (tum.main, ["--sequence", "../x"])):
        with pytest.raises(SystemExit):
            main(["--out", "x", *argument])
        assert "invalid" in capsys.readouterr().err


@COMMANDS
def test_what_is_declared_is_well_formed(name):
    data_set = declared(name)
    assert data_set.command == name and data_set.splits and data_set.by_hand.count("DIR/") >= 2
    for file in data_set.files:
        assert file.url.startswith(("https://", "http://"))
        assert file.sha256 is None or (len(file.sha256) == 64 and int(file.sha256, 16) >= 0)
        archive = (file.name or file.url).endswith((".zip", ".tgz", ".tar.gz"))
        assert archive == (file.makes is not None), "an archive is unpacked, and nothing else is"


def test_the_package_lists_every_command():
    done = subprocess.run([sys.executable, "-m", "data_scripts"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = {path.stem for path in (ROOT / "data_scripts").glob("[a-z]*.py")}
    assert set(data_scripts.__all__) == files
    assert [line.split()[0] for line in done.stdout.split("\n\n")[0].splitlines()] == data_scripts.__all__
    run = [sys.executable, "-X", "importtime", "-m", "data_scripts.nyu", "--help"]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "torch" not in done.stderr, "help must not wait for torch"
