"""KITTI's calibration files, and raw laser scans as sparse depth maps: the truth that Eigen's 697 images are scored on."""

import math
from pathlib import Path

import numpy as np

from sidelib.data._read import naming

__all__ = ["projection", "read_calibration", "read_scan", "scan_to_depth"]

# The keys of calib_cam_to_cam.txt (for camera 02 or 03) and of calib_velo_to_cam.txt.
PROJECTION, SIZE, RECTIFICATION = "P_rect_{camera}", "S_rect_{camera}", "R_rect_00"
ROTATION, TRANSLATION = "R", "T"

FIRST_PIXEL = 1  # KITTI's kit is written for Matlab, so that a projected coordinate of 1 is the first pixel
REACH = 200.0  # metres; the scanner sees about 120 m, so a coordinate beyond this is damage


def read_calibration(path, shapes):
    """The matrices of a KITTI calibration file: a dict of float64 arrays.

    Args:
        path: a text file with lines `key: numbers`; other lines, such as the time, are skipped.
        shapes: dict of each wanted key to its shape.

    Raises:
        ValueError: naming the file, and the line of a key with other than its numbers; or the keys that are missing.
        FileNotFoundError: no such file.
    """
    found = {}
    expected = f"a KITTI calibration file with the lines {', '.join(shapes)}"
    with naming(path, expected):
        for line, text in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
            key, _, numbers = text.partition(":")
            if key not in shapes:
                continue
            values = _numbers(numbers)
            count = math.prod(shapes[key])
            if key in found or values is None or len(values) != count:
                raise ValueError(
                    f"{path}, line {line}: expected {key} once, with {count} finite numbers, found {text!r}"
                )
            found[key] = values.reshape(shapes[key])
        if missing := [key for key in shapes if key not in found]:
            raise ValueError(f"{path}: expected {expected}; {', '.join(missing)} not found")
    return found


def _numbers(text):
    try:
        values = np.array(text.split(), dtype=np.float64)
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None


def projection(path, camera, size):
    """What `calib_cam_to_cam.txt` says of a rectified colour camera.

    Args:
        path: the file.
        camera: "02" (left) or "03" (right).
        size: (height, width) of the image, which must be the size that the calibration holds for.

    Returns:
        (projection, rectification): float64 `(3, 4)`, from the rectified frame of camera 00 to `(u·z, v·z, z)` with z
        the camera's own depth; and `(3, 3)`, from camera 00 to its rectified frame. The left three columns of the
        first are the intrinsics.
    """
    names = [name.format(camera=camera) for name in (PROJECTION, SIZE)]
    found = read_calibration(path, {names[0]: (3, 4), names[1]: (2,), RECTIFICATION: (3, 3)})
    matrix, (width, height) = found[names[0]], found[names[1]]
    if not (matrix[0, 0] > 0 and matrix[1, 1] > 0 and np.array_equal(matrix[2, :3], (0, 0, 1))):
        raise ValueError(
            f"{path}: expected {names[0]} with focal lengths above 0 and a last row 0 0 1, found {matrix.tolist()}"
        )
    if (height, width) != tuple(size):
        raise ValueError(
            f"{path}: expected the image's size, {size[1]} × {size[0]}, in {names[1]}, found {width:g} × {height:g}: "
            "was the image resized?"
        )
    return matrix, found[RECTIFICATION]


def read_scan(path):
    """A raw scan, `velodyne_points/data/*.bin`: float64 `(n, 3)`, metres, x forward, y left, z up.

    The file holds four little-endian float32 a point, of which the last, the reflectance, is left out.
    """
    expected = "a laser scan: four float32 a point"
    with naming(path, expected):
        data = Path(path).read_bytes()
        if not data or len(data) % 16:
            raise ValueError(f"{path}: expected {expected}, so a multiple of 16 bytes, found {len(data)} bytes")
        points = np.frombuffer(data, dtype="<f4").reshape(-1, 4)[:, :3].astype(np.float64)
        if not (np.abs(points) <= REACH).all():  # nan compares false
            raise ValueError(f"{path}: expected finite points within {REACH:g} m, found others")
    return points


def scan_to_depth(points, matrix, size):
    """Project a laser scan to a depth map, float64 `(H, W)` in metres, 0 where no point falls.

    Eigen's protocol, as its users compute it: points behind the scanner are dropped, each other point falls into the
    nearest pixel, and of several in one pixel the nearest point wins. Points on what the camera cannot see, seen by
    the scanner from higher up, remain: the improved depth maps were made to remove them (Uhrig et al. 2017).

    Args:
        points: `(n, 3)`, metres, in the scanner's frame (x forward).
        matrix: `(3, 4)`, from the scanner's frame to `(u·z, v·z, z)`, u and v counted from 1.
        size: (H, W).

    >>> camera = np.array([[0.0, -10, 0, 0], [0, 0, -10, 0], [1, 0, 0, 0]])  # looks along x; axis through pixel (0, 0)
    >>> camera[:2, 0] = 1  # … counted from 1
    >>> scan_to_depth(np.array([[5.0, 0, 0], [4.0, 0, 0], [8.0, -0.8, 0]]), camera, (1, 3))
    array([[4., 8., 0.]])
    """
    points = points[points[:, 0] >= 0]
    x, y, z = matrix[:, :3] @ points.T + matrix[:, 3:]
    x, y, z = (row[z > 0] for row in (x, y, z))
    u, v = np.round(x / z) - FIRST_PIXEL, np.round(y / z) - FIRST_PIXEL
    seen = (u >= 0) & (u < size[1]) & (v >= 0) & (v < size[0])
    depth = np.full(size, np.inf)
    np.minimum.at(depth, (v[seen].astype(np.int64), u[seen].astype(np.int64)), z[seen])
    return np.where(np.isinf(depth), 0.0, depth)
