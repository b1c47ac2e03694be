"""kornia as an oracle: another library's cameras and warps, where its conventions are the same as ours."""

import kornia.geometry as kornia
import pytest
import torch

from sidelib.geometry import back_project, normals_from_depth, project, transform, warp_motion

SIZE = (24, 32)


@pytest.fixture
def camera():
    generator = torch.Generator().manual_seed(3)
    intrinsics = torch.tensor([[30.0, 0, 15.2], [0, 31.0, 11.4], [0, 0, 1]])[None].repeat(2, 1, 1)
    depth = 2 + torch.rand(2, 1, *SIZE, generator=generator)
    motion = torch.eye(4).repeat(2, 1, 1)
    motion[:, :3, 3] = torch.tensor([[0.05, -0.02, 0.1], [-0.1, 0.03, -0.05]])
    image = torch.rand(2, 3, *SIZE, generator=generator)
    return intrinsics, depth, motion, image


def test_back_projection(camera):
    intrinsics, depth, *_ = camera
    torch.testing.assert_close(back_project(depth, intrinsics), kornia.depth.depth_to_3d(depth, intrinsics))


def test_projection(camera):
    intrinsics, depth, motion, _ = camera
    points = transform(back_project(depth, intrinsics), motion)
    pixels, _ = project(points, intrinsics)
    expected = kornia.camera.project_points(points.permute(0, 2, 3, 1), intrinsics[:, None, None])
    torch.testing.assert_close(pixels.permute(0, 2, 3, 1), expected)


def test_warp_by_depth_and_motion(camera):
    intrinsics, depth, motion, image = camera
    warped, inside = warp_motion(image, depth, motion, intrinsics)
    expected = kornia.depth.warp_frame_depth(image, depth, motion, intrinsics)
    # Outside the picture kornia blends with black where we say that nothing is known.
    assert inside.float().mean() > 0.7
    torch.testing.assert_close(warped * inside, expected * inside, atol=1e-4, rtol=1e-4)


def test_normals_of_a_plane_up_to_the_side_they_face(camera):
    intrinsics, *_ = camera
    y, x = torch.meshgrid(*(torch.arange(float(n)) for n in SIZE), indexing="ij")
    ray = torch.linalg.inv(intrinsics[0]) @ torch.stack([x, y, torch.ones_like(x)]).flatten(1)
    plane = torch.nn.functional.normalize(torch.tensor([0.3, -0.5, -1.0]), dim=0)
    depth = (-2.0 / (plane @ ray)).view(1, 1, *SIZE)
    ours, _ = normals_from_depth(depth, intrinsics[:1])
    theirs = kornia.depth.depth_to_normals(depth, intrinsics[:1])
    inner = (slice(None), slice(None), slice(2, -2), slice(2, -2))
    # Their normal follows the winding of the pixel grid; ours always faces the camera.
    torch.testing.assert_close(
        (ours * theirs).sum(1)[inner[:1] + inner[2:]].abs(), torch.ones(1, SIZE[0] - 4, SIZE[1] - 4), atol=1e-3, rtol=0
    )
    torch.testing.assert_close(ours, plane.view(1, 3, 1, 1).expand_as(ours), atol=1e-4, rtol=0)
