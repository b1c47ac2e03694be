"""What loaders of frames share: a root that must be given, and the camera files beside a frame."""

import numpy as np

from sidelib.data._read import folder, naming, read_intrinsics

__all__ = ["read_camera", "read_pose", "root_folder"]


def root_folder(root, expected):
    """`root` as a Path to a folder that is there; ValueError without one, rather than the working directory."""
    if not root:
        raise ValueError(f"root: expected {expected}, found none")
    return folder(root, expected)


def read_camera(path, size):
    """The intrinsics in a text file, float32 `(3, 3)`, for a picture of size (H, W).

    Raises ValueError if the principal point lies outside: then they are those of another camera or another size.
    """
    matrix = read_intrinsics(path)
    (height, width), (cx, cy) = size, matrix[:2, 2].tolist()
    if not (0 < cx < width and 0 < cy < height):
        raise ValueError(
            f"{path}: expected a principal point inside a picture of {height}×{width}, found ({cx:g}, {cy:g}): is it "
            "that of another size?"
        )
    return matrix


def read_pose(path):
    """A camera-to-world matrix in a text file, float64 `(4, 4)`: a rotation and a shift in metres."""
    expected = "a 4×4 camera-to-world matrix"
    with naming(path, expected):
        pose = np.loadtxt(path, dtype=np.float64, ndmin=2)
        if pose.shape != (4, 4) or not np.isfinite(pose).all() or not np.allclose(pose[3], (0, 0, 0, 1)):
            raise ValueError(f"{path}: expected {expected} with a last row 0 0 0 1, found {pose.tolist()}")
        turn = pose[:3, :3]
        if not np.allclose(turn @ turn.T, np.eye(3), atol=1e-2) or np.linalg.det(turn) < 0:
            raise ValueError(f"{path}: expected a rotation in {expected}, found {turn.tolist()}")
    return pose
