"""Protocols say what they mean, refuse what means nothing, and name what the field uses."""

import pytest

from sidelib.metrics import CROPS, PROTOCOLS, Protocol, crop_box


@pytest.mark.parametrize(
    "crop, size, box",
    [
        ("none", (5, 7), (0, 5, 0, 7)),
        ("garg", (375, 1242), (153, 371, 44, 1197)),
        ("eigen", (375, 1242), (124, 342, 44, 1197)),
        ("benchmark", (375, 1242), (23, 375, 13, 1229)),
        ("benchmark", (352, 1216), (0, 352, 0, 1216)),
        ("nyu-toolbox", (480, 640), (44, 471, 40, 601)),
        ((1, 2, 3, 4), (5, 7), (1, 2, 3, 4)),
    ],
)
def test_crops_are_the_rows_and_columns_of_the_literature(crop, size, box):
    assert crop_box(crop, size) == box


def test_convention_the_toolbox_border_is_427_by_561_and_the_misread_one_is_not():
    shapes = {}
    for crop in ("nyu-toolbox", "nyu-bts"):
        top, bottom, left, right = crop_box(crop, (480, 640))
        shapes[crop] = (bottom - top, right - left)
    # 45:471 and 41:601 of MATLAB count from 1 and include their ends; read as Python's they lose a row and a column.
    assert shapes == {"nyu-toolbox": (427, 561), "nyu-bts": (426, 560)}


@pytest.mark.parametrize(
    "crop, size, words",
    [
        ("nyu-bts", (240, 320), "nyu-bts is made for maps of 480×640, found 240×320"),
        ("benchmark", (351, 1216), "at least 352×1216, found 351×1216"),
        ((0, 6, 0, 1), (5, 7), r"\(0, 6, 0, 1\) does not fit a map of 5×7"),
        ((2, 2, 0, 1), (5, 7), "does not fit"),
    ],
)
def test_a_crop_that_does_not_fit_is_said(crop, size, words):
    with pytest.raises(ValueError, match=words):
        crop_box(crop, size)


@pytest.mark.parametrize(
    "fields, words",
    [
        ({"crop": "eigne"}, "crop: .*'eigne'"),
        ({"crop": (1, 2, 3)}, "crop"),
        ({"alignment": "mean"}, "alignment: .*'mean'"),
        ({"alignment": "scale_shift"}, "clip: scale_shift can make depth negative"),
        ({"clip": (0, 10)}, "clip: .* 0 < lowest"),
        ({"clip": (10, 1)}, "clip"),
        ({"min_depth": 5, "max_depth": 5}, "min_depth"),
        ({"compare_at": "image"}, "compare_at: .*'image'"),
        ({"compare_at": (0, 4)}, "compare_at"),
        ({"resample": "log"}, "resample"),
        ({"interpolation": "cubic"}, "interpolation"),
        ({"pooling": "all"}, "pooling"),
    ],
)
def test_a_protocol_that_means_nothing_is_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        Protocol("x", **fields)


def test_a_protocol_is_a_value():
    assert Protocol("a", crop="garg") == Protocol("a", crop="garg") != Protocol("a")
    assert len({Protocol("a"), Protocol("a"), Protocol("b")}) == 2


def test_each_paper_and_popular_code_base_has_its_protocol():
    assert {"thesis", "ds_sidenet-nyu", "ds_sidenet-kitti", "sid_segmentation", "unet_report", "hqmd"} < set(PROTOCOLS)
    assert {"fcrn", "densedepth", "bts-nyu", "bts-kitti", "sfmlearner", "monodepth2", "kitti-devkit"} < set(PROTOCOLS)
    assert {protocol.crop for protocol in PROTOCOLS.values()} | {"benchmark"} == set(CROPS)
    # Averages as the literature has them: pooled or image by image.
    pooled = {name for name, protocol in PROTOCOLS.items() if protocol.pooling == "pixels"}
    assert {"thesis", "sid_segmentation", "fcrn", "densedepth"} <= pooled
    assert not pooled & {"hqmd", "bts-nyu", "bts-kitti", "sfmlearner", "monodepth2"}
    assert all(protocol.note and protocol.name == name for name, protocol in PROTOCOLS.items())
