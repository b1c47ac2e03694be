"""Data plans opened: joined, split, resized, and asked for in batches."""

import numpy as np
import pytest
import torch
from PIL import Image

from sidelib.experiments import data
from sidelib.experiments.data import Joined, checked_root, open_sources, open_tests, worker_count
from sidelib.experiments.experiment import DataPlan, Judgement, Sizes, Source
from sidelib.experiments.plans import MIXED, PHOTOGRAPH

SIZES = Sizes((32, 40), 8, 6, 1 / 16, 4, 2, 2, 1)


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "CACHE", tmp_path / "scenes")


def test_rooms_and_streets_are_joined_half_and_half():
    joined = open_sources(MIXED.train, split="train", count=6, size=(24, 32))
    assert len(joined) == 6
    batch = joined.__getitems__([4, 0, 5, 2])
    for sample, index in zip(batch, (4, 0, 5, 2)):
        assert torch.equal(sample["depth"], joined[index]["depth"])
    assert [sample["index"] for sample in batch] == [1, 0, 2, 2]


def test_data_sets_without_batches_are_joined_too():
    joined = Joined([["a", "b"], ["c"]])
    assert joined.__getitems__([2, 0, 2]) == ["c", "a", "c"]


def test_splits_share_no_scene_and_the_photograph_keeps_its_shape():
    train = open_sources(MIXED.train, split="train", count=4, size=(24, 32))
    tests = open_tests(MIXED, SIZES)
    seen = {train[k]["index"] for k in range(4)}
    assert not seen & {tests["rooms"][0][k]["index"] for k in range(6)}
    photograph = tests["motorcycle"][0][0]
    assert tuple(photograph["image"].shape) == (3, 32, 47) and PHOTOGRAPH.aspect == 741 / 500
    assert photograph["mask"].any() and 2 < photograph["depth"][photograph["mask"]].min() < 6


def test_data_on_disk_are_resized_and_their_root_is_asked_for(tmp_path):
    for name in ("rgb", "depth"):
        (tmp_path / name).mkdir()
    for k in range(2):
        Image.fromarray(np.full((48, 64, 3), 90, np.uint8)).save(tmp_path / "rgb" / f"{k}.png")
        Image.fromarray(np.full((48, 64), 2500, np.uint16)).save(tmp_path / "depth" / f"{k}.png")
    sources = (Source("rgbd-folder"),)
    found = open_sources(sources, split="test", count=0, size=(24, 32), root=tmp_path)
    assert len(found) == 2 and tuple(found[1]["depth"].shape) == (1, 24, 32)
    assert found[0]["depth"].unique().tolist() == [2.5]
    plan = DataPlan(sources, sources, {"own": Judgement(sources, ("fcrn",))}, needs_root=True)
    assert checked_root(plan, "own", str(tmp_path)) == tmp_path
    with pytest.raises(ValueError, match="--data-root: expected the folder of own, found none"):
        checked_root(plan, "own", None)


def test_what_is_rendered_on_the_fly_stays_in_this_process_and_files_are_read_by_others(monkeypatch):
    monkeypatch.setattr(data.os, "cpu_count", lambda: 6)
    cached = open_sources(MIXED.train, split="train", count=2, size=(16, 16))
    monkeypatch.setattr(data, "_CPU_PIXELS", 100)
    rendered = open_sources(MIXED.train, split="train", count=2, size=(16, 16))
    assert worker_count(rendered, "cuda") == 0, "a forked process cannot use the GPU"
    assert worker_count(cached, "cuda") == 6 and worker_count(cached, "cpu") == 0
