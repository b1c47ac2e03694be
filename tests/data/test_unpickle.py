"""Arrays come out of pickles of every age; nothing else does, and nothing that a pickle asks for is run."""

import os
import pickle
import resource
import struct

import fuzz
import numpy as np
import pytest

from sidelib.data._unpickle import ADMITTED, read_pickled_array

TRACE = []


def leave_a_trace(*arguments):
    TRACE.append(arguments)


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    TRACE.clear()
    yield
    assert not TRACE
    assert not (tmp_path / "ran").exists(), "a hostile pickle ran a command"


def refused(tmp_path, data, match="."):
    path = tmp_path / "hostile.pkl"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=rf"hostile\.pkl.*{match}"):
        read_pickled_array(path)


ARRAY = np.arange(10, dtype=np.float64).reshape(5, 2) / 8


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "array",
    [ARRAY, np.asfortranarray(ARRAY), ARRAY.astype(">f4"), np.int64([[-3, 7]]), np.zeros((5, 0)), np.uint8([255])],
    ids=["float", "fortran", "big-endian", "int", "empty", "bytes"],
)
def test_what_this_numpy_writes_is_read(tmp_path, array, protocol):
    path = tmp_path / "array.pkl"
    path.write_bytes(pickle.dumps(array, protocol=protocol))
    found = read_pickled_array(path)
    assert np.array_equal(found, array) and found.dtype == array.dtype.newbyteorder("=") and found.shape == array.shape


