"""NYU-style folders: lists, layouts, both scales, and damage that is named."""

import math

import numpy as np
import pytest
from fuzz import survives
from made_indoor import picture, save, write

from sidelib.data.nyu_folder import NYUFolder


def nyu_frame(place, number, millimetres=2000, size=(5, 7), *, apart=False):
    depth = np.full(size, millimetres, dtype=np.uint16)
    depth[0, 0] = 0
    save(place / ("rgb" if apart else "") / f"rgb_{number}.jpg", picture(*size))
    save(place / ("depth" if apart else "") / f"sync_depth_{number}.png", depth)


@pytest.fixture
def bts(tmp_path):
    for scene in ("kitchen_0028b", "office_0003"):
        for number in ("00045", "00000"):
            nyu_frame(tmp_path / scene, number, 2000 if scene.startswith("k") else 3000)
    nyu_frame(tmp_path / "official_splits" / "test" / "bathroom", "00045", 4000)
    line = "/{0}/rgb_{1}.jpg /{0}/sync_depth_{1}.png 518.8579\n"
    write(
        tmp_path / "nyudepthv2_train_files_with_gt.txt",
        line.format("office_0003", "00000") + line.format("kitchen_0028b", "00045"),
    )
    write(
        tmp_path / "nyudepthv2_test_files_with_gt.txt",
        "bathroom/rgb_00045.jpg bathroom/sync_depth_00045.png 518.8579\n",
    )
    return tmp_path


def test_the_lists_of_bts_are_read_in_their_order_and_from_their_folders(bts):
    train, test = NYUFolder(bts, split="train"), NYUFolder(bts, split="test")
    assert [sample["name"] for sample in train] == ["office_0003/rgb_00000", "kitchen_0028b/rgb_00045"]
    assert [sample["scene"] for sample in train] == ["office_0003", "kitchen_0028b"]
    assert train[0]["depth"][0, 0].tolist() == [0, 3, 3, 3, 3, 3, 3]
    assert train[0]["mask"][0, 0].tolist() == [False] + [True] * 6
    assert test[0]["name"] == "official_splits/test/bathroom/rgb_00045" and test[0]["depth"].max() == 4
    assert NYUFolder.PUBLISHED == {"train": 24231, "test": 654}


def test_all_frames_of_all_scenes_are_found_in_order(bts):
    names = [sample["name"] for sample in NYUFolder(bts)]
    assert names == [f"{scene}/rgb_{k}" for scene in ("kitchen_0028b", "office_0003") for k in ("00000", "00045")]


def test_two_folders_side_by_side_are_read_too(tmp_path):
    nyu_frame(tmp_path, "00001", apart=True)
    nyu_frame(tmp_path / "attic", "00002", apart=True)
    assert [sample["name"] for sample in NYUFolder(tmp_path)] == ["rgb/rgb_00001", "attic/rgb/rgb_00002"]
    assert "scene" not in NYUFolder(tmp_path)[0] and NYUFolder(tmp_path)[1]["scene"] == "attic"


def test_a_list_of_ones_own_needs_no_focal_length(bts):
    write(bts / "mine.txt", "office_0003/rgb_00045.jpg  office_0003/sync_depth_00045.png\n\n")
    assert [sample["name"] for sample in NYUFolder(bts, list_file="mine.txt")] == ["office_0003/rgb_00045"]
    with pytest.raises(ValueError, match="split.*list_file"):
        NYUFolder(bts, list_file="mine.txt", split="train")


