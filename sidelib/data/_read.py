"""Reading foreign files: each either gives what its format promises, or one error that names the file."""

import contextlib
import csv
import warnings
from pathlib import Path

import numpy as np
import torch

__all__ = ["folder", "inside", "listing", "naming", "read_depth_png", "read_image", "read_intrinsics", "read_rows"]

_IMAGES = (".jpg", ".jpeg", ".png")


@contextlib.contextmanager
def naming(path, expected):
    """Turn whatever a decoder raises while reading `path` into a ValueError that names it and what was expected."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a decoder that only warns of a damaged file has not read it
            yield
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file; expected {expected}") from None
    except MemoryError:
        raise ValueError(f"{path}: expected {expected}, found a header that asks for more memory than there is") from None
    except Exception as error:
        if str(error).startswith(f"{path}"):  # already says it
            raise
        raise ValueError(f"{path}: expected {expected}, found {type(error).__name__}: {error}") from error


def folder(path, expected):
    """`path` as a Path, or FileNotFoundError saying which layout was expected there."""
    path = Path(path)
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no such folder; expected {expected}")
    return path


def inside(root, relative, where):
    """`root / relative`, or ValueError naming `where` (a file and line) if that would leave `root`."""
    root = Path(root)
    if "\0" in str(relative):
        raise ValueError(f"{where}: the path {str(relative)!r} holds a NUL character")
    if not (root / relative).resolve().is_relative_to(root.resolve()):
        raise ValueError(f"{where}: the path {str(relative)!r} leads out of {root}")
    return root / relative


def listing(path, suffixes=_IMAGES):
    """The files of a folder with one of these endings, sorted by name."""
    return sorted(file for file in Path(path).iterdir() if file.suffix.lower() in suffixes)


def read_image(path):
    """An 8-bit JPEG or PNG as RGB, float32 `(3, H, W)` in [0, 1]; grey becomes three equal channels."""
    from PIL import Image

    with naming(path, "an 8-bit colour image"), Image.open(path) as image:
        if image.mode not in ("RGB", "RGBA", "L", "P"):
            raise ValueError(f"{path}: expected an 8-bit colour image, found mode {image.mode}")
        array = np.array(image.convert("RGB"))
    return torch.from_numpy(array).permute(2, 0, 1).float() / 255


def read_depth_png(path, *, bits=16):
    """The one channel of a PNG as a NumPy array `(H, W)`, uint16 or (`bits=8`) uint8: raw values, no unit yet."""
    from PIL import Image

    expected = f"a PNG with one channel of {bits} bits"
    modes = {8: ("L",), 16: ("I;16", "I;16B", "I;16L")}[bits]
    with naming(path, expected), Image.open(path) as image:
        if image.format != "PNG" or image.mode not in modes:
            raise ValueError(f"{path}: expected {expected}, found {image.format} with mode {image.mode}")
        return np.array(image).astype(np.uint16 if bits == 16 else np.uint8)


def read_intrinsics(path):
    """The upper left 3×3 of a text file with a 3×3 or 4×4 matrix of numbers, float32; rows are lines."""
    expected = "a text file with a 3×3 or 4×4 intrinsics matrix"
    with naming(path, expected):
        matrix = np.loadtxt(path, dtype=np.float64, ndmin=2)
        if matrix.size == 9:
            matrix = matrix.reshape(3, 3)
        if matrix.shape not in ((3, 3), (4, 4)):
            raise ValueError(f"{path}: expected {expected}, found shape {matrix.shape}")
        if not (np.abs(matrix) < 1e30).all():  # NaN, infinity, and what float32 could not hold
            raise ValueError(f"{path}: expected {expected}, found {matrix.tolist()}")
        if not (matrix[0, 0] > 0 and matrix[1, 1] > 0 and np.allclose(matrix[2, :3], (0, 0, 1))):
            raise ValueError(f"{path}: expected positive focal lengths and a last row 0 0 1, found {matrix.tolist()}")
    return torch.from_numpy(matrix[:3, :3].astype(np.float32))


def read_rows(path, expected, delimiter=","):
    """Yield `(line number from 1, fields)` of each line of a UTF-8 text file that is not blank."""
    with naming(path, expected), open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        for fields in reader:
            if fields:
                yield reader.line_num, fields
