"""KITTI: lists, units, the two truths of Eigen's test images, and what is wrong with a damaged copy."""

import fuzz
import made_outdoor as made
import numpy as np
import pytest
import torch

from sidelib.data.kitti import KITTI
from sidelib.data.kitti_velodyne import read_calibration, read_scan, scan_to_depth

DRIVE = "2011_09_26_drive_0002_sync"
IMAGE = f"2011_09_26/{DRIVE}/image_02/data/00000000{{}}.png"
DEPTH = f"{DRIVE}/proj_depth/groundtruth/image_02/00000000{{}}.png"
SIZE = (4, 6)
# The scanner looks along x with y to the left and z up; the camera along z with x to the right and y down.
TURN = "0 -1 0 0 0 -1 1 0 0"
CAMERA = """calib_time: 09-Jan-2012 13:57:47
corner_dist: 9.950000e-02
S_rect_02: 6.0e+00 4.0e+00
R_rect_00: 1 0 0 0 1 0 0 0 1
P_rect_02: 10 0 3 5 0 10 2 0 0 0 1 0.25
"""
SCANNER = f"""calib_time: 15-Mar-2012 11:37:16
R: {TURN}
T: 0 0 -1
delta_f: 0.0e+00 0.0e+00
"""


@pytest.fixture
def root(tmp_path):
    lines = []
    for frame, depth in (("03", True), ("01", False), ("02", True)):  # the list's order is kept
        made.image(tmp_path / IMAGE.format(frame), *SIZE, seed=int(frame))
        if depth:
            raw = np.full(SIZE, 256 * 10 * int(frame), dtype=np.uint16)
            raw[0] = (0, 256, 384, 1, 0, 65535)
            part = "train" if frame == "02" else "val"
            made.grey(tmp_path / "data_depth_annotated" / part / DEPTH.format(frame), raw)
        scan = np.float32([[4, 0, 0, 0.5], [2 + int(frame), 0, 0, 0], [-5, 0, 0, 0]])
        path = tmp_path / f"2011_09_26/{DRIVE}/velodyne_points/data/00000000{frame}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(scan.astype("<f4").tobytes())
        lines.append(f"{IMAGE.format(frame)} {DEPTH.format(frame) if depth else None} 10.0")
    (tmp_path / "2011_09_26/calib_cam_to_cam.txt").write_text(CAMERA)
    (tmp_path / "2011_09_26/calib_velo_to_cam.txt").write_text(SCANNER)
    for name in ("eigen_test_files_with_gt.txt", "eigen_train_files_with_gt.txt"):
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    return tmp_path


def listed(root):
    return root / "eigen_test_files_with_gt.txt"


def test_convention_depth_pngs_are_in_1_256_m_with_0_invalid(root):
    sample = KITTI(root)[0]
    assert sample["depth"][0, 0].tolist() == [0, 1, 1.5, 1 / 256, 0, pytest.approx(255.99609)]
    assert sample["mask"][0, 0].tolist() == [False, True, True, True, False, True]
    assert sample["depth"][0, 1, 0] == 30 and sample["name"] == IMAGE.format("03")[:-4]
    assert sample["intrinsics"].tolist() == [[10, 0, 3], [0, 10, 2], [0, 0, 1]]
    fuzz.assert_well_formed(sample)


def test_a_list_is_read_in_its_order_and_without_lines_that_have_no_depth(root):
    for split in ("eigen-test-652", "eigen-train"):
        data = KITTI(root, split=split)
        assert [sample["name"][-2:] for sample in data] == ["03", "02"]
    assert [sample["name"][-2:] for sample in KITTI(root, split="eigen-test-697")] == ["03", "01", "02"]
    own = root / "own.txt"
    own.write_text(listed(root).read_text().splitlines()[2])
    assert len(KITTI(root, split="eigen-train", split_file=own)) == 1
    listed(root).rename(root / "kitti_eigen_test_files_with_gt.txt")
    assert len(KITTI(root)) == 2


def test_the_697_have_the_depth_of_their_own_scan(root):
    # A point straight ahead at x metres: z = x − 1 in camera 00, and x − 0.75 in camera 02, 5/10 m to its side.
    # u = 3 + 5/(x − 0.75), v = 2·(x − 1)/(x − 0.75), both rounded and counted from 1.
    samples = list(KITTI(root, split="eigen-test-697"))
    for sample, second in zip(samples, (5, 3, 4)):
        expected = torch.zeros(SIZE)
        for x in sorted({4, second}, reverse=True):
            z = x - 0.75
            expected[round(2 * (x - 1) / z) - 1, round((3 * (x - 1) + 5) / z) - 1] = z
        assert torch.equal(sample["depth"][0], expected)
        assert sample["mask"].sum() == (expected > 0).sum() and expected.count_nonzero() >= 1
        fuzz.assert_well_formed(sample)


