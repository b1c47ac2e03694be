"""Real frames of NYU Depth v2 and SUN RGB-D, in the files' own formats, where SIDE_RGBD names a folder with them."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from made_indoor import save

from sidelib.data._base import metric_sample
from sidelib.data._read import read_depth_png, read_image
from sidelib.data.nyu_folder import NYUFolder
from sidelib.data.sun_rgbd import SUNRGBD, unrotate

pytestmark = pytest.mark.skipif(not os.environ.get("SIDE_RGBD"), reason="SIDE_RGBD names no folder with real frames")


@pytest.fixture
def real():
    return Path(os.environ["SIDE_RGBD"])


@pytest.fixture
def sun(real, tmp_path):
    """The one real frame, laid out as the data set is."""
    frame = tmp_path / "SUNRGBD" / "kv1" / "NYUdata" / "NYU0001"
    for name, part in (("SUN_color.jpg", "image"), ("SUN_depth.png", "depth")):
        (frame / part).mkdir(parents=True)
        shutil.copy(real / "sun" / name, frame / part / name)
    return tmp_path


def test_real_nyu_frames_are_rooms_in_metres(real):
    data = NYUFolder(real / "nyu")
    assert [sample["name"] for sample in data] == ["rgb/rgb_00000", "rgb/rgb_00050", "rgb/rgb_00100"]
    for sample, median in zip(data, (3.258, 3.208, 2.479), strict=True):
        depth, share = sample["depth"][sample["mask"]], sample["mask"].float().mean().item()
        assert tuple(sample["image"].shape) == (3, 480, 640) and sample["intrinsics"][0, 2].item() == pytest.approx(
            325.58, abs=0.01
        )
        assert 0.5 < depth.min() and depth.max() <= 10
        assert depth.median().item() == pytest.approx(median, abs=1e-3)
        assert 0.6 < share < 0.9  # a Kinect's holes
        assert 0.2 < sample["image"].mean() < 0.8


@pytest.mark.parametrize("scale", [1, 100, 5000, 10000])
def test_real_nyu_frames_in_another_scale_are_refused(real, scale):
    for k in range(3):
        with pytest.raises(ValueError, match=r"sync_depth_\d+\.png.*scale"):
            NYUFolder(real / "nyu", depth_scale=scale)[k]


def test_real_nyu_frames_read_as_256ths_of_a_metre_are_mostly_refused(real):
    data, refused = NYUFolder(real / "nyu", depth_scale=256), 0
    for k in range(3):
        try:
            assert data[k]["depth"].max() > 20  # what passes is implausible: no Kinect sees so far
        except ValueError as error:
            assert "scale" in str(error)
            refused += 1
    assert refused == 2


def test_the_real_sun_frame_is_a_room_after_the_rotation(sun):
    sample = SUNRGBD(sun)[0]
    depth = sample["depth"][sample["mask"]].numpy()
    assert tuple(sample["depth"].shape) == (1, 480, 640) and "intrinsics" not in sample
    assert depth.min() == pytest.approx(1.057) and depth.max() == pytest.approx(9.870)
    assert np.percentile(depth, [5, 50, 95]).tolist() == pytest.approx([1.181, 2.723, 7.178], abs=1e-3)
    assert sample["mask"].float().mean().item() == pytest.approx(0.8177, abs=1e-4)
    neighbours = np.abs(np.diff(sample["depth"][0].numpy()))[
        (sample["mask"][0, :, 1:] & sample["mask"][0, :, :-1]).numpy()
    ]
    assert np.median(neighbours) < 0.01 and (neighbours > 1).mean() < 0.01  # surfaces, not noise


def test_the_real_sun_frame_read_wrongly_is_refused_or_implausible(real, sun):
    colour, path = real / "sun" / "SUN_color.jpg", real / "sun" / "SUN_depth.png"
    image, raw = read_image(colour), read_depth_png(path)
    with pytest.raises(ValueError, match=r"SUN_depth\.png.*21\.272 m"):  # as it is stored
        metric_sample(image, raw / 1000, raw > 0, files=(colour, path), name="raw", plausible=(0.3, 10))
    right, shifted = unrotate(raw), raw >> 3
    wrapped = right != shifted  # a shift alone loses the top bits: the far end of the room comes to the front
    assert 0.02 < wrapped.mean() < 0.03 and right[wrapped].min() > 8191 and shifted[wrapped].max() < 1700
    frame = sun / "SUNRGBD" / "kv1" / "NYUdata" / "NYU0001"
    save(frame / "depth" / "SUN_depth.png", right)  # plain millimetres, which the loader would rotate once more
    with pytest.raises(ValueError, match=r"SUN_depth\.png.*scale"):
        SUNRGBD(sun)[0]
