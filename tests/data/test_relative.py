"""Relative depth: every data set's convention comes out as ours, and what is wrong with a damaged copy is named."""

import pickle

import fuzz
import made_outdoor as made
import numpy as np
import pytest
import torch

from sidelib.data.relative import DIW, ReDWeb, YouTube3D
from sidelib.metrics import whdr_pairs

HEIGHT, WIDTH = 12, 16


@pytest.fixture
def diw(tmp_path):
    for name in ("a", "b"):
        made.image(tmp_path / f"DIW_test/{name}.thumb", HEIGHT, WIDTH)
    path = tmp_path / "DIW_Annotations/DIW_test.csv"
    path.parent.mkdir()
    path.write_text("./DIW_test/b.thumb\n1,1,12,16,>,16,12\n./DIW_test/a.thumb\n3,2,1,5,<,16,12\n")
    return tmp_path


def test_convention_diw_greater_means_farther_and_pixels_count_from_one(diw):
    first, second = DIW(diw)
    assert first["pairs"].tolist() == [[0, HEIGHT * WIDTH - 1]] and first["relation"].tolist() == [-1]
    assert second["pairs"].tolist() == [[2 * WIDTH + 1, 4]] and second["relation"].tolist() == [1]
    assert [first["name"], second["name"]] == ["DIW_test/b", "DIW_test/a"]
    assert first["pairs"].dtype == torch.int64 and first["relation"].dtype == torch.int64
    # The authors' sign: a network that puts out depth is right about `>` when the first depth is larger, so a score
    # (closer is larger), its negative, must agree too.
    depth = torch.zeros(HEIGHT * WIDTH)
    depth[0] = 5
    assert whdr_pairs(-depth, first["pairs"], first["relation"]) == 0
    assert whdr_pairs(depth, first["pairs"], first["relation"]) == 1
    fuzz.assert_well_formed(first)


def test_diw_lists_may_lie_in_the_root_and_name_an_image_twice(diw):
    text = (diw / "DIW_Annotations/DIW_test.csv").read_text()
    (diw / "DIW_val.csv").write_text(text + "./DIW_test/b.thumb\r\n1.5,2.9,3,3,<,16,12\r\n")
    data = DIW(diw, split="val")
    assert [sample["name"] for sample in data] == ["DIW_test/b", "DIW_test/a", "DIW_test/b:6"]
    assert data[2]["pairs"].tolist() == [[1, 2 * WIDTH + 2]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0,1,12,16,>,16,12", "line 2: expected a coordinate from 1 to 12, found 0"),
        ("1,1,12,17,>,16,12", "line 2: expected a coordinate from 1 to 16, found 17"),
        (
            "1,1,12,12,>,12,16",
            "line 2: expected the size of ./DIW_test/b.thumb, width 16 and height 12, found 12 and 16",
        ),
        ("1,1,12,16,=,16,12", "line 2: expected y_A"),
        ("1,1,12,16,>,16", "line 2: expected y_A"),
        ("1,1,12,-16,>,16,12", "line 2: expected y_A"),
        ("1,nan,12,16,>,16,12", "line 2: expected y_A"),
        ("1,1e1,12,16,>,16,12", "line 2: expected y_A"),
    ],
)
def test_a_corrupt_line_of_diw_is_named(diw, line, message):
    (diw / "DIW_Annotations/DIW_test.csv").write_text(f"./DIW_test/b.thumb\n{line}\n")
    with pytest.raises(ValueError, match=rf"DIW_test\.csv, {message}"):
        DIW(diw)[0]


