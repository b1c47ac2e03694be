"""ScanNet and SUN RGB-D: units, invalid pixels, cameras and poses, splits, and damage that is named."""

import shutil

import numpy as np
import pytest
from fuzz import survives
from made_indoor import rotated, save, write, write_scannet, write_sun, write_sun_split
from PIL import Image

from sidelib.data.scannet import ScanNet
from sidelib.data.sun_rgbd import SUNRGBD, unrotate


@pytest.fixture
def scannet(tmp_path):
    return write_scannet(tmp_path)


def test_scannet_frames_are_in_metres_at_the_size_of_depth(scannet):
    sample = ScanNet(scannet)[0]
    assert tuple(sample["image"].shape) == (3, 6, 8) and tuple(sample["depth"].shape) == (1, 6, 8)
    assert sample["depth"][0, 0, :3].tolist() == pytest.approx([0, 65.535, 1.0])
    assert sample["mask"][0, 0, :3].tolist() == [False, True, True]
    assert (sample["name"], sample["scene"]) == ("scene0000_00/0", "scene0000_00")
    assert sample["intrinsics"][0].tolist() == pytest.approx([577.6, 0, 3.6])  # the depth camera's
    assert sample["intrinsics"][1].tolist() == pytest.approx([0, 578.7, 2.7])


def test_convention_scannet_poses_are_camera_to_world_and_lost_frames_are_left_out(scannet):
    data = ScanNet(scannet)
    names = [sample["name"] for sample in data]
    assert names == ["scene0000_00/0", "scene0000_00/2", "scene0001_02/0", "scene0001_02/1", "scene0001_02/2"]
    assert data[1]["pose"][:3, 3].tolist() == [2, 2, 3]  # where the camera is
    everything = ScanNet(scannet, poses=False)
    assert len(everything) == 6 and "pose" not in everything[1] and everything[1]["mask"].any()


def test_scannet_frames_are_in_the_order_of_numbers(tmp_path):
    write_scannet(tmp_path, frames=11, lost=())
    assert [number for scan, number in ScanNet(tmp_path).records[:11]] == [str(k) for k in range(11)]


def test_scannet_colour_is_resized_with_antialiasing(scannet):
    stripes = np.zeros((24, 32, 3), dtype=np.uint8)  # four times the depth map's size
    stripes[:, 1::4] = stripes[:, 2::4] = 255  # white where a plain bilinear resize would look, black between
    for k in range(3):
        Image.fromarray(stripes).save(scannet / "scene0001_02" / "color" / f"{k}.jpg", quality=100)
    inner = ScanNet(scannet, split="val")[0]["image"][:, 1:-1, 1:-1]
    assert (inner - 0.5).abs().max() < 0.05


def test_scannet_splits_come_from_lists_of_scans(scannet):
    assert {sample["scene"] for sample in ScanNet(scannet, split="val")} == {"scene0001_02"}
    write(scannet / "mine.txt", "scene0001_02\nscene0000_00\n")
    assert [scan.name for scan, _ in ScanNet(scannet, split_file="mine.txt").records] == ["scene0001_02"] * 3 + [
        "scene0000_00"
    ] * 2
    with pytest.raises(FileNotFoundError, match=r"scannetv2_train\.txt"):
        ScanNet(scannet, split="train")
    with pytest.raises(ValueError, match="split.*split_file"):
        ScanNet(scannet, split="val", split_file="mine.txt")
    for line, says in (
        ("../scene0000_00", "leads out"), ("scene0009_00", "found no"), ("scene0000_00", "again"), ("room", "'room'"),
        ("scene0000_00/color", "one scan"), ("scene0000_00 2", "one scan"),
    ):  # fmt: skip
        write(scannet / "mine.txt", f"scene0000_00\n{line}\n")
        with pytest.raises((ValueError, FileNotFoundError), match=rf"mine\.txt, line 2: .*{says}"):
            ScanNet(scannet, split_file="mine.txt")