def test_convention_pixels_of_the_calibration_count_from_one():
    points = np.array([[10.0, 0, 0]])
    straight = np.array([[3.0, -1, 0, 0], [2.0, 0, -1, 0], [1.0, 0, 0, 0]])
    assert np.argwhere(scan_to_depth(points, straight, SIZE)).tolist() == [[1, 2]]  # (v, u) = (2, 3) counted from 1
    # What leaves the image, even by one pixel, is dropped, not clamped.
    assert scan_to_depth(np.array([[10.0, 26, 0]]), straight, SIZE).sum() == 0
    assert np.argwhere(scan_to_depth(np.array([[10.0, 19.9, 0]]), straight, SIZE)).tolist() == [[1, 0]]


def test_the_nearest_point_wins_whatever_the_order():
    camera = np.array([[1.0, 0, 0, 0], [1.0, 0, 0, 0], [1.0, 0, 0, 0]])
    points = np.array([[x, 0, 0] for x in (7.0, 3.0, 5.0)])
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        assert scan_to_depth(points[order], camera, (1, 1)).item() == 3


def test_what_lies_behind_the_scanner_is_dropped_even_if_it_lies_before_the_camera():
    camera = np.array([[1.0, 0, 0, 3], [1.0, 0, 0, 3], [1.0, 0, 0, 3]])  # three metres behind the scanner
    assert scan_to_depth(np.array([[-1.0, 0, 0]]), camera, (1, 1)).item() == 0
    assert scan_to_depth(np.array([[0.0, 0, 0]]), camera, (1, 1)).item() == 3


def test_points_are_turned_into_the_rectified_frame(root):
    # (4, 0.65, 0) is (−0.65, 0, 3) in camera 00. A rectification by half a turn about the axis makes it (0.65, 0, 3),
    # so u = (10·0.65 + 3·3 + 5)/3.25 = 6.3: column 5 counted from 0. Without it: (−6.5 + 14)/3.25 = 2.3, column 1.
    path = root / "2011_09_26/calib_cam_to_cam.txt"
    path.write_text(CAMERA.replace("R_rect_00: 1 0 0 0 1 0", "R_rect_00: -1 0 0 0 -1 0"))
    scan = np.float32([[4, 0.65, 0, 0]])
    (root / f"2011_09_26/{DRIVE}/velodyne_points/data/0000000003.bin").write_bytes(scan.tobytes())
    depth = KITTI(root, split="eigen-test-697")[0]["depth"][0]
    assert depth.nonzero().tolist() == [[1, 5]] and depth[1, 5] == 3.25


def test_a_made_scan_of_a_wall_gives_the_wall_back():
    """A wall 20 m ahead of the camera, under KITTI's real-sized camera and a tilted scanner: z is 20 everywhere."""
    angle, shift = 0.02, np.array([0.01, -0.08, -0.27])
    tilt = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    turn = tilt @ np.array(TURN.split(), dtype=float).reshape(3, 3)
    intrinsics = np.array([[721.5377, 0, 609.5593], [0, 721.5377, 172.854], [0, 0, 1]])
    projection = np.hstack([intrinsics, [[44.85728], [0.2163791], [0.002745884]]])
    v, u = np.meshgrid(np.arange(375), np.arange(1242), indexing="ij")
    rays = np.stack([u + 1.0, v + 1.0, np.ones_like(u)], -1).reshape(-1, 3)
    offset = np.linalg.solve(intrinsics, projection[:, 3])
    wall = (20 * rays @ np.linalg.inv(intrinsics).T - offset - shift) @ turn  # into the scanner's frame
    rigid = np.vstack([np.hstack([turn, shift[:, None]]), [0, 0, 0, 1]])
    depth = scan_to_depth(np.float32(wall).astype(float), projection @ rigid, (375, 1242))
    assert np.abs(depth - 20).max() < 1e-4


