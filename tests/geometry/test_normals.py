"""Normals from depth: exact on planes, rims and masks included; against a plain fit; depth edges; conventions."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sidelib.geometry import back_project, intrinsics_matrix, normals_from_depth, pixel_grid

SIZE = (8, 11)
K = intrinsics_matrix((15.0, 13.0), SIZE, (4.2, 3.9))


def plane(normal, distance, intrinsics=K, size=SIZE, dtype=torch.float64):
    """Depth of n · P = -distance, seen from the side that n points to."""
    x, y = pixel_grid(*size, dtype=torch.float64)
    fx, fy, cx, cy = (intrinsics[i, j].double() for i, j in ((0, 0), (1, 1), (0, 2), (1, 2)))
    rays = torch.stack([(x - cx) / fx, (y - cy) / fy, torch.ones_like(x)])
    along = (torch.tensor(normal, dtype=torch.float64).view(3, 1, 1) * rays).sum(0)
    assert bool((along < 0).all()), "the test's plane must be in view all over"
    return (-distance / along).to(dtype)[None, None]


def unit(*vector):
    return [part / math.hypot(*vector) for part in vector]


def facing(slant_x, slant_y):
    return unit(slant_x, slant_y, -1.0)


def fit_by_loop(depth, mask, intrinsics, radius, gamma):
    """Least squares in inverse depth with numpy's solver, pixel by pixel; NaN where the plane is not fixed."""
    points = back_project(torch.where(mask, depth, 1.0), intrinsics)[0].numpy()
    z, seen = depth[0, 0].numpy(), mask[0, 0].numpy()
    out = np.full((3, *z.shape), np.nan)
    matrix = intrinsics.double().numpy()
    for y, x in zip(*np.nonzero(seen), strict=True):
        rows, values = [], []
        for j in range(max(0, y - radius), min(z.shape[0], y + radius + 1)):
            for i in range(max(0, x - radius), min(z.shape[1], x + radius + 1)):
                if seen[j, i] and (gamma is None or abs(z[j, i] - z[y, x]) < gamma * z[y, x]):
                    rows.append([i, j, 1])
                    values.append(1 / z[j, i])
        if np.linalg.matrix_rank(np.array(rows)) == 3:
            inverse_depth = np.linalg.lstsq(np.array(rows, dtype=float), np.array(values), rcond=None)[0]
            normal = matrix.T @ inverse_depth  # 1/z = m · K⁻¹ (x, y, 1)
            normal /= np.linalg.norm(normal)
            out[:, y, x] = -normal * np.sign(normal @ points[:, y, x])
    return out


@pytest.mark.parametrize("window", [3, 5, 9])
@pytest.mark.parametrize("normal", [(0.0, 0.0, -1.0), facing(0.4, 0.0), facing(0.0, -0.7), facing(-0.8, 0.9)])
def test_planes_are_exact_up_to_the_rim(normal, window):
    normals, valid = normals_from_depth(plane(normal, 2.0), K, window=window)
    assert valid.all()  # corners too
    expected = torch.tensor(normal, dtype=torch.float64).view(1, 3, 1, 1).expand_as(normals)
    torch.testing.assert_close(normals, expected, rtol=0, atol=1e-12)
    single, _ = normals_from_depth(plane(normal, 2.0, dtype=torch.float32), K, window=window)
    torch.testing.assert_close(single, expected.float(), rtol=0, atol=1e-5)


@settings(deadline=None, max_examples=80)
@given(
    slant=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    distance=st.floats(1e-3, 1e4),
    holes=st.floats(0, 0.6),
    seed=st.integers(0, 10**6),
)
def test_planes_with_holes_are_exact_wherever_there_is_a_normal(slant, distance, holes, seed):
    depth, normal = plane(facing(*slant), distance), facing(*slant)
    mask = torch.rand(1, 1, *SIZE, generator=torch.Generator().manual_seed(seed)) >= holes
    spoiled = torch.where(mask, depth, 1e3 * distance)  # were an invalid pixel used, it would show
    normals, valid = normals_from_depth(spoiled, K, mask)
    expected = torch.tensor(normal, dtype=torch.float64).view(1, 3, 1, 1) * valid
    torch.testing.assert_close(normals, expected, rtol=0, atol=1e-10)
    assert not (valid & ~mask).any()


