"""SceneNet RGB-D: rays become z-depth with the published camera; incomplete and damaged frames are named."""

import math
import shutil

import numpy as np
import pytest
import torch
from fuzz import survives
from made_indoor import save, write_scenenet

from sidelib.data.scenenet import SceneNet, z_depth
from sidelib.geometry import back_project


def rays(height=240, width=320):
    """Unit rays through pixel centres, after the angles that the data set's authors publish, without intrinsics."""
    x = math.tan(math.radians(30)) * (2 * (np.arange(width) + 0.5) / width - 1)
    y = math.tan(math.radians(22.5)) * (2 * (np.arange(height) + 0.5) / height - 1)
    directions = np.stack(np.broadcast_arrays(x[None, :], y[:, None], np.ones((height, width))))
    return directions / np.linalg.norm(directions, axis=0)


def test_convention_scenenet_depth_is_the_length_of_the_ray(tmp_path):
    intrinsics = SceneNet(write_scenenet(tmp_path), split="val").intrinsics.numpy()
    wall = 3 / rays()[2]  # where each ray meets the plane z = 3
    assert np.abs(z_depth(wall, intrinsics) - 3).max() < 3e-6
    assert wall[0, 0] == pytest.approx(
        3 * math.sqrt(1 + (math.tan(math.pi / 6) * 319 / 320) ** 2 + (math.tan(math.pi / 8) * 239 / 240) ** 2)
    )
    assert wall.max() > 3.6  # read as z-depth, the wall would bend by more than 60 cm
    normal = np.array([0.3, -0.5, 1.0])  # and a tilted one: normal · point = 2
    length = 2 / np.tensordot(normal, rays(), 1)
    depth = torch.from_numpy(z_depth(length, intrinsics))[None, None]
    points = back_project(depth, torch.from_numpy(intrinsics).double())[0]
    assert (torch.tensordot(torch.from_numpy(normal), points, 1) - 2).abs().max() < 3e-6


def test_scenenet_has_the_published_camera_and_angles(tmp_path):
    data = SceneNet(write_scenenet(tmp_path), split="val", instance=True)
    (fx, _, cx), (_, fy, cy), _ = data[0]["intrinsics"].tolist()
    assert math.degrees(2 * math.atan(160 / fx)) == pytest.approx(60) and cx == 159.5
    assert math.degrees(2 * math.atan(120 / fy)) == pytest.approx(45) and cy == 119.5


def test_scenenet_frames_are_read_in_order(tmp_path):
    data = SceneNet(write_scenenet(tmp_path), split="val", instance=True)
    assert [sample["name"] for sample in data] == ["val/0/223/0", "val/0/223/25", "val/0/223/100"]
    sample = data[1]
    assert not sample["mask"][0, 0, 0] and sample["depth"][0, 0, 0] == 0 and sample["mask"].sum() == 240 * 320 - 1
    middle, corner = sample["depth"][0, 119:121, 159:161], sample["depth"][0, -1, -1].item()
    assert middle.tolist() == pytest.approx(np.full((2, 2), 4.0), abs=1e-4) and corner == pytest.approx(
        4 * rays()[2, -1, -1]
    )
    assert sample["instance"].dtype == torch.int64 and sample["instance"].unique().tolist() == [325]
    assert "instance" not in SceneNet(tmp_path, split="val")[0]


def test_scenenet_files_that_do_not_fit_are_named(tmp_path):
    root = write_scenenet(tmp_path / "scenenet")
    with pytest.raises(FileNotFoundError, match="train"):
        SceneNet(root)
    with pytest.raises(ValueError, match="split"):
        SceneNet(root, split="test")
    with pytest.raises(ValueError, match="root"):
        SceneNet(None, split="val")
    place = root / "val" / "0" / "223"
    (place / "instance" / "25.png").unlink()
    assert len(SceneNet(root, split="val")) == 3
    with pytest.raises(FileNotFoundError, match=r"instance/25\.png"):
        SceneNet(root, split="val", instance=True)
    save(place / "depth" / "0.png", np.full((480, 640), 3000, dtype=np.uint16))
    with pytest.raises(ValueError, match=r"depth/0\.png: expected 320×240 pixels, found 640×480"):
        SceneNet(root, split="val")[0]
    save(place / "depth" / "0.png", np.full((240, 320), 30, dtype=np.uint16))
    with pytest.raises(ValueError, match=r"depth/0\.png.*median"):
        SceneNet(root, split="val")[0]
    (place / "photo" / "0.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"photo/0\.jpg"):
        SceneNet(root, split="val")
    shutil.rmtree(place)
    with pytest.raises(ValueError, match="found no frame"):
        SceneNet(root, split="val")


@pytest.mark.parametrize("name", ["photo/0.jpg", "depth/0.png", "instance/0.png"])
def test_damaged_scenenet_frames_are_refused_or_read(tmp_path, name):
    path = write_scenenet(tmp_path) / "val" / "0" / "223" / name
    assert survives(path, lambda: SceneNet(tmp_path, split="val", instance=True)[0]) > 0