def test_scannet_files_that_do_not_fit_are_named(scannet, tmp_path):
    scan = scannet / "scene0000_00"
    with pytest.raises(ValueError, match="root"):
        ScanNet(None)
    with pytest.raises(ValueError, match="found no frame"):
        ScanNet(scan)
    shutil.copy(scan / "intrinsic" / "intrinsic_color.txt", scan / "intrinsic" / "intrinsic_depth.txt")
    with pytest.raises(ValueError, match=r"intrinsic_depth\.txt.*another size"):  # the colour camera's
        ScanNet(scannet)[0]
    save(scan / "depth" / "2.png", np.full((8, 6), 2000, dtype=np.uint16))
    with pytest.raises(ValueError, match=r"2\.png.*shape of .*2\.jpg"):
        ScanNet(scannet)[1]
    save(scan / "depth" / "2.png", np.full((6, 8), 20, dtype=np.uint16))
    write(scan / "intrinsic" / "intrinsic_depth.txt", "5 0 4 0\n0 5 3 0\n0 0 1 0\n0 0 0 1\n")
    with pytest.raises(ValueError, match=r"2\.png.*0\.02 m"):  # centimetres
        ScanNet(scannet)[1]
    write(scan / "pose" / "0.txt", "2 0 0 0\n0 2 0 0\n0 0 2 0\n0 0 0 1\n")
    with pytest.raises(ValueError, match=r"pose/0\.txt.*rotation"):
        ScanNet(scannet)[0]
    write(scan / "pose" / "0.txt", "1 0 0 0\n0 1 0 0\n0 0 -1 0\n0 0 0 1\n")
    with pytest.raises(ValueError, match=r"pose/0\.txt.*rotation"):  # a mirror
        ScanNet(scannet)[0]
    write(scan / "pose" / "0.txt", "1 0 0 0\n0 1 0 0\n")
    with pytest.raises(ValueError, match=r"pose/0\.txt.*4×4"):
        ScanNet(scannet)[0]
    (scan / "pose" / "2.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"pose/2\.txt"):
        ScanNet(scannet)
    (scan / "depth" / "1.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"depth/1\.png"):
        ScanNet(scannet, poses=False)


def test_convention_sun_depth_is_rotated_by_three_bits():
    millimetres = np.arange(65536, dtype=np.uint16)
    assert np.array_equal(unrotate(rotated(millimetres)), millimetres)  # every value there is
    far = rotated(np.array([8191, 8192, 10000], dtype=np.uint16))
    assert (far >> 3).tolist() == [8191, 0, 1808]  # a plain shift brings what is far to the front
    assert (far.astype(np.int64) >> 3 | far.astype(np.int64) << 13)[2] > 65535  # and 32 bits keep what should leave
    with pytest.raises(TypeError, match="uint16"):
        unrotate(np.array([8], dtype=np.int32))


@pytest.fixture
def sun(tmp_path):
    return write_sun(tmp_path)


def test_sun_frames_of_all_sensors_are_found_and_in_metres(sun):
    data = SUNRGBD(sun)
    assert [sample["name"] for sample in data] == [
        "SUNRGBD/kv1/NYUdata/NYU0001", "SUNRGBD/kv1/NYUdata/NYU0002", "SUNRGBD/xtion/sun3ddata/mit/room/0001_0.1"
    ]  # fmt: skip
    assert data[2]["depth"][0, 0, :4].tolist() == pytest.approx([0, 8.191, 9.0, 4.5])
    assert data[2]["mask"][0, 0, :4].tolist() == [False, True, True, True]
    assert data[0]["intrinsics"].tolist() == [[520.5, 0, 4], [0, 521.5, 3], [0, 0, 1]]
    assert len(SUNRGBD(sun / "SUNRGBD")) == 3
    assert SUNRGBD(sun, refined=True)[0]["mask"].all()
    (sun / "SUNRGBD" / "kv1" / "NYUdata" / "NYU0001" / "intrinsics.txt").unlink()
    assert "intrinsics" not in SUNRGBD(sun)[0]


def test_sun_depth_without_the_rotation_is_refused(sun):
    frame = sun / "SUNRGBD" / "kv1" / "NYUdata" / "NYU0001"
    save(frame / "depth" / "0.png", np.full((6, 8), 2723, dtype=np.uint16))  # plain millimetres
    with pytest.raises(ValueError, match=r"0\.png.*24\.916 m"):
        SUNRGBD(sun)[0]


def test_sun_splits_follow_the_toolbox_or_a_list(sun):
    assert [sample["name"][-7:] for sample in SUNRGBD(sun, split="train")] == ["NYU0001", "001_0.1"]
    assert [sample["name"][-7:] for sample in SUNRGBD(sun, split="test")] == ["NYU0002"]
    write(sun / "mine.txt", "SUNRGBD/kv1/NYUdata/NYU0002\nkv1/NYUdata/NYU0001/\n")
    assert [sample["name"][-7:] for sample in SUNRGBD(sun, split_file="mine.txt")] == ["NYU0002", "NYU0001"]
    assert SUNRGBD.PUBLISHED["train"] + SUNRGBD.PUBLISHED["test"] == SUNRGBD.PUBLISHED["all"] == 10335
    with pytest.raises(ValueError, match="split.*text list"):
        SUNRGBD(sun, split="train", split_file="mine.txt")
    with pytest.raises(ValueError, match=r"split.*\.mat"):
        SUNRGBD(sun, split_file="SUNRGBDtoolbox/traintestSUNRGBD/allsplit.mat")


def test_sun_splits_that_do_not_fit_are_named(sun):
    for line, says in (("../../elsewhere", "leads out"), ("kv1/NYUdata/NYU0009", "found no"), ("a,b", "one folder")):
        write(sun / "mine.txt", f"kv1/NYUdata/NYU0001\n{line}\n")
        with pytest.raises((ValueError, FileNotFoundError), match=rf"mine\.txt, line 2: .*{says}"):
            SUNRGBD(sun, split_file="mine.txt")
    write_sun_split(sun, train=["SUNRGBD/kv1/NYUdata/NYU0001"], test=["SUNRGBD/kv1/NYUdata/NYU0001"])
    with pytest.raises(ValueError, match=r"allsplit\.mat.*NYU0001 in both"):
        SUNRGBD(sun, split="train")
    write_sun_split(sun, train=["SUNRGBD/kv1/NYUdata/NYU0001"], test=["SUNRGBD/kv1/NYUdata/NYU0009"])
    with pytest.raises(FileNotFoundError, match=r"allsplit\.mat, alltest\{1\}: .*NYU0009"):
        SUNRGBD(sun, split="test")
    write_sun_split(sun, train=["SUNRGBD/kv1/NYUdata/NYU0001"])
    with pytest.raises(ValueError, match=r"allsplit\.mat.*alltest"):
        SUNRGBD(sun, split="train")
    write_sun_split(sun, train=[1.0, 2.0], test=[3.0, 4.0])
    with pytest.raises(ValueError, match=r"allsplit\.mat.*one path"):
        SUNRGBD(sun, split="train")
    shutil.rmtree(sun / "SUNRGBDtoolbox")
    with pytest.raises(FileNotFoundError, match=r"allsplit\.mat"):
        SUNRGBD(sun, split="train")


def test_sun_frames_that_do_not_fit_are_named(sun):
    frame = sun / "SUNRGBD" / "kv1" / "NYUdata" / "NYU0001"
    save(frame / "depth" / "second.png", np.zeros((6, 8), dtype=np.uint16))
    with pytest.raises(ValueError, match="NYU0001/depth: expected one image, found 2"):
        SUNRGBD(sun)[0]
    with pytest.raises(ValueError, match="found no frame"):
        SUNRGBD(frame / "fullres")
    with pytest.raises(ValueError, match="root"):
        SUNRGBD(None)
    with pytest.raises(ValueError, match="split"):
        SUNRGBD(sun, split="val")


@pytest.mark.parametrize("name", ["color/0.jpg", "depth/0.png"])
def test_damaged_scannet_frames_are_refused_or_read(scannet, name):
    assert survives(scannet / "scene0000_00" / name, lambda: ScanNet(scannet)[0]) > 0


@pytest.mark.parametrize(
    "name", ["scene0000_00/pose/0.txt", "scene0000_00/intrinsic/intrinsic_depth.txt", "scannetv2_val.txt"]
)
def test_damaged_scannet_texts_are_refused_or_read(scannet, name):
    split = "val" if name.startswith("scannet") else "all"
    assert survives(scannet / name, lambda: ScanNet(scannet, split=split)[0], text=True) > 0


@pytest.mark.parametrize("name", ["image/0.jpg", "depth/0.png", "intrinsics.txt"])
def test_damaged_sun_frames_are_refused_or_read(sun, name):
    path = sun / "SUNRGBD" / "kv1" / "NYUdata" / "NYU0001" / name
    assert survives(path, lambda: SUNRGBD(sun, split="train")[0], text=path.suffix == ".txt") > 0


def test_damaged_sun_splits_are_refused_or_read(sun):
    path = sun / "SUNRGBDtoolbox" / "traintestSUNRGBD" / "allsplit.mat"
    assert survives(path, lambda: SUNRGBD(sun, split="train")[0]) > 0
    write(sun / "mine.txt", "kv1/NYUdata/NYU0002\nkv1/NYUdata/NYU0001\n")
    assert survives(sun / "mine.txt", lambda: SUNRGBD(sun, split_file="mine.txt")[0], text=True) > 0
