"""The labelled NYU file: width before height, indices from 1, lazy in every process, and damage that is named."""

import pickle
import subprocess
import sys
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from fuzz import survives
from made_indoor import nyu_arrays, write_nyu
from scipy.io import savemat
from torch.utils.data import DataLoader

from sidelib.data.nyu import NYULabelled


@pytest.fixture
def root(tmp_path):
    return write_nyu(tmp_path / "nyu")


def labelled(root):
    return root / "nyu_depth_v2_labeled.mat"


def test_convention_width_comes_before_height_in_the_file(root):
    images, depths, _ = nyu_arrays()
    data = NYULabelled(root, split="all")
    assert len(data) == 4
    for k, sample in enumerate(data):
        assert tuple(sample["image"].shape) == (3, 5, 7) and tuple(sample["depth"].shape) == (1, 5, 7)
        assert torch.equal(sample["image"], torch.from_numpy(images[k]).permute(2, 0, 1) / 255)
        assert torch.equal(sample["depth"][0], torch.from_numpy(depths[k])) and sample["mask"].all()
    assert [sample["name"] for sample in data] == ["0001", "0002", "0003", "0004"]
    assert [sample["scene"] for sample in data] == ["kitchen_0004", "kitchen_0004", "office_0001a", "bedroom_0010"]


def test_raw_depth_has_holes_and_filled_depth_has_none(root):
    _, depths, raw = nyu_arrays()
    sample = NYULabelled(root, split="all", raw_depth=True)[2]
    assert torch.equal(sample["depth"][0], torch.from_numpy(raw[2]))
    assert torch.equal(sample["mask"][0], torch.from_numpy(raw[2] > 0)) and not sample["mask"].all()
    assert torch.equal(NYULabelled(root, split="all")[2]["depth"][0], torch.from_numpy(depths[2]))


def test_convention_the_official_split_counts_from_one(root):
    images, _, _ = nyu_arrays()
    test, train = NYULabelled(root, split="test"), NYULabelled(root, split="train")
    assert [sample["name"] for sample in test] == ["0002", "0004"]
    assert [sample["name"] for sample in train] == ["0001", "0003"]
    assert torch.equal(test[0]["image"], torch.from_numpy(images[1]).permute(2, 0, 1) / 255)  # number 2 is index 1
    assert NYULabelled.PUBLISHED == {"train": 795, "test": 654, "all": 1449}


@pytest.mark.parametrize(
    ("train", "test", "says"),
    [
        ((0, 2), (1, 3), "count from 1, found 0"),
        ((1, 2), (2, 4), "3 of them different"),
        ((1, 3), (4,), "found 3 indices"),
        ((1, 3), (4, 5), "from 1 to 5"),
    ],
)
def test_a_split_from_zero_or_with_gaps_or_repeats_is_refused(root, train, test, says):
    write_nyu(root, train=train, test=test)
    with pytest.raises(ValueError, match=rf"splits\.mat.*{says}"):
        NYULabelled(root, split="train")
    assert len(NYULabelled(root, split="all")) == 4  # needs no split


def test_a_split_without_its_variables_or_of_fractions_is_refused(root):
    savemat(root / "splits.mat", {"trainNdxs": [1, 3]})
    with pytest.raises(ValueError, match=r"splits\.mat.*testNdxs"):
        NYULabelled(root, split="test")
    savemat(root / "splits.mat", {"trainNdxs": [1.5, 3], "testNdxs": [2.0, 4.0]})
    with pytest.raises(ValueError, match=r"splits\.mat.*whole numbers"):
        NYULabelled(root, split="test")
    (root / "splits.mat").unlink()
    with pytest.raises(FileNotFoundError, match=r"splits\.mat"):
        NYULabelled(root, split="test")


def test_images_of_the_published_size_have_the_toolbox_camera(tmp_path):
    arrays = nyu_arrays(count=1, height=480, width=640)
    write_nyu(tmp_path, arrays=arrays, train=(1,), test=(), scenes=None)
    sample = NYULabelled(tmp_path, split="all")[0]
    assert sample["intrinsics"].dtype == torch.float32 and "scene" not in sample
    expected = torch.tensor([[518.8579, 0, 325.58245], [0, 519.46961, 253.73617], [0, 0, 1]])
    assert torch.allclose(sample["intrinsics"], expected, atol=1e-4)


def test_small_images_have_no_camera(root):
    assert "intrinsics" not in NYULabelled(root, split="all")[0]


def test_millimetres_are_refused(root):
    images, depths, raw = nyu_arrays()
    write_nyu(root, arrays=(images, depths * 1000, raw))
    with pytest.raises(ValueError, match=r"labeled\.mat: depths\[0\].*millimetres"):
        NYULabelled(root, split="all")[0]


