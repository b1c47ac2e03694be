"""The same experiments on NYU, ScanNet and KITTI: the whole path, on small made files in the exact formats."""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "data"))
import made_outdoor
from made_indoor import nyu_arrays, write_nyu, write_scannet

from sidelib.experiments import data as experiment_data
from sidelib.experiments.ds_sidenet import DS_SIDENET_HIGH, DS_SIDENET_LOW
from sidelib.experiments.experiment import Sizes
from sidelib.experiments.record import Record
from sidelib.experiments.robust_side import ROBUST_SIDE
from sidelib.experiments.runner import run
from sidelib.experiments.supervised_losses import SUPERVISED_LOSSES

TINY = {"smoke": Sizes((32, 40), 4, 2, 1 / 16, 2, 2, 2, 1)}
DRIVE = "2011_09_26_drive_0002_sync"


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setattr(experiment_data, "CACHE", tmp_path / "cache" / "scenes")


def write_kitti(root, *, far=40.0, size=(38, 124)):
    """Both Eigen lists with two images, sparse depth, and the benchmark's selection."""
    lines = []
    for frame in ("03", "05"):
        image = f"2011_09_26/{DRIVE}/image_02/data/00000000{frame}.png"
        depth = f"{DRIVE}/proj_depth/groundtruth/image_02/00000000{frame}.png"
        made_outdoor.image(root / image, *size, seed=int(frame))
        raw = np.zeros(size, dtype=np.uint16)
        raw[::2, ::3] = int(256 * 5)
        raw[-2, ::3] = int(256 * far)
        made_outdoor.grey(root / "data_depth_annotated" / "train" / depth, raw)
        lines.append(f"{image} {depth} 721.5")
        place, name = root / "depth_selection/val_selection_cropped", f"{DRIVE}_{{}}_00000000{frame}_image_02"
        made_outdoor.image(place / "image" / (name.format("image") + ".png"), *size, seed=9)
        made_outdoor.grey(place / "groundtruth_depth" / (name.format("groundtruth_depth") + ".png"), raw)
        (place / "intrinsics").mkdir(exist_ok=True)
        camera = "721.5 0.0 60.0 0.0 721.5 18.0 0.0 0.0 1.0"
        (place / "intrinsics" / (name.format("image") + ".txt")).write_text(camera)
    for name in ("eigen_test_files_with_gt.txt", "eigen_train_files_with_gt.txt"):
        (root / name).write_text("\n".join(lines) + "\n")
    return root


def write_scannet_lists(root):
    write_scannet(root, size=(24, 32))
    for split in ("train", "test"):
        (root / f"scannetv2_{split}.txt").write_text("scene0000_00\n")
    return root


def do(experiment, folder, data, root, only):
    small = replace(experiment, sizes=TINY)
    where = {"results": folder / "results", "work": folder / "work"}
    found = run(small, profile="smoke", data=data, data_root=root, only=only, device="cpu", say=lambda _: None, **where)
    assert found == (len(only), 0)
    runs = Record(experiment.name, data, "smoke", **where).read("runs")
    return runs[runs["variant"].isin(only)]


def test_tables_6_and_7_on_nyu(tmp_path):
    write_nyu(tmp_path / "nyu", arrays=nyu_arrays(height=24, width=32))
    runs = do(DS_SIDENET_LOW, tmp_path, "nyu", str(tmp_path / "nyu"), ["soft-cls+reg", "no-skips"])
    own = runs[runs["test"] == "nyu"]
    assert own.groupby("variant").size().to_dict() == {"no-skips": 1, "soft-cls+reg": 2}
    assert own[["abs_rel", "rmse", "edge_f1"]].notna().all(axis=None) and (own["images"] == 2).all()
    assert runs[runs["test"] == "motorcycle"]["whdr"].notna().all(), "the photograph, zero-shot"


def test_tables_6_and_7_on_scannet(tmp_path):
    write_scannet_lists(tmp_path / "scannet")
    runs = do(DS_SIDENET_LOW, tmp_path, "scannet", tmp_path / "scannet", ["sam"])
    assert runs[runs["test"] == "scannet"]["rmse"].notna().all()