def selection(root):
    place = root / "depth_selection/val_selection_cropped"
    name = DRIVE + "_{}_0000000005_image_02"
    made.image(place / "image" / f"{name.format('image')}.png", *SIZE)
    made.grey(place / "groundtruth_depth" / f"{name.format('groundtruth_depth')}.png", np.full(SIZE, 2560, np.uint16))
    path = place / "intrinsics" / f"{name.format('image')}.txt"
    path.parent.mkdir()
    path.write_text("7.2e+02 0.0 6.0e+02 0.0 7.2e+02 1.5e+02 0.0 0.0 1.0\n")
    return place


def test_the_selection_has_its_own_intrinsics(tmp_path):
    place = selection(tmp_path)
    for root in (tmp_path, tmp_path / "depth_selection", place):
        sample = KITTI(root, split="selection")[0]
        assert sample["intrinsics"].tolist() == [[720, 0, 600], [0, 720, 150], [0, 0, 1]]
        assert sample["depth"].unique().item() == 10 and sample["name"] == f"{DRIVE}_image_0000000005_image_02"
    next((place / "groundtruth_depth").iterdir()).unlink()
    with pytest.raises(ValueError, match="found 1 and 0"):
        KITTI(tmp_path, split="selection")


def test_plain_folders_pair_by_name(tmp_path):
    for k in (2, 1):
        made.image(tmp_path / f"rgb/{k}.png", *SIZE)
        made.grey(tmp_path / f"depth/{k}.png", np.full(SIZE, 2560 * k, np.uint16))
    assert [sample["depth"].unique().item() for sample in KITTI(tmp_path, split="folder")] == [10, 20]
    (tmp_path / "depth/2.png").rename(tmp_path / "depth/3.png")
    with pytest.raises(ValueError, match="without the other: 2"):
        KITTI(tmp_path, split="folder")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.png b.png", "expected `image depth-or-None focal`"),
        ("a.png b.png -721", "expected `image depth-or-None focal`"),
        ("a.png b.png nan", "expected `image depth-or-None focal`"),
        ("a.png b.png 0", "expected `image depth-or-None focal`"),
        ("a.png b.png 721 4", "expected `image depth-or-None focal`"),
        (IMAGE.format("03") + " b.png 721", "expected each image once"),
    ],
)
def test_a_corrupt_line_is_named(root, line, message):
    listed(root).write_text(listed(root).read_text() + line)
    with pytest.raises(ValueError, match=rf"eigen_test_files_with_gt\.txt, line 4: {message}"):
        KITTI(root)


def test_what_is_wrong_is_named(root, tmp_path):
    with pytest.raises(ValueError, match="split: expected one of eigen-train"):
        KITTI(root, split="test")
    with pytest.raises(ValueError, match="split_file"):
        KITTI(root, split="folder", split_file="x")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        KITTI(root / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"none\.txt"):
        KITTI(root, split_file=root / "none.txt")
    with pytest.raises(FileNotFoundError, match="depth_selection"):
        KITTI(root, split="selection")
    original = listed(root).read_text()
    for bad in ("../../secret.png", "/etc/passwd"):
        listed(root).write_text(f"{bad} {DEPTH.format('02')} 10\n")
        with pytest.raises(ValueError, match="line 1: the path .* leads out"):
            KITTI(root)[0]
        listed(root).write_text(f"{IMAGE.format('02')} {bad} 10\n")
        with pytest.raises(ValueError, match="line 1: the path .* leads out"):
            KITTI(root)[0]
    listed(root).write_text(original.replace(" 10.0", " 20.0"))
    with pytest.raises(ValueError, match=r"line 1: expected the focal length .*calib_cam_to_cam\.txt, 10, found 20"):
        KITTI(root)[0]
    listed(root).write_text(original.replace(DRIVE + "/proj", "other/proj"))
    with pytest.raises(FileNotFoundError, match="line 1: no file other/proj.*data_depth_annotated"):
        KITTI(root)[0]
    listed(root).write_text(f"other/{DRIVE}/image.png None 10\n")
    with pytest.raises(ValueError, match="line 1: expected date/drive"):
        KITTI(root, split="eigen-test-697")
    listed(root).write_text(f"{IMAGE.format('01')} None 10\n")
    with pytest.raises(ValueError, match="none with depth"):
        KITTI(root)