@pytest.mark.parametrize(
    ("replaced", "says"),
    [
        ({"rawDepths": None}, "rawDepths.*found none"),
        ({"depths": nyu_arrays()[1].transpose(0, 2, 1).astype(np.float64)}, "depths.*float32.*float64"),
        ({"images": nyu_arrays()[0].transpose(0, 3, 2, 1).astype(np.uint16)}, "images.*uint8.*uint16"),
        ({"depths": nyu_arrays()[1]}, r"\(N, W, H\).*\(4, 5, 7\)"),
        ({"images": nyu_arrays()[0]}, r"\(N, 3, W, H\).*\(4, 5, 7, 3\)"),
        ({"depths": nyu_arrays(count=3)[1].transpose(0, 2, 1)}, r"\(3, 7, 5\)"),
    ],
)
def test_what_does_not_fit_is_named(root, replaced, says):
    write_nyu(root, **replaced)
    with pytest.raises(ValueError, match=rf"labeled\.mat.*{says}"):
        NYULabelled(root, split="all")


def test_names_that_are_no_names_are_refused(root):
    write_nyu(root, scenes=("kitchen", "office"))
    with pytest.raises(ValueError, match=r"labeled\.mat.*scenes to be 4"):
        NYULabelled(root, split="all")
    write_nyu(root, scenes=("a\0b", "x" * 300, "c", "d"))
    data = NYULabelled(root, split="all")
    for k in range(2):
        with pytest.raises(ValueError, match=rf"labeled\.mat.*scenes\[{k}\]"):
            data[k]


def test_a_link_to_another_file_is_refused(root, tmp_path):
    other = write_nyu(tmp_path / "other")
    with h5py.File(labelled(root), "r+") as file:
        del file["depths"]
        file["depths"] = h5py.ExternalLink(str(labelled(other)), "depths")
    with pytest.raises(ValueError, match=r"labeled\.mat.*'depths' that lies in this file"):
        NYULabelled(root, split="all")
    with h5py.File(labelled(root), "r+") as file:
        del file["depths"]
        layout = h5py.VirtualLayout(shape=(4, 7, 5), dtype="float32")
        layout[:] = h5py.VirtualSource(str(labelled(other)), "depths", shape=(4, 7, 5))
        file.create_virtual_dataset("depths", layout)
    with pytest.raises(ValueError, match=r"labeled\.mat.*'depths' that lies in this file"):
        NYULabelled(root, split="all")


def test_missing_truncated_and_foreign_files_are_named(root, tmp_path):
    with pytest.raises(ValueError, match="root"):
        NYULabelled(None)
    with pytest.raises(ValueError, match="split.*found 'val'"):
        NYULabelled(root, split="val")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        NYULabelled(tmp_path / "nowhere")
    whole = labelled(root).read_bytes()
    for content in (whole[: len(whole) // 2], b"MATLAB 5.0 MAT-file", b""):
        labelled(root).write_bytes(content)
        with pytest.raises(ValueError, match=r"labeled\.mat: expected the labelled part"):
            NYULabelled(root, split="all")
    labelled(root).unlink()
    with pytest.raises(FileNotFoundError, match=r"labeled\.mat"):
        NYULabelled(root, split="all")


def test_a_data_set_travels_to_workers_also_after_it_was_read(root):
    data = NYULabelled(root, split="all")
    assert data._handle is None  # opening the data set leaves no file open
    first = data[0]
    assert data._handle is not None
    copy = pickle.loads(pickle.dumps(data))
    assert copy._handle is None and torch.equal(copy[0]["depth"], first["depth"])
    expected = torch.from_numpy(nyu_arrays()[1])[:, None]
    for context, workers in (("fork", 2), ("spawn", 1)):
        loader = DataLoader(data, batch_size=1, num_workers=workers, multiprocessing_context=context)
        found = torch.cat([batch["depth"] for batch in loader])
        assert torch.equal(found, expected), context
    assert torch.equal(data[1]["depth"], expected[1])
    data.close()
    assert data._handle is None and torch.equal(data[1]["depth"], expected[1])


_FUZZ = """
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from fuzz import survives

from sidelib.data.nyu import NYULabelled

root = Path(sys.argv[2])


def read():
    data = NYULabelled(root, split="all", raw_depth=True)
    samples = [data[k] for k in range(4)]
    data.close()
    return samples[3]


print(survives(root / "nyu_depth_v2_labeled.mat", read))
"""


def test_a_damaged_labelled_file_is_refused_or_read_and_never_takes_the_process_down(root):
    # HDF5 is a C library, so the damage is done in a process of its own: a crash is an exit status below 0 here.
    command = [sys.executable, "-c", _FUZZ, str(Path(__file__).parent), str(root)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    assert int(result.stdout) > 500


def test_a_damaged_split_is_refused_or_read(root):
    assert survives(root / "splits.mat", lambda: NYULabelled(root, split="train")[0]) > 500


def test_pixels_are_guarded_by_the_checksum_of_their_compression(root):
    """A flipped bit inside compressed pixels does not become a wrong depth."""
    _, depths, _ = nyu_arrays()
    path, stored = labelled(root), depths[0].T.tobytes()
    content = bytearray(path.read_bytes())
    place = next(
        k for k in range(len(content) - 1) if content[k : k + 1] == b"\x78" and _inflates_to(content[k:], stored)
    )
    content[place + 20] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"labeled\.mat"):
        NYULabelled(root, split="all")[0]


def _inflates_to(content, expected):
    try:
        return zlib.decompressobj().decompress(bytes(content)) == expected
    except zlib.error:
        return False
