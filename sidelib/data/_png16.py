"""The first channel of 16-bit PNGs, which Pillow reduces to 8 bits if there are three channels.

Torchvision reads such files, but its decoder is deprecated and ends the process on some damaged ones. The format is
small enough to be read here (W3C, "Portable Network Graphics"): chunks with checksums, of which IDAT hold the compressed
rows, each with a filter that predicts a byte from those to the left, above, and above left.
"""

import struct
import zlib
from pathlib import Path

import numpy as np

from sidelib.data._read import naming

__all__ = ["read_png16"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3}  # colour types: grey and colour, without transparency


def read_png16(path, size):
    """The first channel of a PNG with one or three channels of 16 bits: uint16 `(H, W)`.

    Args:
        path: the file.
        size: (H, W) that it must have; so a damaged header cannot ask for more memory than an image.

    Raises:
        ValueError: naming the file: another format, size or depth, interlaced, or damaged.
        FileNotFoundError: no such file.
    """
    expected = f"a 16-bit PNG of {size[0]}×{size[1]} with one or three channels"
    with naming(path, expected):
        chunks = _chunks(Path(path).read_bytes())
        kind, header = next(chunks)
        if kind != b"IHDR" or len(header) != 13:
            raise ValueError(f"{path}: expected {expected}, found no header")
        width, height, bits, colour, *rest = struct.unpack(">IIBBBBB", header)
        if (height, width) != tuple(size):
            raise ValueError(f"{path}: expected {expected}, the size of its image, found {height}×{width}")
        if bits != 16 or colour not in _CHANNELS or any(rest):
            raise ValueError(f"{path}: expected {expected}, found {bits} bits, colour type {colour}, {rest}")
        step = 2 * _CHANNELS[colour]  # bytes a pixel
        wanted = height * (1 + width * step)
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(b"".join(content for kind, content in chunks if kind == b"IDAT"), wanted + 1)
        if len(data) != wanted:
            raise ValueError(f"{path}: expected {expected}, so {wanted} bytes of rows, found {len(data)}")
        unpacker.decompress(b"")
        rows = np.frombuffer(data, np.uint8).reshape(height, 1 + width * step)
        if rows[:, 0].max() > 4:
            raise ValueError(f"{path}: expected {expected}, found an unknown filter")
        # A byte is predicted from bytes at its own place in other pixels: the first channel's two are enough.
        high, low = np.moveaxis(_unfilter(rows[:, 0], rows[:, 1:].reshape(height, width, step)[..., :2]), -1, 0)
    return high.astype(np.uint16) << 8 | low


def _chunks(data):
    """Yield (kind, content) up to the end chunk."""
    if data[:8] != _SIGNATURE:
        raise ValueError("no PNG")
    place, kind = 8, b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, place)
        content = data[place + 8 : place + 8 + length]
        (checksum,) = struct.unpack_from(">I", data, place + 8 + length)
        if zlib.crc32(kind + content) != checksum:
            raise ValueError(f"a wrong checksum of the chunk at byte {place}")
        yield kind, content
        place += 12 + length


def _unfilter(filters, rows):
    """Undo the filters: uint8 `(H, W, 2)` from the `filters`, `(H,)`, and what they left.

    A pixel needs its neighbours to the left and above, so the pixels of one diagonal, k = row + column, need only those
    of the two diagonals before it, and are done together. `done[k + 2, row + 1]` holds them; what lies outside is 0.
    """
    height, width, _ = rows.shape
    done = np.zeros((height + width + 1, height + 1, 2), np.int16)
    filters = filters[:, None]
    for k in range(height + width - 1):
        first, last = max(0, k - width + 1), min(height, k + 1)
        which, here = filters[first:last], np.arange(first, last)
        left, above = done[k + 1, first + 1 : last + 1], done[k + 1, first:last]
        corner = done[k, first:last]
        to_left, to_above = np.abs(above - corner), np.abs(left - corner)
        to_corner = np.abs(left + above - 2 * corner)
        nearest = np.where(to_above <= to_corner, above, corner)
        nearest = np.where((to_left <= to_above) & (to_left <= to_corner), left, nearest)
        predicted = np.where(which == 4, nearest, np.where(which == 3, (left + above) // 2, 0))
        predicted = np.where(which == 1, left, np.where(which == 2, above, predicted))
        done[k + 2, first + 1 : last + 1] = (rows[here, k - here] + predicted) & 0xFF
    row, column = np.indices((height, width))
    return done[row + column + 2, row + 1].astype(np.uint8)
