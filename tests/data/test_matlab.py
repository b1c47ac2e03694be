"""MATLAB 5 files: the same as SciPy reads from whole ones, and an error, never a crash, from damaged ones."""

import struct
import zlib

import numpy as np
import pytest
from fuzz import survives
from scipy.io import loadmat, savemat

from sidelib.data._matlab import read_matlab


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (2, 5), (4, 3, 2), (0, 0)])
def test_numbers_are_those_that_scipy_reads(tmp_path, compressed, dtype, shape):
    array = np.random.default_rng(3).integers(0, 100, shape).astype(dtype)
    savemat(tmp_path / "a.mat", {"x": array, "y": [1.5]}, do_compression=compressed)
    found = read_matlab(tmp_path / "a.mat", ["x"])
    assert set(found) == {"x"} and found["x"].dtype == dtype and np.array_equal(found["x"], array)
    assert np.array_equal(found["x"], loadmat(tmp_path / "a.mat")["x"])


@pytest.mark.parametrize("compressed", [False, True])
def test_text_and_cells_are_read_and_other_classes_passed_over(tmp_path, compressed):
    cell = np.array([["a", "Zürich €", np.array([[7.0]])], ["bb", "", "x"]], dtype=object)
    content = {"cell": cell, "word": "kitchen", "struct": {"a": 1}, "complex": np.array([1j])}
    savemat(tmp_path / "a.mat", content, do_compression=compressed)
    found = read_matlab(tmp_path / "a.mat", ["cell", "word"])
    assert found["word"] == "kitchen"
    assert found["cell"][:3] == ["a", "bb", "Zürich €"] and found["cell"][4].item() == 7.0  # column by column
    for name in ("struct", "complex"):
        with pytest.raises(ValueError, match=rf"a\.mat.*'{name}' of class"):
            read_matlab(tmp_path / "a.mat", [name])


def element(order, kind, data):
    return struct.pack(f"{order}II", kind, len(data)) + data + bytes(-len(data) % 8)


def file_of(order, name, numbers, kind, code, category, shape):
    body = element(order, 6, struct.pack(f"{order}II", category, 0))
    body += element(order, 5, struct.pack(f"{order}{len(shape)}i", *shape)) + element(order, 1, name.encode())
    body += element(order, kind, struct.pack(f"{order}{len(numbers)}{code}", *numbers))
    head = b"MATLAB 5.0 MAT-file, by hand".ljust(124) + (b"\x00\x01IM" if order == "<" else b"\x01\x00MI")
    return head, element(order, 14, body)


@pytest.mark.parametrize("order", ["<", ">"])
def test_convention_bytes_of_both_orders_columns_first_and_stored_small(tmp_path, order):
    """What a MATLAB double of whole numbers looks like on disk: 16-bit numbers, to become doubles."""
    head, variable = file_of(order, "x", (1, 2, 3, 4, 5, 600), 4, "H", 6, (2, 3))
    (tmp_path / "a.mat").write_bytes(head + variable)
    found = read_matlab(tmp_path / "a.mat", ["x"])["x"]
    assert found.dtype == np.float64 and found.tolist() == [[1, 3, 5], [2, 4, 600]]
    assert np.array_equal(found, loadmat(tmp_path / "a.mat")["x"])


def test_what_does_not_fit_is_named(tmp_path):
    path = tmp_path / "a.mat"
    with pytest.raises(FileNotFoundError, match=r"a\.mat"):
        read_matlab(path, ["x"])
    head, variable = file_of("<", "x", (1, 2, 3), 4, "H", 6, (1, 3))
    short = file_of("<", "x", (1, 2, 3), 4, "H", 6, (1, 4))[1]
    huge = file_of("<", "x", (1, 2, 3), 4, "H", 6, (2**31 - 1, 2**31 - 1))[1]
    bomb = zlib.compress(bytes(2**27))
    for content, says in (
        (b"", "no header"), (b"MATLAB 7.3 MAT-file".ljust(600), "HDF5"), (head, "no variable 'x'"),
        (head + variable + variable, "'x' twice"), (head + variable[:-9], "are left"), (head + short, "3 numbers in 'x'"),
        (head + huge, "3 numbers in 'x'"), (head + element("<", 9, bytes(8)), "element of type 9"),
        (head + element("<", 15, bomb), "67108864 bytes or more"), (head + element("<", 15, zlib.compress(variable)[:-12]), "left"),
        (head + element("<", 15, zlib.compress(b"")), "empty"), (head + variable + b"123", "struct.error|error"),
    ):  # fmt: skip
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"a\.mat: expected a MATLAB 5 file with x, found .*({says})"):
            read_matlab(path, ["x"])


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
def test_our_reader_of_matlab_5_agrees_with_scipy(tmp_path, kind, compressed):
    array = np.arange(2 * 3 * 4).reshape(2, 3, 4).astype(kind)
    savemat(tmp_path / "a.mat", {"b": np.zeros((1, 1)), "longer_name": array, "c": "x"}, do_compression=compressed)
    found = read_matlab(tmp_path / "a.mat", ["longer_name"])["longer_name"]
    assert found.dtype == array.dtype and np.array_equal(found, array)
    assert np.array_equal(found, loadmat(tmp_path / "a.mat")["longer_name"])


def test_what_follows_the_array_in_a_compressed_element_is_passed_over(tmp_path):
    path, numbers = tmp_path / "a.mat", np.random.default_rng(0).random((5, 7, 4))
    savemat(path, {"a": numbers}, do_compression=True)
    data = path.read_bytes()
    longer = zlib.compress(zlib.decompress(data[136:]) + bytes(16))
    path.write_bytes(data[:132] + struct.pack("<I", len(longer)) + longer)
    with pytest.raises(ValueError, match="Did not fully consume"):
        loadmat(path)
    assert np.array_equal(read_matlab(path, ["a"])["a"], numbers)


def test_an_end_without_a_checksum_is_read_and_one_without_the_numbers_is_not(tmp_path):
    path, numbers = tmp_path / "a.mat", np.random.default_rng(0).random((5, 7, 4))
    savemat(path, {"a": numbers}, do_compression=True)
    data = path.read_bytes()
    length = struct.unpack("<I", data[132:136])[0]
    for lost, whole in ((4, True), (40, False)):
        path.write_bytes(data[:132] + struct.pack("<I", length - lost) + data[136:-lost])
        if whole:
            assert np.array_equal(read_matlab(path, ["a"])["a"], numbers)
        else:
            with pytest.raises(ValueError, match=r"a\.mat.*are left"):
                read_matlab(path, ["a"])["a"]


@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_files_are_refused_or_read(tmp_path, compressed):
    path = tmp_path / "a.mat"
    savemat(
        path, {"x": np.arange(12.0).reshape(3, 4), "c": np.array(["a", "bc"], dtype=object)}, do_compression=compressed
    )
    refused = survives(path, lambda: read_matlab(path, ["x", "c"]) and None, mutations=5000)
    assert refused > 2000