@pytest.mark.parametrize("protocol", [0, 1, 2, 3])
def test_numpy_1_named_its_module_without_an_underscore(tmp_path, protocol):
    path = tmp_path / "array.pkl"
    data = pickle.dumps(ARRAY, protocol=protocol)
    assert b"cnumpy._core.multiarray\n" in data
    path.write_bytes(data.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n"))
    assert np.array_equal(read_pickled_array(path), ARRAY)


def python_2(array, code=b"f8", order=b"<"):
    """Protocol 2 as Python 2 wrote it: byte strings throughout, by hand, as no Python 2 is there to do it."""

    def text(value):
        return b"U" + bytes([len(value)]) + value

    shape = b"(" + b"".join(b"K" + bytes([side]) for side in array.shape) + b"t"
    dtype = (
        b"cnumpy\ndtype\n("
        + text(code)
        + b"K\x00K\x01tR(K\x03"
        + text(order)
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    data = array.tobytes()
    raw = b"T" + struct.pack("<i", len(data)) + data
    begin = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
    return begin + b"(K\x01" + shape + dtype + b"\x89" + raw + b"tb."


def test_python_2_wrote_byte_strings(tmp_path):
    path = tmp_path / "array.pkl"
    path.write_bytes(python_2(ARRAY))
    assert np.array_equal(read_pickled_array(path), ARRAY)
    assert np.array_equal(pickle.loads(python_2(ARRAY), encoding="latin-1"), ARRAY), "the hand-made pickle is one"


class Call:
    """Pickles to a call of `function(*arguments)`, with `state` set after it if there is one."""

    def __init__(self, function, *arguments):
        self.parts = function, arguments

    def __reduce__(self):
        return self.parts


HOSTILE = {
    "a command": Call(os.system, "touch ran"),
    "eval": Call(eval, "__import__('os').system('touch ran')"),
    "exec": Call(exec, "open('ran', 'w')"),
    "a function here": Call(leave_a_trace, 1),
    "getattr": Call(getattr, "text", "format"),
    "nested in arguments": Call(np.dtype, Call(os.system, "touch ran")),
    "nested in a tuple": (ARRAY, Call(leave_a_trace)),
    "an array that loads": Call(np.load, "array.npy"),
    "an array from a file": Call(np.fromfile, "ran"),
    "objects": np.array([Call(leave_a_trace), Call(os.system, "touch ran")], dtype=object),
    "no objects in objects": np.array([1, "a"], dtype=object),
    "a record": np.zeros(2, dtype=[("a", "f8")]),
    "text": np.array(["ab"]),
    "times": np.array(["2020-01-01"], dtype="M8[D]"),
    "a list": [1, 2],
    "a dict": {"a": ARRAY},
    "a number": 1.5,
    "a numpy number": np.float64(1.5),
    "nothing": None,
    "a masked array": np.ma.array([1.0]),
    "complex": np.zeros(2, dtype=complex),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", HOSTILE)
def test_anything_else_is_refused_and_does_not_run(tmp_path, name, protocol):
    refused(tmp_path, pickle.dumps(HOSTILE[name], protocol=protocol))


GLOBALS = b"cnumpy\ndtype\n"
CRAFTED = {
    "a state for the stand-in": b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nN(N}X\x0c\x00\x00\x00__defaults__)st\x86b.",
    "a state of two Nones": b"\x80\x02" + GLOBALS + b"NN\x86b.",
    "a second state": python_2(ARRAY)[:-1] + b"(K\x01K\x00\x85NK\x00U\x00tb.",
    "state for a number": b"\x80\x02K\x01NN\x86b.",
    "calling an array": python_2(ARRAY)[:-1] + b")R.",
    "calling ndarray": b"\x80\x02cnumpy\nndarray\nK\x01\x85\x85R.",
    "a dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0acore.os.fn\x93)R.",
    "another codec": b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x04\x00\x00\x00zlib\x86R.",
    "a million bytes": b"\x80\x02c__builtin__\nbytes\nJ\x40\x42\x0f\x00\x85R.",
    "decode": b"\x80\x02c_codecs\ndecode\nU\x01aU\x03hex\x86R.",
    "Python 2's eval": b"c__builtin__\neval\n(S'1'\ntR.",
    "INST": b"(S'touch ran'\nios\nsystem\n.",
    "OBJ": b"(cos\nsystem\nS'touch ran'\no.",
    "NEWOBJ": b"\x80\x02" + GLOBALS + b")\x81.",
    "an extension": b"\x80\x02\x82\x01.",
    "a persistent id": b"\x80\x02K\x01Q.",
    "an out-of-band buffer": b"\x80\x05\x97.",
    "unicode digits": b"\x80\x02" + GLOBALS + "X\x04\x00\x00\x00i８".encode() + b"\x85R.",
    "empty": b"",
    "only STOP": b".",
    "no STOP": b"\x80\x02N",
    "trailing bytes": pickle.dumps(ARRAY) + b"x",
    "two pickles": pickle.dumps(ARRAY) * 2,
    "not a pickle": b"PK\x03\x04 this is a zip archive",
    "an array without state": python_2(ARRAY).split(b"R(K\x01(")[0] + b"R.",
    "a wrong number of bytes": python_2(ARRAY).replace(b"K\x05K\x02t", b"K\x05K\x03t"),
    "a shape with True": python_2(ARRAY).replace(b"K\x05K\x02t", b"K\x0a\x88t"),
    "a negative side": python_2(ARRAY).replace(b"K\x05K\x02t", b"J\xfb\xff\xff\xffJ\xfe\xff\xff\xfft"),
    "an object dtype": python_2(ARRAY, code=b"O8", order=b"|"),
    "an unknown byte order": python_2(ARRAY, order=b"?"),
    "a void dtype": python_2(ARRAY, code=b"V8", order=b"|"),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_opcodes_are_refused(tmp_path, name):
    refused(tmp_path, CRAFTED[name])


def doubling(times):
    """A tuple of two of a tuple of two of …: small in the file, without end when written out."""
    return b"".join(b"\x94" + b"h" + bytes([k]) + b"\x86" for k in range(times))


BOMBS = {
    "a giant shape": python_2(ARRAY).replace(b"K\x05K\x02t", b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7ft"),
    "a giant shape around nothing": python_2(ARRAY).replace(b"K\x05K\x02t", b"J\xff\xff\xff\x7fK\x00t"),
    "a giant memo": b"\x80\x02Nr\xff\xff\xff\xff.",
    "a giant memo in text": b"Np4294967295\n.",
    "giant bytes": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"x.",
    "a giant bytearray": b"\x80\x05\x96" + struct.pack("<Q", 1 << 62) + b"x.",
    "a giant string": b"\x80\x02T" + struct.pack("<i", 2**31 - 1) + b"x.",
    "a giant frame": b"\x80\x04\x95" + struct.pack("<Q", 1 << 62) + b"N.",
    "a giant number": b"L" + b"9" * 100_000 + b"L\n.",
    "doubled tuples": b"\x80\x04N" + doubling(60) + b".",
    "doubled tuples as a shape": b"\x80\x04\x8c\x12numpy.core.numeric\x8c\x0b_frombuffer\x93(C\x01xNN"
    + doubling(60)
    + b"\x8c\x01CtR.",
    "deep tuples": b"\x80\x02N" + b"\x85" * 200_000 + b".",
    "deep marks": b"\x80\x02" + b"(" * 200_000 + b"N.",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_neither_fill_the_memory_nor_take_long(tmp_path, name):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(tmp_path, BOMBS[name])
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 200_000, f"the process grew by {grown} kB"


def test_a_state_of_doubled_tuples_is_not_written_into_the_message(tmp_path):
    dtype = b"\x80\x04\x8c\x05numpy\x8c\x05dtype\x93\x8c\x02f8\x85R"
    refused(tmp_path, dtype + b"N" + doubling(60) + b"b.", match="found tuple")


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.pkl"):
        read_pickled_array(tmp_path / "none.pkl")


def test_what_is_admitted_is_this_list_and_only_this():
    assert set(ADMITTED) == {
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy.core.numeric", "_frombuffer"),
        ("numpy._core.numeric", "_frombuffer"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),
        ("__builtin__", "bytes"),
    }


@pytest.mark.parametrize(
    "data", [pickle.dumps(ARRAY, p) for p in (0, 2, 4, 5)] + [python_2(ARRAY)], ids=[*"0245", "python 2"]
)
def test_a_thousand_damaged_pickles_give_an_array_of_numbers_or_one_error(tmp_path, data):
    path = tmp_path / "array.pkl"
    path.write_bytes(data)

    def read():
        array = read_pickled_array(path)
        assert array.dtype.kind in "biuf"

    assert fuzz.survives(path, read) > 500
