"""Scenes as a data set: the same sample however it is got, and a cache that survives whatever happens to it."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from sidelib.scenes import dataset
from sidelib.scenes.cues import Cues
from sidelib.scenes.dataset import SPLITS, ScenesDataset
from sidelib.scenes.generate import FAMILIES, rooms

SMALL = {"size": (8, 12), "count": 5}
ALL = ("normals", "semantic", "instance", "albedo", "pose", "right", "disparity", "occlusion")


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        if name == "index":
            assert value == other[name]
        else:
            assert value.dtype == other[name].dtype and torch.equal(value, other[name]), name


def test_no_scene_is_in_two_splits():
    taken = [range(first, first + count) for first, count in SPLITS.values()]
    for a, one in enumerate(taken):
        for other in taken[a + 1 :]:
            assert one.stop <= other.start or other.stop <= one.start
    indices = {split: [ScenesDataset(split=split, **SMALL)[i]["index"] for i in (0, 4)] for split in SPLITS}
    assert indices == {"train": [0, 4], "val": [1_000_000, 1_000_004], "test": [1_100_000, 1_100_004]}


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_sample_is_the_scene_of_its_number(split):
    data = ScenesDataset(split=split, fields=ALL, seed=4, **SMALL)
    for i in (0, 3):
        sample = data[i]
        batch = rooms([sample["index"]], seed=4, size=(8, 12), right=True)
        torch.testing.assert_close(sample["image"], batch["image"][0], rtol=0, atol=0.5 / 255 + 1e-6)
        assert torch.equal((sample["image"] * 255).round() / 255, sample["image"])
        for name in ("depth", "mask", "disparity", "occlusion", "semantic", "instance", "intrinsics", "pose"):
            torch.testing.assert_close(sample[name], batch[name][0], rtol=0, atol=0)
        for name in ("normals", "albedo"):
            torch.testing.assert_close(sample[name], batch[name][0], rtol=1e-3, atol=1e-6)
        assert sample["family"] == batch["family"][0]


def test_shapes_types_and_ranges():
    sample = ScenesDataset(fields=ALL, **SMALL)[0]
    expected = {
        "image": (3, torch.float32), "depth": (1, torch.float32), "mask": (1, torch.bool), "normals": (3, torch.float32),
        "semantic": (1, torch.int64), "instance": (1, torch.int64), "albedo": (3, torch.float32),
        "right": (3, torch.float32), "disparity": (1, torch.float32), "occlusion": (1, torch.bool),
    }  # fmt: skip
    for name, (channels, dtype) in expected.items():
        assert sample[name].shape == (channels, 8, 12) and sample[name].dtype == dtype, name
    assert sample["intrinsics"].shape == (3, 3) and sample["pose"].shape == (4, 4) and sample["family"].ndim == 0
    assert 0 <= sample["image"].min() and sample["image"].max() <= 1
    assert (sample["depth"] > 0).equal(sample["mask"])
    assert tuple(ScenesDataset(**SMALL)[0]) == ("image", "depth", "mask", "intrinsics", "family", "index")


def test_cached_equals_uncached_bit_for_bit(tmp_path):
    cached, fresh = ScenesDataset(tmp_path, fields=ALL, **SMALL), ScenesDataset(fields=ALL, **SMALL)
    for i in range(5):
        assert_same(cached[i], fresh[i])
    assert_same(ScenesDataset(tmp_path, fields=ALL, **SMALL)[2], fresh[2])


def test_a_filled_cache_renders_nothing(tmp_path, monkeypatch):
    first = ScenesDataset(tmp_path, **SMALL)
    monkeypatch.setattr(ScenesDataset, "_render", lambda *_: pytest.fail("rendered again"))
    assert_same(ScenesDataset(tmp_path, **SMALL)[1], first[1])


def test_samples_are_the_callers_own(tmp_path):
    data = ScenesDataset(tmp_path, **SMALL)
    sample = data[0]
    sample["image"].zero_(), sample["depth"].zero_()
    assert data[0]["depth"].max() > 0 and data[0]["image"].max() > 0


def test_other_arguments_are_another_folder(tmp_path):
    base = {"count": 2, "size": (4, 4)}
    changes = [
        {}, {"count": 3}, {"size": (4, 5)}, {"seed": 1}, {"cues": Cues(texture="removed")}, {"family": FAMILIES["rooms"][0]},
        {"split": "val"}, {"fields": ("normals",)},
    ]  # fmt: skip
    for k, change in enumerate(changes):
        ScenesDataset(tmp_path, **{**base, **change})
        assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == k + 1
    ScenesDataset(tmp_path, **base, cues=Cues())
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == len(changes)


FILL = """
import sys, sidelib.scenes.dataset as dataset
dataset._BLOCK = 4
render = dataset.ScenesDataset._render
def counted(self, indices):
    if len(indices) > 1:
        print(list(indices)[0], flush=True)
    return render(self, indices)
