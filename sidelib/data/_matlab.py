"""A reader of MATLAB 5 files that a damaged file cannot crash.

`scipy.io.loadmat` looks types up in a C table without checking: a few damaged bytes end the process (seen with SciPy
1.17, a segmentation fault in one of some hundred damaged files). The little of the format that data sets use is read
here with every length checked. Format: "MAT-File Format", MathWorks, chapter 1 (Level 5).
"""

import math
import struct
import zlib
from pathlib import Path

import numpy as np

from sidelib.data._read import naming

__all__ = ["read_matlab"]

_HEADER = 128  # bytes: text, version, and the two letters that tell the byte order
_UINT32, _INT32, _INT8, _MATRIX, _COMPRESSED = 6, 5, 1, 14, 15
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CELL, _CHARACTERS = 1, 4
_NUMBERS = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_TEXT = {2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_COMPLEX = 0x0800
_LARGEST = 1 << 26  # bytes of one variable once decompressed; those of data sets are below 1 MB
_ORDERS = {b"IM": "<", b"MI": ">"}


def read_matlab(path, names):
    """Variables of a MATLAB 5 file (`save -v6` or `-v7`): numbers, text, and cells of these.

    Args:
        path: the file.
        names: the variables wanted; others may be of any kind and are passed over.

    Returns:
        A mapping from each name to a NumPy array with MATLAB's dimensions and type, a str, or a list (a cell, column by
        column).

    Raises:
        FileNotFoundError, ValueError: naming the file, also for a variable that is not there.
    """
    expected = f"a MATLAB 5 file with {' and '.join(names)}"
    with naming(path, expected):
        content, found = Path(path).read_bytes(), {}
        order = _ORDERS.get(content[126:_HEADER])
        if order is None:
            raise ValueError("no header of a MATLAB 5 file" + (" but of HDF5" if b"MATLAB 7.3" in content[:16] else ""))
        for kind, block in _elements(memoryview(content)[_HEADER:], order):
            name, value = _variable(*_decompressed(kind, block, order), order, names)
            if name in found:
                raise ValueError(f"the variable {name!r} twice")
            if name in names:
                found[name] = value
        missing = [name for name in names if name not in found]
        if missing:
            raise ValueError(f"no variable {missing[0]!r}")
    return found


def _elements(block, order):
    """(type, bytes) of each element of a block."""
    place = 0
    while place < len(block):
        kind, size = struct.unpack_from(f"{order}II", block, place)
        start = place + 8
        if kind >> 16:  # up to four bytes are stored inside the tag
            kind, size, start = kind & 0xFFFF, kind >> 16, place + 4
            if size > 4:
                raise ValueError(f"a short element of {size} bytes")
            place += 8
        else:
            place = start + size + (0 if kind == _COMPRESSED else -size % 8)
        if start + size > len(block):
            raise ValueError(f"an element of {size} bytes where {max(0, len(block) - start)} are left")
        yield kind, block[start : start + size]


def _decompressed(kind, block, order):
    if kind != _COMPRESSED:
        return kind, block
    plain = zlib.decompressobj().decompress(block, _LARGEST)
    if len(plain) == _LARGEST:
        raise ValueError(f"a compressed variable of {_LARGEST} bytes or more")
    # Only the first element, and whether or not the stream's checksum is there: files of Make3D are reported to end
    # too early or with bytes to spare. A variable that is itself cut off fails by its length.
    inner = next(_elements(memoryview(plain), order), None)
    if inner is None:
        raise ValueError("an empty compressed variable")
    return inner


def _variable(kind, block, order, names=None, *, in_cell=False):
    """(name, value) of a matrix element; the value is None if the name is not among `names`."""
    if kind != _MATRIX:
        raise ValueError(f"an element of type {kind} where a variable should be")
    parts = _elements(block, order)
    flags = _array(*next(parts, (0, b"")), order, _UINT32)
    shape = [int(length) for length in _array(*next(parts, (0, b"")), order, _INT32)]
    name = _array(*next(parts, (0, b"")), order, _INT8).tobytes().decode("ascii")
    if names is not None and name not in names:
        return name, None
    if len(flags) != 2 or len(shape) < 2 or min(shape) < 0:
        raise ValueError(f"a variable {name!r} with flags {flags} and dimensions {shape}")
    category, count = int(flags[0]) & 0xFF, math.prod(shape)
    if category == _CELL and not in_cell:
        value = [_variable(*part, order, in_cell=True)[1] for part in parts]
        if len(value) != count:
            raise ValueError(f"{len(value)} entries in the cell {name!r} of {shape}")
        return name, value
    data = next(parts, (0, b""))
    if category == _CHARACTERS and data[0] in _TEXT and min(shape) <= 1:
        return name, _text(*data, order)
    if category not in _NUMBERS or int(flags[0]) & _COMPLEX or next(parts, None) is not None:
        raise ValueError(f"{name!r} of class {category}, neither real numbers nor text nor a cell of these")
    values = _array(*data, order)
    if len(values) != count:
        raise ValueError(f"{len(values)} numbers in {name!r} of {shape}")
    return name, values.astype(_NUMBERS[category]).reshape(shape, order="F")


def _array(kind, block, order, wanted=None):
    """The numbers of an element, as they are stored."""
    if kind not in _STORED or wanted not in (None, kind):
        raise ValueError(f"numbers of type {kind}")
    return np.frombuffer(block, dtype=order + _STORED[kind])


def _text(kind, block, order):
    codec = _TEXT[kind] + ({"<": "-le", ">": "-be"}[order] if _TEXT[kind] in ("utf-16", "utf-32") else "")
    return bytes(block).decode(codec)
