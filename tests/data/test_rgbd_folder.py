"""A general folder of images and depth: patterns, times, association files, intrinsics, and scales that cannot be."""

import fuzz
import made_outdoor as made
import numpy as np
import pytest

from sidelib.data.rgbd_folder import RGBDFolder

SIZE = (3, 4)


def frame(root, image, depth, value=5000):
    made.image(root / image, *SIZE)
    made.grey(root / depth, np.full(SIZE, value, np.uint16))


@pytest.fixture
def tum(tmp_path):
    """Four colour frames and four depth maps, of which two pairs are at most 0.02 s apart."""
    for time in ("1.00", "1.03", "1.20", "1.50"):
        made.image(tmp_path / f"rgb/{time}.png", *SIZE)
    for time, value in (("1.01", 5000), ("1.025", 10000), ("1.30", 15000), ("1.481", 20000)):
        made.grey(tmp_path / f"depth/{time}.png", np.full(SIZE, value, np.uint16))
    for name, folder in (("rgb.txt", "rgb"), ("depth.txt", "depth")):
        times = sorted(path.stem for path in (tmp_path / folder).iterdir())
        lines = ["# color images", "# file: 'x.bag'", "# timestamp filename"]
        (tmp_path / name).write_text("\n".join(lines + [f"{t} {folder}/{t}.png" for t in times]) + "\n")
    return tmp_path


def found(data):
    return [(sample["name"], sample["depth"].unique().item()) for sample in data]


def test_tum_is_paired_by_the_nearest_time_and_each_depth_is_used_once(tum):
    # 1.03 is 0.005 s from 1.025 and takes it; 1.00 then has 1.01; 1.20 has none; 1.50 has 1.481.
    assert found(RGBDFolder(tum, depth_scale=5000)) == [("1.00", 1), ("1.03", 2), ("1.50", 4)]
    assert found(RGBDFolder(tum, depth_scale=5000, pairing="names")) == [
        ("1.00", 1),
        ("1.03", 2),
        ("1.20", 3),
        ("1.50", 4),
    ]
    assert len(RGBDFolder(tum, depth_scale=5000, images="rgb/*.png")) == 4, "a pattern that is given is followed"


def test_the_closest_pair_goes_first_even_if_another_image_comes_before(tmp_path):
    frame(tmp_path, "rgb/a.png", "depth/a.png", 5000)
    frame(tmp_path, "rgb/b.png", "depth/b.png", 10000)
    (tmp_path / "rgb.txt").write_text("10.000 rgb/a.png\n10.010 rgb/b.png\n")
    (tmp_path / "depth.txt").write_text("10.008 depth/a.png\n10.5 depth/b.png\n")
    assert found(RGBDFolder(tmp_path, depth_scale=5000)) == [("b", 1)]


def test_an_association_file_says_which_belongs_to_which(tum):
    (tum / "associations.txt").write_text(
        "# rgb depth\n1.20 rgb/1.20.png 1.01 depth/1.01.png\n\n1.0 rgb/1.00.png 1.3\tdepth/1.30.png\n"
    )
    assert found(RGBDFolder(tum, depth_scale=5000, pairing="associations.txt")) == [("1.20", 1), ("1.00", 3)]


def test_patterns_find_files_anywhere_in_the_root(tmp_path):
    for scene in ("a", "b"):
        frame(tmp_path, f"{scene}/colour/0.jpg", f"{scene}/z/0.png")
    data = RGBDFolder(tmp_path, images="*/colour/*", depths="*/z/*.png")
    assert found(data) == [("a/colour/0", 5), ("b/colour/0", 5)], "the same name twice is told apart by its path"
    frame(tmp_path, "SUN_color.jpg", "SUN_depth.png")
    assert found(RGBDFolder(tmp_path, images="*_color.*", depths="*_depth.png")) == [("SUN_color", 5)]


def test_intrinsics_are_given_as_numbers_or_as_a_file(tmp_path):
    frame(tmp_path, "rgb/0.png", "depth/0.png")
    expected = [[500, 0, 320], [0, 500, 240], [0, 0, 1]]
    (tmp_path / "k.txt").write_text("500 0 320\n0 500 240\n0 0 1\n")
    for given in (expected, np.array(expected), tmp_path / "k.txt", str(tmp_path / "k.txt")):
        assert RGBDFolder(tmp_path, intrinsics=given)[0]["intrinsics"].tolist() == expected
    assert "intrinsics" not in RGBDFolder(tmp_path)[0]
    for bad in ([[1, 2], [3, 4]], [[0, 0, 1]] * 3, "x", [["a"] * 3] * 3, [[500, 0, 0], [0, 500, 0], [0, 0, 2]]):
        with pytest.raises((ValueError, FileNotFoundError), match=r"intrinsics|x: no such file"):
            RGBDFolder(tmp_path, intrinsics=bad)


