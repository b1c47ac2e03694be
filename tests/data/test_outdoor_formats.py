"""SYNTHIA and Make3D: units, what is invalid, what is resized how, and what is wrong with a damaged copy."""

import warnings

import fuzz
import made_outdoor as made
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from sidelib.data._png16 import read_png16
from sidelib.data.make3d import Make3D
from sidelib.data.synthia import Synthia

SIZE = (4, 5)


@pytest.fixture
def synthia(tmp_path):
    raw = np.full(SIZE, 1234, dtype=np.uint16)
    raw[0] = (0, 150, 8000, 60001, 65535)
    colour = np.stack([raw, np.zeros_like(raw), raw // 2], -1)  # only the first channel counts
    for name in ("0000001.png", "0000000.png"):
        made.image(tmp_path / "RGB" / name, *SIZE)
        made.colour16(tmp_path / "Depth" / name, colour)
    return tmp_path


def test_convention_synthia_is_in_centimetres_in_the_first_of_three_16_bit_channels(synthia):
    data = Synthia(synthia)
    assert len(data) == 2 and [sample["name"] for sample in data] == ["0000000", "0000001"]
    sample = data[0]
    assert sample["depth"][0, 1, 0].item() == pytest.approx(12.34)
    assert sample["depth"][0, 0].tolist() == [0, 1.5, 80, 0, 0], "zero, then sky beyond 600 m, then the largest number"
    assert sample["mask"][0, 0].tolist() == [False, True, True, False, False]
    fuzz.assert_well_formed(sample)
    pillow = np.array(Image.open(synthia / "Depth/0000000.png"))
    assert pillow.dtype == np.uint8, "the trap: Pillow reduces 16-bit colour to 8 bits and says nothing"


def test_synthia_in_one_channel_and_with_other_options(synthia):
    made.grey(synthia / "Depth/0000000.png", np.full(SIZE, 2000, np.uint16))
    assert Synthia(synthia)[0]["depth"].unique().item() == 20
    assert Synthia(synthia, depth_scale=1000)[0]["depth"].unique().item() == 2
    assert not Synthia(synthia, max_depth=1, plausible=None)[0]["mask"].any()
    assert Synthia(synthia, max_depth=None)[1]["depth"][0, 0].tolist() == pytest.approx([0, 1.5, 80, 600.01, 0])
    assert dict(Synthia.PUBLISHED) == {"all": 9400}


def test_what_is_wrong_with_synthia_is_named(synthia, tmp_path):
    for scale, limit, message in (
        (1, 600, "expected a median depth from 0.5 to 100 m, found 150 m"),  # the one point that is 1.5 m away
        (1, None, "expected a median depth from 0.5 to 100 m, found 1234 m"),
        (10_000, 600, "expected a median depth from 0.5 to 100 m, found 0.1234 m"),
        (1, 100, "expected some depth up to 100 m, found none with 1 units in a metre"),
    ):
        with pytest.raises(ValueError, match=rf"Depth/0000000\.png: {message}"):
            Synthia(synthia, depth_scale=scale, max_depth=limit)[0]
    assert Synthia(synthia, depth_scale=1, max_depth=None, plausible=None)[0]["depth"].max() == 60001
    for bad in ({"depth_scale": 0}, {"depth_scale": float("nan")}, {"max_depth": -1}, {"split": "train"}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            Synthia(synthia, **bad)
    depth = synthia / "Depth/0000000.png"
    made.grey(depth, np.zeros(SIZE, np.uint8))
    with pytest.raises(ValueError, match=r"Depth/0000000\.png.*found 8 bits, colour type 0"):
        Synthia(synthia)[0]
    made.grey(depth, np.zeros((4, 6), np.uint16))
    with pytest.raises(ValueError, match=r"Depth/0000000\.png: expected a 16-bit PNG of 4×5 .*found 4×6"):
        Synthia(synthia)[0]
    Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(depth, format="JPEG")
    with pytest.raises(ValueError, match=r"Depth/0000000\.png.*found ValueError: no PNG"):
        Synthia(synthia)[0]
    depth.unlink()
    with pytest.raises(ValueError, match=r"found 2 and 1; without the other: 0000000\.png"):
        Synthia(synthia)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Synthia(tmp_path / "nowhere")


@pytest.mark.parametrize("filters", [(0,), (1,), (2,), (3,), (4,), (0, 1, 2, 3, 4), (4, 3, 2, 1)])
def test_16_bit_colour_is_read_as_torchvision_reads_it_whatever_the_filter(tmp_path, filters):
    array = np.random.default_rng(0).integers(0, 65536, (9, 7, 3), dtype=np.uint16)
    array[2:6, 2:5] = 300  # equal neighbours, where predictions tie
    made.colour16(tmp_path / "a.png", array, filters)
    assert np.array_equal(read_png16(tmp_path / "a.png", (9, 7)), array[..., 0])
    from torchvision.io import ImageReadMode, decode_image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated: one more reason not to rely on it
        oracle = decode_image(str(tmp_path / "a.png"), mode=ImageReadMode.UNCHANGED)
    assert np.array_equal(oracle.numpy().transpose(1, 2, 0), array)


def test_16_bit_grey_is_read_as_pillow_reads_it(tmp_path):
    smooth = np.add.outer(np.arange(40) * 37, np.arange(50) ** 2).astype(np.uint16)  # Pillow picks filters by row
    made.grey(tmp_path / "a.png", smooth)
    assert np.array_equal(read_png16(tmp_path / "a.png", (40, 50)), smooth)


@pytest.mark.parametrize("file", ["RGB/0000000.png", "Depth/0000000.png"])
def test_a_thousand_damaged_synthia_files_give_a_sample_or_one_error(synthia, file):
    assert fuzz.survives(synthia / file, lambda: Synthia(synthia)[0]) > 500


GRID = np.zeros((2, 3, 4))
GRID[..., 0] = -1
GRID[..., 2] = [[10, 20, 30], [40, 50, 70]]  # z
GRID[..., 3] = [[11, 21, 31], [41, 51, 81]]  # range


@pytest.fixture
def make3d(tmp_path):
    for images, depths in (("Train400Img", "Train400Depth"), ("Test134", "Gridlaserdata")):
        (tmp_path / depths).mkdir()
        for name in ("op1-p-0t1", "math7-p-282t0"):
            made.image(tmp_path / images / f"img-{name}.jpg", 32, 24)
            savemat(tmp_path / depths / f"depth_sph_corr-{name}.mat", {"Position3DGrid": GRID})
    return tmp_path


def test_convention_make3d_gives_z_depth_and_the_range_only_when_asked(make3d):
    data = Make3D(make3d, size=(4, 6))
    assert [sample["name"] for sample in data] == ["math7-p-282t0", "op1-p-0t1"]
    sample = data[0]
    assert sample["depth"][0].tolist() == [[10, 10, 20, 20, 30, 30]] * 2 + [[40, 40, 50, 50, 0, 0]] * 2
    assert sample["mask"][0, 3].tolist() == [True] * 4 + [False] * 2, "the range, 81 m, is beyond the scanner's reach"
    assert tuple(sample["image"].shape) == (3, 4, 6)
    fuzz.assert_well_formed(sample)
    far = Make3D(make3d, split="test", depth="range", size=(2, 3), max_depth=100)[0]
    assert far["depth"][0].tolist() == GRID[..., 3].tolist()


def test_make3d_is_resized_by_the_nearest_pixel_and_the_photograph_with_antialiasing(make3d):
    sample = Make3D(make3d)[0]
    assert tuple(sample["image"].shape) == (3, 460, 345) and tuple(sample["depth"].shape) == (1, 460, 345)
    assert set(sample["depth"].unique().tolist()) == {0, 10, 20, 30, 40, 50}, "no depth is made up between two"
    # 3 columns over 345: the borders are at 115 and 230.
    assert sample["depth"][0, 0, [0, 114, 115, 229, 230, 344]].tolist() == [10, 10, 20, 20, 30, 30]
    assert sample["depth"][0, [229, 230], 0].tolist() == [10, 40]
    # Centres of 4 columns, at 0.375, 1.125, 1.875 and 2.625 of the 3: the corners would give 10 twice instead.
    assert Make3D(make3d, size=(2, 4))[0]["depth"][0, 0].tolist() == [10, 20, 20, 30]
    made.image(make3d / "Train400Img/img-math7-p-282t0.jpg", 400, 400)  # noise: its mean remains, its spread does not
    assert Make3D(make3d, size=(4, 4))[0]["image"].std() < 0.05


def test_what_is_wrong_with_make3d_is_named(make3d, tmp_path):
    path = make3d / "Train400Depth/depth_sph_corr-math7-p-282t0.mat"
    for grid, message in (
        (GRID[..., :3], r"found \(2, 3, 3\)"),
        (GRID[0], r"found \(3, 4\)"),
        (GRID * np.nan, "finite numbers"),
        (GRID * 1000, "expected some depth up to 80 m, found none: is Position3DGrid in metres"),
        (GRID * 0.01, "expected a median depth from 0.5 to 82 m"),
        (np.array("text"), "finite numbers, found str"),
        (np.zeros((0, 3, 4)), "finite numbers"),
        (GRID * 1j, "neither real numbers nor text"),
        ([GRID, "cell"], "neither real numbers|finite numbers, found list"),
    ):
        savemat(path, {"Position3DGrid": grid})
        with pytest.raises(ValueError, match=rf"depth_sph_corr-math7-p-282t0\.mat.*{message}"):
            Make3D(make3d)[0]
    savemat(path, {"other": GRID})
    with pytest.raises(ValueError, match=r"no variable 'Position3DGrid'"):
        Make3D(make3d)[0]
    zeros = GRID.copy()
    zeros[..., :3] = 0
    savemat(path, {"Position3DGrid": zeros})
    with pytest.raises(ValueError, match=r"channel 3 .*found zeros: use depth='range'"):
        Make3D(make3d)[0]
    assert Make3D(make3d, depth="range")[0]["mask"].any()
    path.unlink()
    with pytest.raises(ValueError, match="found 2 and 1; without the other: math7-p-282t0"):
        Make3D(make3d)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Make3D(tmp_path / "nowhere")
    for bad in ({"split": "val"}, {"depth": "inverse"}, {"size": (0, 4)}, {"size": (4,)}, {"max_depth": 0}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            Make3D(make3d, **bad)
    assert dict(Make3D.PUBLISHED) == {"train": 400, "test": 134}


@pytest.mark.parametrize("compressed", [False, True])
def test_a_thousand_damaged_grids_give_a_sample_or_one_error(make3d, compressed):
    path = make3d / "Train400Depth/depth_sph_corr-math7-p-282t0.mat"
    savemat(path, {"Position3DGrid": GRID}, do_compression=compressed)
    data = Make3D(make3d, size=(4, 6))
    assert fuzz.survives(path, lambda: data[0]) > 300


def test_a_thousand_damaged_photographs_give_a_sample_or_one_error(make3d):
    data = Make3D(make3d, size=(4, 6))
    assert fuzz.survives(make3d / "Train400Img/img-math7-p-282t0.jpg", lambda: data[0]) > 100


def test_samples_are_made_when_they_are_asked_for_by_workers_too(make3d):
    loaded = list(torch.utils.data.DataLoader(Make3D(make3d, size=(4, 6)), num_workers=1))
    assert [sample["name"] for sample in loaded] == [["math7-p-282t0"], ["op1-p-0t1"]]
