"""Read one numeric NumPy array from a pickle without running what else the pickle may ask for.

A pickle is a program: its opcodes may import any function and call it. Three fences stand between a file from the
network and this process. First, the opcodes are listed without being run, and only those that a plain array needs may
occur. Second, a name to import must be one of `ADMITTED`, and even then gives a stand-in of ours, never the function of
that name: a stand-in checks and keeps its arguments. Third, the array is built here, from bytes whose number must be
what its shape and type need.
"""

import io
import math
import pickle
import pickletools
import re
from pathlib import Path

import numpy as np

from sidelib.data._read import naming

__all__ = ["ADMITTED", "read_pickled_array"]

# What pickles of arrays import: NumPy 1 and 2, protocols 0 to 5, Python 2 and 3.
ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"): "reconstruct",
    ("numpy._core.multiarray", "_reconstruct"): "reconstruct",
    ("numpy.core.numeric", "_frombuffer"): "frombuffer",
    ("numpy._core.numeric", "_frombuffer"): "frombuffer",
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("_codecs", "encode"): "encode",
    ("__builtin__", "bytes"): "no_bytes",  # how Python 3 writes b"" for protocol 2: of an array with n = 0
}
# No list, dict, set, class instance or persistent id: an array of numbers needs none.
_OPCODES = {
    *("PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE"),
    *("INT", "LONG", "LONG1", "BININT", "BININT1", "BININT2"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "TUPLE", "EMPTY_TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    *("GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"),
    *("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET"),
}
MAX_BYTES = 1 << 28  # of a file: a five-row array with ten million pairs is not larger
_TYPE = re.compile(r"b1|[iu][1248]|f[248]")
_ORDERS = ("<", ">", "|", "=")


class _Dtype:
    """Stands for a numpy.dtype: what it was called with, then its state, of which only the byte order may differ."""

    __slots__ = ("code", "order")

    def __init__(self, code):
        self.code, self.order = code, None

    def __setstate__(self, state):
        _need(self.order is None and isinstance(state, tuple) and len(state) >= 5, "the state of a dtype", state)
        _need(state[0] in (3, 4) and state[1] in _ORDERS, "the state of a plain dtype", state)
        _need(state[2:5] == (None, None, None), "a dtype without fields", state)
        self.order = state[1]

    def numpy(self):
        """The real dtype."""
        _need(self.order is not None, "a dtype with a byte order", None)
        return np.dtype(self.order.replace("|", "=") + self.code)


class _Array:
    """Stands for a numpy.ndarray: shape, dtype, order and bytes, or nothing yet."""

    __slots__ = ("parts",)

    def __init__(self, parts=None):
        self.parts = parts

    def __setstate__(self, state):
        _need(self.parts is None and isinstance(state, tuple) and len(state) == 5, "the state of an array", state)
        version, shape, dtype, fortran, data = state
        _need(version == 1 and fortran in (0, 1), "version 1 of an array's state", (version, fortran))
        self.parts = shape, dtype, "F" if fortran else "C", data

    def numpy(self):
        """The real array, if the parts fit together."""
        _need(self.parts is not None, "an array with a state", None)
        shape, dtype, order, data = self.parts
        _need(isinstance(shape, tuple) and len(shape) <= 8, "a shape", shape)
        _need(all(type(side) is int and side >= 0 for side in shape), "a shape of whole numbers", shape)
        _need(isinstance(dtype, _Dtype), "a dtype", dtype)
        if isinstance(data, str):  # a byte string of Python 2, decoded as Latin-1
            data = data.encode("latin-1")
        _need(isinstance(data, (bytes, bytearray)), "the bytes of numbers", data)
        kind = dtype.numpy()
        _need(len(data) == math.prod(shape) * kind.itemsize, f"bytes for {shape} of {kind}", f"{len(data)} bytes")
        return np.frombuffer(bytes(data), dtype=kind).reshape(shape, order=order).astype(kind.newbyteorder("="))


class _StandIn:
    """Stands for an imported name. It can be called, if `ADMITTED` says with what, and its state cannot be set."""

    __slots__ = ("role",)

    def __init__(self, role):
        self.role = role

    def __setstate__(self, state):  # the BUILD opcode would otherwise set attributes
        _need(False, f"no state for {self.role}", state)

    def __call__(self, *arguments):
        call = getattr(self, f"_{self.role}", None)
        _need(call is not None, "a function", self.role)
        return call(*arguments)

    def _reconstruct(self, kind, shape=(0,), code=b"b"):
        _need(isinstance(kind, _StandIn) and kind.role == "ndarray", "an ndarray to reconstruct", kind)
        _need(shape == (0,) and code in (b"b", "b"), "an empty array to begin with", (shape, code))
        return _Array()

    def _frombuffer(self, data, dtype, shape, order):
        _need(order in ("C", "F"), "the order C or F", order)
        return _Array((shape, dtype, order, data))

    def _dtype(self, code, align=False, copy=True):
        _need(isinstance(code, str) and _TYPE.fullmatch(code), "a type of numbers (no objects, no text)", code)
        _need(align in (0, 1) and copy in (0, 1), "a plain dtype", (align, copy))
        return _Dtype(code)

    def _encode(self, text, encoding):
        _need(isinstance(text, str) and encoding in ("latin1", "latin-1"), "text to encode as latin1", encoding)
        return text.encode("latin-1")

    def _no_bytes(self):
        return b""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        role = ADMITTED.get((module, name))
        _need(role is not None, "only what a numeric array needs", f"the name {module}.{name}")
        return _StandIn(role)


def _need(condition, expected, found):
    if not condition:
        # Never the repr of a tuple: one that holds itself twice, sixty times over, has a repr without end.
        short = found[:60] if isinstance(found, (str, bytes)) else found
        plain = short is None or isinstance(short, (str, bytes, bool)) or type(short) is int and abs(short) < 1 << 64
        raise pickle.UnpicklingError(f"expected {expected}, found {repr(short) if plain else type(found).__name__}")


def read_pickled_array(path):
    """The one numeric array in a pickle file (protocols 0 to 5, Python 2 or 3, NumPy 1 or 2), in native byte order.

    Raises:
        ValueError: naming the file, for anything else: another object, an array of objects, a name that is not
            `ADMITTED`, a shape that its bytes do not fill, a damaged or an overlong file. Nothing of it has run.
        FileNotFoundError: no such file.
    """
    path = Path(path)
    with naming(path, "a pickle of one array of numbers"):
        size = path.stat().st_size
        _need(size <= MAX_BYTES, f"at most {MAX_BYTES} bytes", size)
        data = path.read_bytes()
        end = 0
        for opcode, argument, end in pickletools.genops(data):
            _need(opcode.name in _OPCODES, "only what a numeric array needs", f"the opcode {opcode.name}")
            if opcode.name in ("PUT", "LONG_BINPUT"):  # the unpickler makes its memo as long as the index says
                _need(0 <= argument <= len(data), "a memo index below the file's length", argument)
        _need(end + 1 == len(data), "nothing after the array", f"{len(data) - end - 1} bytes")
        # Latin-1 keeps the bytes of Python 2's strings; fix_imports would rename modules before they are looked up.
        found = _Unpickler(io.BytesIO(data), fix_imports=False, encoding="latin-1").load()
        _need(isinstance(found, _Array), "an array", found)
        return found.numpy()