dataset.ScenesDataset._render = counted
dataset.ScenesDataset(sys.argv[1], size=(24, 32), count=40)
"""


def filling(root):
    return subprocess.Popen([sys.executable, "-c", FILL, str(root)], stdout=subprocess.PIPE, text=True)


def kill_in_block(root, block):
    """Fill a cache in blocks of 4, kill the process when it has begun a block, and say which it began."""
    process, begun = filling(root), []
    for line in process.stdout:
        begun.append(int(line))
        if begun[-1] >= block:
            time.sleep(0.003 * (block % 5))  # now in the middle of rendering or writing it
            os.kill(process.pid, signal.SIGKILL)
            break
    process.stdout.close()
    process.wait()
    return begun


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_killed_fill_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, "_BLOCK", 4)
    begun = [kill_in_block(tmp_path, block) for block in (0, 12, 28)]
    assert [path.suffix for path in tmp_path.iterdir() if path.is_dir()] == [".part"]
    assert begun[1][0] <= 4 and 8 <= begun[2][0] <= 12  # complete blocks are not rendered again
    rendered = []
    render = ScenesDataset._render
    monkeypatch.setattr(
        ScenesDataset, "_render", lambda self, indices: rendered.extend(indices) or render(self, indices)
    )
    data = ScenesDataset(tmp_path, size=(24, 32), count=40)
    assert [path.suffix for path in tmp_path.iterdir() if path.is_dir()] == [""]
    assert min(rendered[1:]) >= 24 and len(rendered) <= 17
    monkeypatch.undo()
    fresh = ScenesDataset(size=(24, 32), count=40)
    for one, other in zip(data.__getitems__(range(40)), fresh.__getitems__(range(40)), strict=True):
        assert_same(one, other)


def test_two_processes_at_once_fill_one_cache(tmp_path):
    processes = [filling(tmp_path) for _ in range(2)]
    begun = [process.communicate()[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(map(len, begun)) == [0, 10]  # one renders, the other waits and reads
    assert_same(ScenesDataset(tmp_path, size=(24, 32), count=40)[39], ScenesDataset(size=(24, 32), count=40)[39])


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "3", '{"done": 4}', '{"key": 1, "done": 4}', "\x00\x00", "DONE?"]
)
def test_a_corrupted_progress_file_starts_anew(tmp_path, text, monkeypatch):
    data = ScenesDataset(tmp_path, **SMALL)
    expected = [data[i] for i in range(5)]
    del data
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    part = folder.rename(folder.with_name(folder.name + ".part"))
    np.lib.format.open_memmap(part / "depth.npy", "r+")[:] = 0  # what is not marked as done is not believed
    if text == "DONE?":
        key = json.loads((part / "progress.json").read_text())["key"]
        text = json.dumps({"key": {**key, "renderer": "older"}, "done": 5})
    (part / "progress.json").write_text(text)
    again = ScenesDataset(tmp_path, **SMALL)
    for i in range(5):
        assert_same(again[i], expected[i])


def test_an_error_while_filling_leaves_what_is_complete(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, "_BLOCK", 2)
    render, calls = ScenesDataset._render, []

    def failing(self, indices):
        calls.append(list(indices))
        if calls[-1][0] == 4:
            raise KeyboardInterrupt
        return render(self, indices)

    monkeypatch.setattr(ScenesDataset, "_render", failing)
    with pytest.raises(KeyboardInterrupt):
        ScenesDataset(tmp_path, **SMALL)
    monkeypatch.setattr(
        ScenesDataset, "_render", lambda self, indices: calls.append(list(indices)) or render(self, indices)
    )
    calls.clear()
    ScenesDataset(tmp_path, **SMALL)
    assert calls == [[0], [4]]  # the first to learn the shapes


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_gives_the_same_samples(cached, workers, tmp_path):
    data = ScenesDataset(tmp_path if cached else None, fields=("normals",), **SMALL)
    loader = torch.utils.data.DataLoader(data, batch_size=2, num_workers=workers)
    batches = list(loader)
    assert [len(batch["index"]) for batch in batches] == [2, 2, 1]
    for i in range(5):
        alone, batch = data[i], batches[i // 2]
        for name, value in alone.items():
            exact = 0 if name not in ("image", "normals") else 1.01 / 255 if name == "image" else 1e-3
            torch.testing.assert_close(batch[name][i % 2], torch.as_tensor(value), rtol=0, atol=exact)


def test_indices_count_from_either_end():
    data = ScenesDataset(**SMALL)
    assert len(data) == 5
    for index, same in ((-1, 4), (-5, 0), (np.int64(2), 2), (torch.tensor(3), 3)):
        assert_same(data[index], data[same])
    for index in (5, -6, 10**9):
        with pytest.raises(IndexError, match=f"^index: expected.*found {index}"):
            data[index]
    assert len(list(zip(range(9), data, strict=False))) == 5  # plain iteration ends


def test_threads_may_share_one_data_set(tmp_path):
    data = ScenesDataset(tmp_path, **SMALL)
    expected = [data[i] for i in range(5)]
    with ThreadPoolExecutor(4) as pool:
        for i, sample in zip([0, 1, 2, 3, 4] * 4, pool.map(data.__getitem__, [0, 1, 2, 3, 4] * 4), strict=True):
            assert_same(sample, expected[i])


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"kind": "seas"}, "kind"), ({"split": "dev"}, "split"), ({"count": 0}, "count"), ({"count": 2.0}, "count"),
        ({"count": True}, "count"), ({"count": 1_000_001}, "count"), ({"split": "val", "count": 100_001}, "count"),
        ({"fields": ("colour",)}, "fields"), ({"fields": "normals"}, "fields"), ({"family": "castle"}, "family"),
        ({"size": 8}, "size"), ({"size": (8, 0)}, "size"), ({"seed": -1}, "seed"), ({"cues": "removed"}, "cues"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("cached", [False, True])
def test_bad_arguments_are_named_when_the_data_set_is_made(arguments, name, cached, tmp_path):
    with pytest.raises((ValueError, TypeError), match=f"^{name}: expected"):
        ScenesDataset(tmp_path if cached else None, **{"count": 1, "size": (4, 4), **arguments})
    assert not list(tmp_path.iterdir())