def test_what_is_wrong_with_diw_is_named(diw, tmp_path):
    path = diw / "DIW_Annotations/DIW_test.csv"
    for text, message in (
        ("", "found an end after no line"),
        ("./DIW_test/b.thumb\n", "found an end after ./DIW_test/b.thumb"),
        ("image,count\n", "line 1: expected the path of an image"),
        ("./DIW_test/b.thumb\n1,1,2,2,>,16,12\n1,1,2,2,>,16,12\n", "line 3: expected the path of an image"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=rf"DIW_test\.csv.*{message}"):
            DIW(diw)
    for bad in ("../b.thumb", "/etc/passwd"):
        path.write_text(f"{bad}\n1,1,2,2,>,16,12\n")
        with pytest.raises(ValueError, match=r"DIW_test\.csv, line 1: the path .* leads out"):
            DIW(diw)[0]
    path.write_text("./DIW_test/none.thumb\n1,1,2,2,>,16,12\n")
    with pytest.raises(FileNotFoundError, match=r"DIW_test\.csv, line 1: no file ./DIW_test/none\.thumb"):
        DIW(diw)[0]
    with pytest.raises(ValueError, match="split"):
        DIW(diw, split="all")
    with pytest.raises(FileNotFoundError, match=r"DIW_Annotations/DIW_train\.csv"):
        DIW(diw, split="train")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        DIW(tmp_path / "nowhere")


@pytest.mark.parametrize(("file", "text"), [("DIW_Annotations/DIW_test.csv", True), ("DIW_test/b.thumb", False)])
def test_a_thousand_damaged_files_of_diw_give_a_sample_or_one_error(diw, file, text):
    assert fuzz.survives(diw / file, lambda: DIW(diw)[0], text=text) > 100


RELATIVE = np.uint8([[0, 10, 254, 255]])


@pytest.fixture
def redweb(tmp_path):
    for name in ("b", "a"):
        made.image(tmp_path / f"Imgs/{name}.jpg", 1, 4)
        made.grey(tmp_path / f"RDs/{name}.png", RELATIVE)
    return tmp_path


def test_convention_redweb_larger_is_farther_unless_said_otherwise_and_255_is_masked(redweb):
    sample = ReDWeb(redweb)[0]
    assert sample["score"].tolist() == [[[255, 245, 1, 0]]] and sample["score"].dtype == torch.float32
    assert sample["mask"].tolist() == [[[True, True, True, False]]] and sample["name"] == "a"
    other = ReDWeb(redweb, larger="closer")[1]
    assert other["score"].tolist() == [[[0, 10, 254, 0]]] and other["name"] == "b"
    assert ReDWeb(redweb, masked_value=0)[0]["mask"].tolist() == [[[False, True, True, True]]]
    whole = ReDWeb(redweb, masked_value=None, larger="closer")[0]
    assert whole["mask"].all() and whole["score"].tolist() == [[[0, 10, 254, 255]]]
    assert dict(ReDWeb.PUBLISHED) == {"all": 3600}


def test_what_is_wrong_with_redweb_is_named(redweb, tmp_path):
    for bad in ({"split": "train"}, {"larger": "nearer"}, {"masked_value": 256}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            ReDWeb(redweb, **bad)
    made.grey(redweb / "RDs/a.png", RELATIVE.astype(np.uint16))
    with pytest.raises(ValueError, match=r"RDs/a\.png: expected a PNG with one channel of 8 bits"):
        ReDWeb(redweb)[0]
    made.grey(redweb / "RDs/a.png", RELATIVE[:, :3])
    with pytest.raises(ValueError, match=r"RDs/a\.png: expected the size of .*\(1, 4\), found \(1, 3\)"):
        ReDWeb(redweb)[0]
    (redweb / "RDs/a.png").unlink()
    with pytest.raises(ValueError, match="found 2 and 1; without the other: a"):
        ReDWeb(redweb)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        ReDWeb(tmp_path / "nowhere")


@pytest.mark.parametrize("file", ["Imgs/a.jpg", "RDs/a.png"])
def test_a_thousand_damaged_files_of_redweb_give_a_sample_or_one_error(redweb, file):
    assert fuzz.survives(redweb / file, lambda: ReDWeb(redweb)[0]) > 100


# y_a, x_a, y_b, x_b, relation: three pairs
PAIRS = np.array([[0, 0.5, 1], [0, 0.25, 1], [0.999, 0, 0.5], [0.999, 0, 0.5], [1, -1, 0]])


@pytest.fixture
def youtube3d(tmp_path):
    made.image(tmp_path / "room/0001.jpg", HEIGHT, WIDTH)
    (tmp_path / "room/0001.pkl").write_bytes(pickle.dumps(PAIRS, protocol=2))
    (tmp_path / "train.csv").write_text("./room/0001.jpg, ./room/0001.pkl\n" * 2)
    return tmp_path


def test_convention_youtube3d_plus_one_means_the_first_point_is_farther(youtube3d):
    data = YouTube3D(youtube3d)
    assert len(data) == 2
    sample = data[0]
    last = HEIGHT * WIDTH - 1
    assert sample["pairs"].tolist() == [[0, last], [6 * WIDTH + 4, 0], [last, 6 * WIDTH + 8]]
    assert sample["relation"].tolist() == [-1, 1, 0] and sample["name"] == "room/0001"
    fuzz.assert_well_formed(sample)


def test_youtube3d_lists_are_chosen_by_name_and_frames_may_have_no_pair(youtube3d):
    (youtube3d / "val.csv").write_text("room/0001.jpg,room/none.pkl\n")
    (youtube3d / "room/none.pkl").write_bytes(pickle.dumps(np.zeros((5, 0)), protocol=2))
    with pytest.raises(ValueError, match=r"one \.csv, or annotations=.*train\.csv, val\.csv"):
        YouTube3D(youtube3d)
    sample = YouTube3D(youtube3d, annotations="val.csv")[0]
    assert tuple(sample["pairs"].shape) == (0, 2) and sample["pairs"].dtype == torch.int64
    assert tuple(sample["relation"].shape) == (0,)


def test_what_is_wrong_with_youtube3d_is_named(youtube3d, tmp_path):
    path = youtube3d / "room/0001.pkl"
    for array, message in (
        (PAIRS[:4], r"found float64 \(4, 3\)"),
        (PAIRS > 0, r"found bool \(5, 3\)"),
        (PAIRS * 100, "from 0 to 1, found others: are they pixels"),
        (PAIRS * np.nan, "from 0 to 1"),
        (PAIRS + 0.011, "from 0 to 1"),
        (np.vstack([PAIRS[:4], [[2, 0, 0]]]), r"found \[0\.0, 2\.0\]"),
        ([1, 2], "found UnpicklingError"),
    ):
        path.write_bytes(pickle.dumps(array, protocol=2))
        with pytest.raises(ValueError, match=rf"0001\.pkl.*{message}"):
            YouTube3D(youtube3d)[0]
    path.write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    with pytest.raises(ValueError, match=r"0001\.pkl.*os\.system"):
        YouTube3D(youtube3d)[0]
    assert not (youtube3d / "ran").exists()
    table = youtube3d / "train.csv"
    for text, message in (("", "found none"), ("a.jpg\n", "line 1: expected"), ("a.jpg,b.pkl,c\n", "line 1: expected")):
        table.write_text(text)
        with pytest.raises(ValueError, match=rf"train\.csv.*{message}"):
            YouTube3D(youtube3d)
    for bad in ("../x.jpg,room/0001.pkl", "room/0001.jpg,/etc/passwd"):
        table.write_text(bad)
        with pytest.raises(ValueError, match=r"train\.csv, line 1: the path .* leads out"):
            YouTube3D(youtube3d)[0]
    with pytest.raises(ValueError, match="split"):
        YouTube3D(youtube3d, split="train")
    with pytest.raises(FileNotFoundError, match=r"none\.csv"):
        YouTube3D(youtube3d, annotations="none.csv")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        YouTube3D(tmp_path / "nowhere")


@pytest.mark.parametrize(("file", "text"), [("train.csv", True), ("room/0001.pkl", False), ("room/0001.jpg", False)])
def test_a_thousand_damaged_files_of_youtube3d_give_a_sample_or_one_error(youtube3d, file, text):
    assert fuzz.survives(youtube3d / file, lambda: YouTube3D(youtube3d)[0], text=text) > 100
