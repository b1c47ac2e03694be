"""The photograph is what Middlebury measured, and a folder of one's own is read as it is documented."""

import os

import numpy as np
import pytest
import torch
from skimage import io

from sidelib.data import load, names, published
from sidelib.metrics import plane_errors


@pytest.fixture(scope="module")
def motorcycle():
    return load("motorcycle")[0]


def test_the_motorcycle_has_the_shapes_and_ranges_of_the_house(motorcycle):
    assert {key: tuple(value.shape) for key, value in motorcycle.items()} == {
        "image": (3, 500, 741),
        "right": (3, 500, 741),
        "depth": (1, 500, 741),
        "mask": (1, 500, 741),
        "disparity": (1, 500, 741),
        "intrinsics": (3, 3),
    }
    assert motorcycle["mask"].dtype == torch.bool and motorcycle["depth"].dtype == torch.float32
    assert 0 <= motorcycle["image"].min() and motorcycle["image"].max() <= 1 and motorcycle["image"].max() > 0.9
    depth = motorcycle["depth"][motorcycle["mask"]]
    assert depth.min().item() == pytest.approx(2.11, abs=0.01) and depth.max().item() == pytest.approx(5.02, abs=0.01)
    assert motorcycle["mask"].float().mean().item() == pytest.approx(0.9265, abs=1e-4)
    assert not motorcycle["depth"][~motorcycle["mask"]].any()


def test_the_photographs_floor_is_a_plane_under_its_intrinsics(motorcycle):
    planes = torch.zeros(1, 1, 500, 741, dtype=torch.int64)
    planes[..., 460:, 250:500] = 1  # bare floor
    depth, mask = motorcycle["depth"][None], motorcycle["mask"][None]
    depth = torch.where(mask, depth, 1.0)
    found = plane_errors(depth, depth, mask, planes, motorcycle["intrinsics"], min_pixels=1000)
    assert found["planes"] == 1 and found["planarity"] < 0.01  # metres


def test_convention_left_x_is_right_x_minus_disparity(motorcycle):
    left, right = motorcycle["image"].mean(0), motorcycle["right"].mean(0)
    columns = torch.arange(left.shape[1]).expand(left.shape)

    def error(sign):
        source = (columns + sign * motorcycle["disparity"][0]).round().long()
        seen = motorcycle["mask"][0] & (source >= 0) & (source < left.shape[1])
        return (left - right.gather(1, source.clamp(0, left.shape[1] - 1)))[seen].abs().mean()

    assert error(-1) < 0.5 * error(0) and error(-1) < 0.5 * error(+1)


def test_the_motorcycle_is_one_and_takes_no_root():
    assert len(load("motorcycle")) == 1
    with pytest.raises(IndexError):
        load("motorcycle")[1]
    with pytest.raises(ValueError, match="root"):
        load("motorcycle", "somewhere")
    with pytest.raises(ValueError, match="motorcycle, scenes, nyu, .*'nyu-typo'"):
        load("nyu-typo")


def test_every_data_set_says_what_was_published_and_needs_its_files():
    assert published("nyu") == {"train": 795, "test": 654, "all": 1449} and not published("scenes")
    for name in names():
        assert all(isinstance(count, int) and count > 0 for count in published(name).values())
        if name not in ("motorcycle", "scenes"):
            with pytest.raises((ValueError, FileNotFoundError), match="root|no such folder"):
                load(name)
            with pytest.raises(FileNotFoundError, match="nowhere"):
                load(name, "/nowhere")


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    io.imsave(path, array, check_contrast=False)


@pytest.fixture
def folder(tmp_path):
    for k in (2, 1):  # written in another order than their names have
        save(tmp_path / "rgb" / f"{k}.png", np.full((4, 5, 3), 51 * k, dtype=np.uint8))
        save(tmp_path / "depth" / f"d{k}.png", np.array([[0, 1000 * k, 2500, 65535, 1]] * 4, dtype=np.uint16))
    return tmp_path


def test_a_folder_is_read_in_the_order_of_names_with_zero_as_no_measurement(folder):
    samples = [load("rgbd-folder", folder)[k] for k in range(2)]
    assert [sample["name"] for sample in samples] == ["1", "2"]
    assert samples[1]["image"].unique().item() == pytest.approx(0.4)
    assert samples[1]["depth"][0, 0].tolist() == pytest.approx([0, 2, 2.5, 65.535, 0.001])
    assert samples[1]["mask"][0, 0].tolist() == [False, True, True, True, True]
    assert load("rgbd-folder", folder, depth_scale=5000)[1]["depth"][0, 0, 2].item() == pytest.approx(0.5)


def test_what_is_wrong_with_a_folder_is_named(folder, tmp_path):
    with pytest.raises(ValueError, match="root"):
        load("rgbd-folder")
    with pytest.raises(ValueError, match="depth_scale"):
        load("rgbd-folder", folder, depth_scale=0)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load("rgbd-folder", tmp_path / "nowhere")
    save(folder / "depth" / "d1.png", np.zeros((4, 5), dtype=np.uint8))
    with pytest.raises(ValueError, match=r"d1\.png.*uint8"):
        load("rgbd-folder", folder)[0]
    save(folder / "depth" / "d2.png", np.zeros((3, 5), dtype=np.uint16))
    with pytest.raises(ValueError, match=r"2\.png.*\(3, 5\)"):
        load("rgbd-folder", folder)[1]
    (folder / "depth" / "d2.png").unlink()
    with pytest.raises(ValueError, match="2 images and 1 depth"):
        load("rgbd-folder", folder)


@pytest.mark.skipif(not os.environ.get("SIDE_RGBD"), reason="SIDE_RGBD names no folder with real frames")
def test_a_real_nyu_frame_is_read_in_metres():
    sample = load("rgbd-folder", os.path.join(os.environ["SIDE_RGBD"], "nyu"))[0]
    assert tuple(sample["image"].shape) == (3, 480, 640)
    depth = sample["depth"][sample["mask"]]
    assert 0.5 < depth.median() < 10 and depth.max() <= 10.01 and sample["mask"].float().mean() > 0.5
