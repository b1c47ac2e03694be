"""Tiny files in the exact formats of outdoor and relative data sets."""

import struct
import zlib

import numpy as np
from PIL import Image


def image(path, height, width, seed=0):
    """An 8-bit colour image, PNG or JPEG by its ending (JPEG if it is none of Pillow's); returns its array."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(array).save(path, format="PNG" if path.suffix == ".png" else "JPEG")
    return array


def grey(path, array):
    """A PNG of one channel: 16 bits for uint16, 8 for uint8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def colour16(path, array, filters=(0, 1, 2, 3, 4)):
    """A PNG of three channels of 16 bits, which Pillow cannot write: `array` is uint16 (H, W, 3).

    Row after row is filtered with the next of `filters`: the format's definition, byte by byte.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width, _ = array.shape
    lines = [bytes(6) + row.astype(">u2").tobytes() for row in array]  # with a pixel of zeros to the left
    rows = b""
    for k, line in enumerate(lines):
        kind, above = filters[k % len(filters)], lines[k - 1] if k else bytes(len(line))
        rows += bytes([kind])
        for place in range(6, len(line)):
            a, b, c = line[place - 6], above[place], above[place - 6]
            paeth = min((a, b, c), key=lambda value, p=a + b - c: abs(p - value))  # the first of equals, in this order
            rows += bytes([(line[place] - (0, a, b, (a + b) // 2, paeth)[kind]) % 256])

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