def test_the_other_scale_is_refused_and_can_be_asked_for(tmp_path):
    nyu_frame(tmp_path, "00001", 3000)
    with pytest.raises(ValueError, match=r"sync_depth_00001\.png.*11\.7188 m"):
        NYUFolder(tmp_path, depth_scale=256)[0]
    with pytest.raises(ValueError, match=r"sync_depth_00001\.png.*3000 m"):
        NYUFolder(tmp_path, depth_scale=1)[0]
    assert NYUFolder(tmp_path, depth_scale=256, plausible=None)[0]["depth"].max().item() == pytest.approx(11.71875)
    nyu_frame(tmp_path, "00001", 640)
    assert NYUFolder(tmp_path, depth_scale=256)[0]["depth"].max() == 2.5
    with pytest.raises(ValueError, match=r"0\.64 m"):
        NYUFolder(tmp_path)[0]
    for scale in (0, -1, math.nan, math.inf):
        with pytest.raises(ValueError, match="depth_scale"):
            NYUFolder(tmp_path, depth_scale=scale)


def test_only_full_frames_have_the_toolbox_camera(tmp_path):
    nyu_frame(tmp_path, "00001")
    nyu_frame(tmp_path, "00002", size=(480, 640))
    small, full = NYUFolder(tmp_path)
    assert "intrinsics" not in small and full["intrinsics"][0, 0].item() == pytest.approx(518.8579)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("office_0003/rgb_00000.jpg", "expected lines of: image depth"),
        ("a.jpg b.png 518 more", "expected lines of: image depth"),
        ("a.jpg b.png zero", "focal length.*'zero'"),
        ("a.jpg b.png -518.8", "focal length.*'-518.8'"),
        ("a.jpg b.jpg 518.8", r"depth as \.png"),
        ("../../secret.jpg b.png 518.8", "leads out"),
        ("a.jpg office_0003/../../b.png 518.8", "leads out"),
    ],
)
def test_a_corrupt_line_is_named(bts, line, says):
    write(bts / "mine.txt", f"office_0003/rgb_00045.jpg office_0003/sync_depth_00045.png 518.8579\n{line}\n")
    with pytest.raises(ValueError, match=rf"mine\.txt, line 2: .*{says}"):
        NYUFolder(bts, list_file="mine.txt")


def test_nyu_folders_that_do_not_fit_are_named(bts, tmp_path):
    with pytest.raises(ValueError, match="root"):
        NYUFolder("")
    with pytest.raises(ValueError, match="split"):
        NYUFolder(bts, split="val")
    with pytest.raises(FileNotFoundError, match="missing.txt"):
        NYUFolder(bts, list_file="missing.txt")
    write(bts / "empty.txt", "\n")
    with pytest.raises(ValueError, match=r"empty\.txt.*found none"):
        NYUFolder(bts, list_file="empty.txt")
    (bts / "office_0003" / "sync_depth_00000.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"sync_depth_00000\.png"):
        NYUFolder(bts, split="train")[0]
    with pytest.raises(ValueError, match=r"office_0003.*no depth map for rgb_00000\.jpg"):
        NYUFolder(bts)
    with pytest.raises(ValueError, match="found no frame"):
        NYUFolder(bts / "official_splits")
    save(bts / "kitchen_0028b" / "sync_depth_00045.png", np.zeros((5, 7), dtype=np.uint8))
    with pytest.raises(ValueError, match=r"sync_depth_00045\.png.*16 bits"):
        NYUFolder(bts, split="train")[1]
    save(bts / "kitchen_0028b" / "sync_depth_00045.png", np.full((5, 6), 2000, dtype=np.uint16))
    with pytest.raises(ValueError, match=r"sync_depth_00045\.png.*size of .*\(5, 7\), found \(5, 6\)"):
        NYUFolder(bts, split="train")[1]


@pytest.mark.parametrize("name", ["kitchen_0028b/rgb_00045.jpg", "kitchen_0028b/sync_depth_00045.png"])
def test_damaged_nyu_frames_are_refused_or_read(bts, name):
    assert survives(bts / name, lambda: NYUFolder(bts, split="train")[1]) > 0


def test_damaged_nyu_lists_are_refused_or_read(bts):
    assert (
        survives(bts / "nyudepthv2_train_files_with_gt.txt", lambda: list(NYUFolder(bts, split="train"))[-1], text=True)
        > 0
    )
