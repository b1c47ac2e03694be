"""The pinhole camera and what follows from it: points, motions, warps between views, flow, surface normals."""

from sidelib.geometry.camera import (
    back_project,
    intrinsics_matrix,
    inverse_rigid,
    pixel_grid,
    project,
    relative_motion,
    rigid_motion,
    rotation_from_angles,
    transform,
)
from sidelib.geometry.normals import normals_from_depth
from sidelib.geometry.warp import (
    depth_from_disparity,
    disparity_from_depth,
    flow_from_motion,
    sample_at,
    warp_disparity,
    warp_motion,
)

__all__ = [
    "back_project",
    "depth_from_disparity",
    "disparity_from_depth",
    "flow_from_motion",
    "intrinsics_matrix",
    "inverse_rigid",
    "normals_from_depth",
    "pixel_grid",
    "project",
    "relative_motion",
    "rigid_motion",
    "rotation_from_angles",
    "sample_at",
    "transform",
    "warp_disparity",
    "warp_motion",
]
