"""Real frames of KITTI and TUM, where SIDE_RGBD names a folder with them, read in metres that make sense."""

import os
from pathlib import Path

import pytest

from sidelib.data.kitti import KITTI
from sidelib.data.rgbd_folder import RGBDFolder

pytestmark = pytest.mark.skipif(not os.environ.get("SIDE_RGBD"), reason="SIDE_RGBD names no folder with real frames")
TUM = {"images": "*_color.png", "depths": "*_depth.png"}


def real(name):
    return Path(os.environ["SIDE_RGBD"]) / name


def test_kitti_frames_look_down_a_street():
    data = KITTI(real("kitti"), split="folder")
    assert len(data) == 3
    for sample in data:
        assert tuple(sample["image"].shape) == (3, 375, 1242)
        depth, mask = sample["depth"][0], sample["mask"][0]
        valid = depth[mask]
        assert 3 < valid.min() < 8 and 12 < valid.median() < 16 and 80 < valid.max() < 90
        assert 0.15 < mask.float().mean() < 0.25, "sparse"
        assert mask[:100].float().mean() < 0.02, "the scanner does not look at the sky"
        rows = [depth[row : row + 40][mask[row : row + 40]].median().item() for row in (180, 240, 330)]
        assert rows == sorted(rows, reverse=True), "the street comes closer towards the lower border"


def test_the_general_folder_reads_kitti_the_same_way():
    own, general = KITTI(real("kitti"), split="folder")[0], RGBDFolder(real("kitti"), depth_scale=256)[0]
    assert own.keys() == general.keys() and own["name"] == general["name"]
    assert all((own[key] == general[key]).all() for key in ("image", "depth", "mask"))


def test_a_tum_frame_shows_a_room():
    (sample,) = RGBDFolder(real("tum"), depth_scale=5000, **TUM)
    valid = sample["depth"][sample["mask"]]
    assert tuple(sample["image"].shape) == (3, 480, 640) and sample["name"] == "TUM_color"
    assert 0.4 < valid.min() and 2 < valid.median() < 3 and valid.max() < 10
    assert 0.75 < sample["mask"].float().mean() < 0.85


def test_a_wrong_scale_of_tum_is_refused():
    with pytest.raises(ValueError, match=r"TUM_depth\.png: expected a median depth from 0\.05 to 300 m, found 12075 m"):
        RGBDFolder(real("tum"), depth_scale=1, **TUM)[0]
    with pytest.raises(ValueError, match=r"TUM_depth\.png.*found 12\.075 m"):  # millimetres: needs a room's own range
        RGBDFolder(real("tum"), depth_scale=1000, plausible=(0.3, 8), **TUM)[0]