def test_table_8_on_kitti_keeps_the_wide_shape(tmp_path):
    write_kitti(tmp_path / "kitti")
    runs = do(DS_SIDENET_HIGH, tmp_path, "kitti", tmp_path / "kitti", ["neither", "sam-3"])
    assert runs["protocol"].unique().tolist() == ["ds_sidenet-kitti", "bts-kitti"]
    assert runs[runs["protocol"] == "ds_sidenet-kitti"]["irmse"].notna().all()
    assert experiment_data.open_training(
        DS_SIDENET_HIGH.plan("kitti"), TINY["smoke"], root=tmp_path / "kitti"
    )[0][0]["image"].shape == (3, 32, 104)  # fmt: skip


def test_table_9_on_scannet_and_kitti(tmp_path):
    root = tmp_path / "both"
    write_scannet_lists(root / "scannet")
    write_kitti(root / "kitti", far=9.0)
    only = ["coarse", "low-with-near", "high", "classifier"]
    runs = do(ROBUST_SIDE, tmp_path, "scannet+kitti", root, only)
    depth = runs[runs["variant"] != "classifier"]
    assert depth.groupby(["test", "output"])["variant"].count().to_dict() == {
        (test, output): 3 for test in ("rooms", "streets", "val-rooms", "val-streets") for output in ("depth", "regression")
    }  # fmt: skip
    assert depth[["abs_rel", "irmse"]].notna().all(axis=None)
    images = tmp_path / "results" / "robust-side" / "scannet+kitti-smoke" / "images"
    assert sorted(path.stem for path in images.iterdir()) == sorted(f"{name}-0" for name in only)


def test_r2_says_what_it_misses_where_every_street_reaches_far(tmp_path):
    root = tmp_path / "both"
    write_scannet_lists(root / "scannet")
    write_kitti(root / "kitti")
    with pytest.raises(ValueError, match="kitti: expected some image with nothing beyond 10 m, found none"):
        do(ROBUST_SIDE, tmp_path, "scannet+kitti", root, ["low-with-near"])


def test_a_chapter_shows_the_readers_own_data_and_trains_once(tmp_path, monkeypatch, capsys):
    from sidelib import papers
    from sidelib.experiments import own_data

    monkeypatch.setattr(papers, "BOOK", tmp_path / "book")
    monkeypatch.setattr(own_data, "run", partial(run, work=tmp_path / "work", device="cpu"))
    write_nyu(tmp_path / "nyu", arrays=nyu_arrays(height=24, width=32))
    small = replace(DS_SIDENET_LOW, variants=DS_SIDENET_LOW.variants[:2], sizes=TINY)
    mine = {"data": "nyu", "data_root": str(tmp_path / "nyu"), "profile": "smoke"}
    runs = own_data.on_own_data(small, "the record on scenes", **mine)
    assert set(runs["variant"]) >= {"reg", "hard-cls"} and set(runs["test"]) == {"nyu", "motorcycle"}
    assert "reg-0" in capsys.readouterr().out
    curves = own_data.on_own_data(small, "the record on scenes", table="curves", **mine)
    assert set(curves["variant"]) == {"reg", "hard-cls"}
    assert "reg-0" not in capsys.readouterr().out, "what is recorded is not trained again"
    both = replace(SUPERVISED_LOSSES, variants=SUPERVISED_LOSSES.variants[:1], sizes=TINY)
    judged = own_data.on_own_data(both, None, **mine)
    recorded = papers.results(both.name, "nyu", "smoke")
    assert set(recorded["protocol"]) == {"thesis", "fcrn"} and set(judged["protocol"]) == {"thesis"}
    for other in ("default", "scenes", "kitti"):
        assert own_data.on_own_data(small, "the record on scenes", **mine | {"data": other}) == "the record on scenes"
    with pytest.raises(ValueError, match="data.root"):
        own_data.on_own_data(small, "the record on scenes", **mine | {"data": "scannet", "data_root": ""})