def test_a_wrong_scale_is_refused_where_it_can_be_seen(tmp_path):
    frame(tmp_path, "rgb/0.png", "depth/0.png", 5000)
    for scale in (1, 1000_000):
        with pytest.raises(ValueError, match=r"depth/0\.png: expected a median depth from 0\.05 to 300 m"):
            RGBDFolder(tmp_path, depth_scale=scale)[0]
        assert RGBDFolder(tmp_path, depth_scale=scale, plausible=None)[0]["mask"].all()
    assert RGBDFolder(tmp_path)[0]["depth"].unique().item() == 5, "a factor of five cannot be seen"
    with pytest.raises(ValueError, match="from 0.3 to 4 m, found 5 m"):
        RGBDFolder(tmp_path, plausible=(0.3, 4))[0]


def test_what_is_wrong_is_named(tum):
    original = (tum / "rgb.txt").read_text()
    for line, message in (
        ("1.7", "line 8: expected a list with lines `time file`"),
        ("x rgb/1.00.png", "line 8: expected a time in seconds, found 'x'"),
        ("nan rgb/1.00.png", "line 8: expected a time in seconds"),
        ("1.50 rgb/1.00.png", "line 8: expected each time once"),
        ("1.7 ../1.00.png", "line 8: the path '../1.00.png' leads out"),
        ("1.7 /etc/passwd", "line 8: the path '/etc/passwd' leads out"),
        ("1.7 rgb/\x00.png", "line 8: the path"),
    ):
        (tum / "rgb.txt").write_text(original + line)
        with pytest.raises(ValueError, match=rf"rgb\.txt.*{message}"):
            RGBDFolder(tum)
    (tum / "rgb.txt").write_text("100.0 rgb/1.00.png\n")
    with pytest.raises(ValueError, match=r"rgb\.txt: expected times within 0\.02 s of depth\.txt, found none"):
        RGBDFolder(tum)
    (tum / "rgb.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"rgb\.txt"):
        RGBDFolder(tum, pairing="times")
    path = tum / "pairs.txt"
    for text, message in (
        ("", "found no line"),
        ("1 rgb/1.00.png 1", "line 1: expected an association file"),
        ("1 rgb/1.00.png 1 ../x.png", "line 1: the path"),
        ("1 rgb/1.00.png 1 depth/1.01.png\n2 rgb/1.00.png 2 depth/1.30.png\n", r"each file once, found .*1\.00\.png"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=rf"pairs\.txt.*{message}"):
            RGBDFolder(tum, pairing="pairs.txt")
    with pytest.raises(FileNotFoundError, match=r"none\.txt"):
        RGBDFolder(tum, pairing="none.txt")
    with pytest.raises(ValueError, match="found 4 images and 0 depth"):
        RGBDFolder(tum, depths="depth/*.exr")
    with pytest.raises(FileNotFoundError, match="colour"):
        RGBDFolder(tum, images="colour/*")
    with pytest.raises(ValueError, match="depth_scale"):
        RGBDFolder(tum, depth_scale=float("nan"))


@pytest.mark.parametrize("pairing", ["times", "pairs.txt"])
def test_a_thousand_damaged_lists_give_a_sample_or_one_error(tum, pairing):
    (tum / "pairs.txt").write_text("1 rgb/1.00.png 1 depth/1.01.png\n2 rgb/1.20.png 2 depth/1.30.png\n")
    path = tum / ("rgb.txt" if pairing == "times" else pairing)
    assert fuzz.survives(path, lambda: RGBDFolder(tum, pairing=pairing)[0], text=True) > 100


@pytest.mark.parametrize("file", ["rgb/0.png", "depth/0.png"])
def test_a_thousand_damaged_images_give_a_sample_or_one_error(tmp_path, file):
    frame(tmp_path, "rgb/0.png", "depth/0.png")
    assert fuzz.survives(tmp_path / file, lambda: RGBDFolder(tmp_path)[0]) > 500