def test_wrong_pngs_and_scales_are_refused(root):
    path = root / "data_depth_annotated/val" / DEPTH.format("03")
    made.grey(path, np.full(SIZE, 10, np.uint16))  # metres saved as they are
    with pytest.raises(ValueError, match=r"03\.png: expected a median depth from 1 to 100 m"):
        KITTI(root)[0]
    made.grey(path, np.full(SIZE, 200, np.uint8))
    with pytest.raises(ValueError, match=r"03\.png: expected a PNG with one channel of 16 bits"):
        KITTI(root)[0]
    made.grey(path, np.full((4, 5), 2560, np.uint16))
    with pytest.raises(ValueError, match=r"03\.png: expected the size"):
        KITTI(root)[0]
    made.image(root / IMAGE.format("03"), 4, 5)
    with pytest.raises(ValueError, match=r"calib_cam_to_cam\.txt: expected the image's size, 5 × 4.*found 6 × 4"):
        KITTI(root)[0]


def test_calibration_and_scans_are_checked(root):
    camera, scanner = (root / f"2011_09_26/calib_{name}.txt" for name in ("cam_to_cam", "velo_to_cam"))
    data = KITTI(root, split="eigen-test-697")
    scan = root / f"2011_09_26/{DRIVE}/velodyne_points/data/0000000003.bin"

    def broken(path, content, message):
        original = path.read_bytes()
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"{path.name}.*{message}"):
            data[0]
        path.write_bytes(original)

    broken(camera, CAMERA.replace("P_rect_02", "P_rect_03").encode(), "P_rect_02 not found")
    broken(camera, CAMERA.replace("5 0 10", "nan 0 10").encode(), "line 5: expected P_rect_02 once, with 12 finite")
    broken(camera, CAMERA.replace("5 0 10", "0 10").encode(), "line 5")
    broken(camera, (CAMERA + "R_rect_00: 1 0 0 0 1 0 0 0 1\n").encode(), "line 6: expected R_rect_00 once")
    broken(camera, CAMERA.replace("P_rect_02: 10", "P_rect_02: -10").encode(), "focal lengths above 0")
    broken(scanner, SCANNER.replace("R: 0", "R: 5").encode(), "expected a rotation")
    broken(scan, scan.read_bytes()[:-1], "multiple of 16 bytes, found 47 bytes")
    broken(scan, b"", "found 0 bytes")
    broken(scan, np.float32([[np.nan, 0, 0, 0]]).tobytes(), "within 200 m")
    broken(scan, np.float32([[0, 1e9, 0, 0]]).tobytes(), "within 200 m")
    scan.unlink()
    with pytest.raises(FileNotFoundError, match="0000000003"):
        data[0]
    camera.unlink()
    assert "intrinsics" not in KITTI(root)[0]
    with pytest.raises(FileNotFoundError, match="calib_cam_to_cam"):
        data[1]


def test_calibration_keeps_row_order(tmp_path):
    path = tmp_path / "c.txt"
    path.write_text("time: noon\nR: 1 2 3 4 5 6\n")
    assert read_calibration(path, {"R": (2, 3)})["R"].tolist() == [[1, 2, 3], [4, 5, 6]]
    (tmp_path / "s.bin").write_bytes(np.float32([1, 2, 3, 9, 4, 5, 6, 9]).tobytes())
    assert read_scan(tmp_path / "s.bin").tolist() == [[1, 2, 3], [4, 5, 6]]


def test_a_published_count_is_given_for_each_published_split():
    assert dict(KITTI.PUBLISHED) == {
        "eigen-train": 23158,
        "eigen-test-652": 652,
        "eigen-test-697": 697,
        "selection": 1000,
    }


@pytest.mark.parametrize(
    ("file", "split", "text"),
    [
        ("eigen_test_files_with_gt.txt", "eigen-test-652", True),
        ("eigen_test_files_with_gt.txt", "eigen-test-697", True),
        ("data_depth_annotated/val/" + DEPTH.format("03"), "eigen-test-652", False),
        (IMAGE.format("03"), "eigen-test-652", False),
        ("2011_09_26/calib_cam_to_cam.txt", "eigen-test-697", True),
        ("2011_09_26/calib_velo_to_cam.txt", "eigen-test-697", True),
        (f"2011_09_26/{DRIVE}/velodyne_points/data/0000000003.bin", "eigen-test-697", False),
    ],
)
def test_a_thousand_damaged_files_give_a_sample_or_one_error(root, file, split, text):
    assert fuzz.survives(root / file, lambda: KITTI(root, split=split)[0], text=text) > 100


def test_a_thousand_damaged_intrinsics_give_a_sample_or_one_error(tmp_path):
    path = next((selection(tmp_path) / "intrinsics").iterdir())
    assert fuzz.survives(path, lambda: KITTI(tmp_path, split="selection")[0], text=True) > 100
