"""`--check` passes a folder in the exact format, and says in one line each what is missing, miscounted or misread."""

import json
import shutil

import numpy as np
import pytest
import torch
from skimage import io

import sidelib.data
from data_scripts._check import INDEX, check

SPLITS = {"train": "train", "test": "test"}


class Folders:
    """Stands for a loader: `<root>/<split>/{rgb,depth}/*.png`, depth in units of `depth_scale` in a metre."""

    def __init__(self, root, *, split, depth_scale=1000.0):
        self.images, self.depths = (sorted((root / split / part).glob("*.png")) for part in ("rgb", "depth"))
        if len(self.images) != len(self.depths):
            raise ValueError(f"{root / split}: found {len(self.images)} images and {len(self.depths)} depth maps")
        self.depth_scale = depth_scale

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        path = self.depths[index]
        array = io.imread(path)
        if array.dtype != np.uint16:
            raise ValueError(f"{path}: expected 16 bits, found {array.dtype}")
        depth = torch.from_numpy(array.astype(np.float32) / self.depth_scale)[None]
        if not 0.1 < depth.median() < 100:
            raise ValueError(f"{path.name}: found a median depth of {depth.median():g} m: is the scale right?")
        return {"image": torch.zeros(3, *depth.shape[1:]), "depth": depth, "mask": depth > 0, "name": path.stem}


@pytest.fixture
def root(tmp_path, monkeypatch):
    for split, count in (("train", 5), ("test", 3)):
        for k in range(count):
            for part, array in (
                ("rgb", np.zeros((4, 5, 3), dtype=np.uint8)),
                ("depth", np.full((4, 5), 1000 * (k + 1), dtype=np.uint16)),
            ):
                path = tmp_path / split / part / f"{k}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                io.imsave(path, array, check_contrast=False)
    monkeypatch.setattr(sidelib.data, "load", lambda _, root, **options: Folders(root, **options))
    monkeypatch.setattr(sidelib.data, "published", lambda _: {"train": 5, "test": 3}, raising=False)
    return tmp_path


def test_a_whole_folder_passes_with_counts_and_depth_in_metres(root, capsys):
    assert check("tiny", root, SPLITS) == 0
    out, err = capsys.readouterr()
    lines = [line.split() for line in out.splitlines()]
    assert lines[0][:4] == ["split", "found", "published", "verdict"]
    assert lines[1] == ["train", "5", "5", "as", "published", "1.00", "to", "5.00", "m"]
    assert lines[2] == ["test", "3", "3", "as", "published", "1.00", "to", "3.00", "m"] and err == ""


def test_the_index_is_the_same_every_time_and_has_no_date(root):
    check("tiny", root, SPLITS)
    first = (root / INDEX).read_bytes()
    (root / "checksums.json").write_text("{}")
    (root / "big.zip.part").write_text("half")
    assert check("tiny", root, SPLITS, every=True) == 0
    assert (root / INDEX).read_bytes() == first
    index = json.loads(first)
    assert index["splits"] == {"train": {"published": 5, "samples": 5}, "test": {"published": 3, "samples": 3}}
    assert index["files"] == 16 and index["name"] == "tiny" and index["options"] == {}
    assert index["bytes"] == sum(path.stat().st_size for path in root.rglob("*/*.png"))


def test_a_wrong_count_fails_and_an_index_that_no_longer_holds_goes(root, capsys):
    assert check("tiny", root, SPLITS) == 0 and (root / INDEX).exists()
    for part in ("rgb", "depth"):
        (root / "test" / part / "2.png").unlink()
    assert check("tiny", root, SPLITS) == 1
    out, err = capsys.readouterr()
    assert err == "problem: test: expected 3 samples, as published, found 2\n"
    assert "1 problem" in out and not (root / INDEX).exists()


def test_a_missing_file_fails(root, capsys):
    (root / "train" / "depth" / "3.png").unlink()
    assert check("tiny", root, SPLITS) == 1
    assert "problem: train: " in capsys.readouterr().err


def test_a_wrong_scale_fails_with_a_line_for_each_sample_read(root, capsys):
    assert check("tiny", root, SPLITS, options={"depth_scale": 1.0}) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 + 3 and lines[0] == (
        "problem: train: 0.png: found a median depth of 1000 m: is the scale right?"
    )
    assert check("tiny", root, SPLITS, options={"depth_scale": 1.0}, every=True) == 1
    assert len(capsys.readouterr().err.splitlines()) == 5 + 3


def test_only_all_reads_what_is_neither_first_nor_middle_nor_last(root, capsys):
    io.imsave(root / "train" / "depth" / "1.png", np.zeros((4, 5), dtype=np.uint8), check_contrast=False)
    assert check("tiny", root, SPLITS) == 0
    assert check("tiny", root, SPLITS, every=True) == 1
    assert "1.png" in capsys.readouterr().err


def test_of_many_problems_the_first_are_shown_and_the_rest_counted(root, capsys, monkeypatch):
    for part in ("rgb", "depth"):
        for k in range(5, 30):
            shutil.copy(root / "train" / part / "0.png", root / "train" / part / f"{k}.png")
    monkeypatch.setattr(sidelib.data, "published", lambda _: {})
    assert check("tiny", root, {"train": "train"}, options={"depth_scale": 1.0}, every=True) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 21 and lines[-1] == "problem: and 10 more"


def test_a_split_that_is_absent_is_no_problem_unless_it_is_asked_for(root, capsys):
    shutil.rmtree(root / "train")
    assert check("tiny", root, SPLITS) == 0
    assert "absent" in capsys.readouterr().out
    assert json.loads((root / INDEX).read_text())["splits"] == {"test": {"published": 3, "samples": 3}}
    assert check("tiny", root, SPLITS, only="train") == 1
    assert f"found no split of tiny; expected {root / 'train'}" in capsys.readouterr().err


@pytest.mark.parametrize("folder", ["empty", "nowhere"])
def test_a_folder_without_any_split_fails(root, tmp_path, capsys, folder):
    (tmp_path / "empty").mkdir()
    assert check("tiny", tmp_path / folder, SPLITS) == 1
    assert "found no split of tiny" in capsys.readouterr().err
    assert not (tmp_path / folder / INDEX).exists()


def test_an_unpublished_count_is_only_counted_and_an_unknown_option_is_named(root, capsys, monkeypatch):
    monkeypatch.setattr(sidelib.data, "published", lambda _: {})
    assert check("tiny", root, SPLITS) == 0
    assert "counted" in capsys.readouterr().out
    assert check("tiny", root, SPLITS, options={"scale": 2}) == 1
    assert "unexpected keyword argument 'scale'" in capsys.readouterr().err