@pytest.mark.parametrize(("window", "gamma"), [(3, None), (3, 0.1), (5, 0.2), (7, None)])
def test_against_a_plain_fit_pixel_by_pixel(window, gamma):
    generator = torch.Generator().manual_seed(window)
    depth = 2 + torch.rand(1, 1, *SIZE, generator=generator, dtype=torch.float64)
    mask = torch.rand(1, 1, *SIZE, generator=generator) > 0.3
    normals, valid = normals_from_depth(depth, K, mask, window=window, gamma=gamma)
    expected = torch.from_numpy(fit_by_loop(depth, mask, K, window // 2, gamma))
    assert torch.equal(valid[0, 0], ~expected[0].isnan())
    assert 0.2 < valid.double().mean() < 0.8
    torch.testing.assert_close(normals[0], expected.nan_to_num(), rtol=0, atol=1e-9)


def test_on_a_sphere_the_normal_points_back_along_the_radius():
    size, camera = (41, 41), intrinsics_matrix(60.0, (41, 41))
    x, y = pixel_grid(*size, dtype=torch.float64)
    rays = torch.stack([(x - 20) / 60, (y - 20) / 60, torch.ones_like(x)])
    centre, radius = torch.tensor([0.0, 0.0, 4.0], dtype=torch.float64).view(3, 1, 1), 1.9
    a, b, c = rays.square().sum(0), (rays * centre).sum(0), 16 - radius**2
    root = b * b - a * c
    mask = root > 0.4  # away from the outline
    depth = torch.where(mask, (b - root.clamp(min=0).sqrt()) / a, 0.0)[None, None]
    normals, valid = normals_from_depth(depth, camera)
    outward = (depth[0] * rays - centre) / radius
    cosine = (normals[0] * outward).sum(0)[valid[0, 0]]
    assert len(cosine) > 200
    assert torch.rad2deg(cosine.clamp(max=1).acos()).max() < 4


def test_float32_at_a_real_focal_length_keeps_the_digits_that_a_fit_to_points_loses():
    size, camera, normal = (24, 32), intrinsics_matrix(600.0, (24, 32)), facing(0.3, -0.5)
    depth = plane(normal, 3.0, camera, size, torch.float32)
    expected = torch.tensor(normal).view(1, 3, 1, 1)
    normals, _ = normals_from_depth(depth, camera)
    points = back_project(depth, camera).unfold(2, 3, 1).unfold(3, 3, 1).flatten(-2)[0].movedim(0, -1)  # (h, w, 9, 3)
    fitted = torch.linalg.inv(points.mT @ points) @ points.sum(-2)[..., None]
    fitted = -torch.nn.functional.normalize(fitted[..., 0], dim=-1).movedim(-1, 0)[None]
    ours, theirs = (torch.rad2deg((part - expected).norm(dim=1)) for part in (normals, fitted))
    assert ours.max() < 0.02  # degrees: the rounding of the depth itself
    assert theirs.max() > 20 * ours.max()


def test_convention_normals_face_the_camera():
    wall, _ = normals_from_depth(plane((0.0, 0.0, -1.0), 2.0), K)
    assert wall[0, :, 3, 5].tolist() == [0, 0, -1]  # data sets with outward normals, or z towards the viewer: +1
    below = intrinsics_matrix(10.0, SIZE, (5.0, -2.0))  # looks ahead; all of the picture lies below the horizon
    floor, _ = normals_from_depth(plane((0.0, -1.0, 0.0), 1.5, below), below)
    assert floor[0, :, 3, 5].tolist() == pytest.approx([0, -1, 0], abs=1e-12)  # y points down, so the floor's is up
    right = intrinsics_matrix(10.0, SIZE, (-2.0, 4.0))
    wall_on_the_right, _ = normals_from_depth(plane((-1.0, 0.0, 0.0), 1.5, right), right)
    assert wall_on_the_right[0, :, 3, 5].tolist() == pytest.approx([-1, 0, 0], abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), window=st.sampled_from([3, 5]))
def test_normals_are_unit_face_the_camera_and_ignore_the_unit_of_depth(seed, window):
    generator = torch.Generator().manual_seed(seed)
    depth = torch.rand(2, 1, *SIZE, generator=generator, dtype=torch.float64) * 9 + 0.1
    intrinsics = torch.stack([K, intrinsics_matrix(3.0, SIZE)])
    normals, valid = normals_from_depth(depth, intrinsics, window=window)
    assert valid.all()
    torch.testing.assert_close(normals.norm(dim=1), torch.ones(2, *SIZE, dtype=torch.float64))
    assert ((normals * back_project(depth, intrinsics)).sum(1) <= 1e-12).all()
    torch.testing.assert_close(normals_from_depth(depth * 1000, intrinsics, window=window)[0], normals)
    alone = torch.cat([normals_from_depth(depth[i : i + 1], intrinsics[i], window=window)[0] for i in range(2)])
    torch.testing.assert_close(alone, normals)


def test_gamma_keeps_planes_from_bridging_a_depth_edge():
    step = torch.full((1, 1, *SIZE), 2.0)
    step[..., 5:] = 4.0
    expected = torch.tensor([0.0, 0.0, -1.0]).view(1, 3, 1, 1).expand(1, 3, *SIZE)
    normals, valid = normals_from_depth(step, K, gamma=0.05)
    assert valid.all()
    assert torch.equal(normals, expected)
    bridged, _ = normals_from_depth(step, K)
    wrong = (bridged != expected).any(1)[0].any(0)
    assert wrong.tolist() == [column in (4, 5) for column in range(SIZE[1])]


def test_gamma_is_strict_and_a_share_of_the_pixels_own_depth():
    depth = torch.tensor([[2.0, 2.0, 3.0], [2.0, 2.0, 3.0], [2.0, 2.0, 3.0]])[None, None]
    camera = intrinsics_matrix(4.0, (3, 3))
    for gamma, apart in ((0.5, True), (0.501, False)):  # |2 - 3| < γ 2 has to hold strictly
        normals, _ = normals_from_depth(depth, camera, gamma=gamma)
        assert (normals[0, :, 1, 1].tolist() == [0, 0, -1]) == apart
    for gamma, valid in ((1 / 3, False), (0.34, True)):  # for the far pixels |3 - 2| < γ 3; alone they are a line
        assert normals_from_depth(depth, camera, gamma=gamma)[1][0, 0, 1].tolist() == [True, True, valid]


def test_three_pixels_fix_a_plane_unless_they_lie_on_one_line():
    depth, normal = plane(facing(0.2, -0.3), 2.0), torch.tensor(facing(0.2, -0.3), dtype=torch.float64)
    for pixels, fixed in (
        ([(3, 3), (3, 4), (4, 3)], True),
        ([(3, 3), (2, 4), (4, 4)], True),
        ([(3, 3), (3, 2), (3, 4)], False),
        ([(3, 3), (2, 2), (4, 4)], False),
        ([(3, 3), (2, 4)], False),
        ([(3, 3)], False),
    ):
        mask = torch.zeros(1, 1, *SIZE, dtype=torch.bool)
        for y, x in pixels:
            mask[..., y, x] = True
        normals, valid = normals_from_depth(depth, K, mask)
        assert valid[0, 0, 3, 3] == fixed
        torch.testing.assert_close(normals[0, :, 3, 3], normal * fixed)
        assert not valid[~mask].any()


@pytest.mark.parametrize("window", [5, 9, 15])
def test_lines_of_any_slope_are_degenerate_in_float32(window):
    size, radius = (window, window), window // 2
    camera = intrinsics_matrix(20.0, size)
    depth = plane(facing(0.1, 0.1), 2.0, camera, size, torch.float32)
    for dx in range(radius + 1):
        for dy in range(-radius, radius + 1):
            mask = torch.zeros(1, 1, *size, dtype=torch.bool)
            for step in range(-radius, radius + 1):
                if max(abs(step * dx), abs(step * dy)) <= radius:
                    mask[..., radius + step * dy, radius + step * dx] = True
            assert not normals_from_depth(depth, camera, mask, window=window)[1].any()
            mask[..., radius - dx, radius + dy] = True  # one pixel beside the line
            assert normals_from_depth(depth, camera, mask, window=window)[1][..., radius, radius] == bool(dx or dy)


def test_uneven_points_on_a_line_are_degenerate_though_their_sums_round():
    lines, mask = [(2, 3), (-3, 1), (1, 3), (3, 4)], torch.zeros(24, 1, 31, 31, dtype=torch.bool)
    for item, kept in enumerate(torch.rand(24, 31, generator=torch.Generator().manual_seed(0)) < 0.7):
        dx, dy = lines[item % len(lines)]
        for step in range(-15, 16):
            if max(abs(step * dx), abs(step * dy)) <= 15:
                mask[item, 0, 15 + step * dy, 15 + step * dx] = kept[step + 15]
    depth = torch.ones(24, 1, 31, 31)
    assert not normals_from_depth(depth, intrinsics_matrix(20.0, (31, 31)), mask, window=31)[1].any()


def test_the_thinnest_triangle_of_a_window_of_15_still_fixes_a_plane():
    camera, mask = intrinsics_matrix(20.0, (15, 15)), torch.zeros(1, 1, 15, 15, dtype=torch.bool)
    for x, y in ((0, 0), (7, 6), (-6, -5)):  # half a pixel in area
        mask[..., 7 + y, 7 + x] = True
    depth = plane(facing(0.1, 0.1), 2.0, camera, (15, 15), torch.float32)
    normals, valid = normals_from_depth(depth, camera, mask, window=15)
    assert valid[0, 0, 7, 7]
    torch.testing.assert_close(normals[0, :, 7, 7], torch.tensor(facing(0.1, 0.1)), rtol=0, atol=1e-3)


@pytest.mark.parametrize("size", [(1, 9), (9, 1), (1, 1)])
def test_a_single_row_or_column_has_no_normals(size):
    normals, valid = normals_from_depth(torch.ones(1, 1, *size), intrinsics_matrix(5.0, size))
    assert not valid.any() and not normals.any()


def test_invalid_depth_takes_no_part_and_gets_no_gradient():
    clean = plane(facing(0.3, 0.1), 2.0)
    depth = clean.clone()
    for place, value in (((0, 0), 0.0), ((3, 4), math.nan), ((5, 5), math.inf), ((6, 9), -2.0)):
        depth[(0, 0, *place)] = value
    bad = depth != clean
    depth.requires_grad_()
    normals, valid = normals_from_depth(depth, K)
    assert torch.equal(valid, ~bad)
    (normals * torch.arange(3).view(1, 3, 1, 1)).sum().backward()
    assert depth.grad.isfinite().all()
    assert not depth.grad[bad].any()
    torch.testing.assert_close(normals, normals_from_depth(clean, K, ~bad)[0])

    empty = torch.zeros(1, 1, *SIZE, requires_grad=True)
    normals, valid = normals_from_depth(empty, K)
    normals.sum().backward()
    assert not valid.any() and not normals.any() and not empty.grad.any()


def test_gradients():
    generator = torch.Generator().manual_seed(0)
    depth = (2 + torch.rand(2, 1, 4, 5, generator=generator, dtype=torch.float64)).requires_grad_()
    mask = torch.rand(2, 1, 4, 5, generator=generator) > 0.2
    focal = torch.tensor([8.0, 6.0], dtype=torch.float64, requires_grad=True)

    def normals(depth, focal):
        intrinsics = torch.diag_embed(torch.cat([focal, focal.new_ones(1)]))
        return normals_from_depth(depth, intrinsics, mask, gamma=0.4)[0]

    assert torch.autograd.gradcheck(normals, (depth, focal))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_and_autocast_are_computed_in_float32(dtype):
    depth = plane(facing(0.3, 0.2), 2.0, dtype=dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        normals, valid = normals_from_depth(depth, K)
    expected, seen = normals_from_depth(depth.float(), K)
    assert normals.dtype == torch.float32
    assert torch.equal(normals, expected) and torch.equal(valid, seen)


def test_compiles_as_one_graph():
    depth = plane(facing(0.3, 0.2), 2.0, dtype=torch.float32)
    compiled = torch.compile(normals_from_depth, backend="eager", fullgraph=True)
    assert torch.equal(compiled(depth, K, depth > 1.9)[0], normals_from_depth(depth, K, depth > 1.9)[0])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_agrees_with_cpu():
    depth = plane(facing(0.3, 0.2), 2.0)
    mask = depth > 1.9
    ours, expected = normals_from_depth(depth.cuda(), K.cuda(), mask.cuda()), normals_from_depth(depth, K, mask)
    torch.testing.assert_close(ours[0].cpu(), expected[0])
    assert torch.equal(ours[1].cpu(), expected[1])


DEPTH = torch.ones(2, 1, *SIZE)
MASK = DEPTH > 0


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((DEPTH[0], K), {}, ValueError, r"depth: expected shape \(B, 1, H, W\), found \(1, 8, 11\)"),
        ((DEPTH.long(), K), {}, TypeError, "depth: expected a floating-point tensor, found torch.int64"),
        ((DEPTH, K.mT), {}, ValueError, r"intrinsics: expected \[\[fx, 0, cx\]"),
        ((DEPTH, K.numpy()), {}, TypeError, "intrinsics: expected a torch.Tensor, found ndarray"),
        ((DEPTH, K, DEPTH), {}, TypeError, "mask: expected a bool tensor, found torch.float32"),
        ((DEPTH, K, MASK[:1]), {}, ValueError, r"mask: expected the shape of depth, \(2, 1, 8, 11\), found \(1, 1, 8, 11\)"),
        ((DEPTH, K, MASK.to("meta")), {}, ValueError, "mask: expected on cpu"),
        ((DEPTH, K), {"window": 4}, ValueError, "window: expected an odd number of pixels, at least 3, found 4"),
        ((DEPTH, K), {"window": 1}, ValueError, "window: .* found 1"),
        ((DEPTH, K), {"window": 3.0}, ValueError, "window: .* found 3.0"),
        ((DEPTH, K), {"gamma": 0.0}, ValueError, "gamma: expected a share of the depth above 0, or None, found 0.0"),
    ],
)  # fmt: skip
def test_errors_name_the_argument(arguments, options, error, message):
    with pytest.raises(error, match="^" + message):
        normals_from_depth(*arguments, **options)
