"""Augmentation keeps a sample true: pixels, depth, labels, normals and camera move as one."""

import pytest
import torch
import torch.nn.functional as F
from augmentation_samples import PLANE, SIZE, STILL, camera, generator, grid, noise_sample, plane_sample, rays, same
from hypothesis import given, settings
from hypothesis import strategies as st

from sidelib.geometry.camera import intrinsics_matrix
from sidelib.training._views import make_view, resample
from sidelib.training.augmentation import EigenAugmentation, Resize, UNetReportAugmentation


def assert_one_transform(before, after, *, focal):
    """Every pixel of `after` sees the moved point that its source saw, with the new depth, normal and intrinsics.

    The move is found from depth and normals alone; the pixels' sources from the image.
    """
    size = after["image"].shape[1:]
    source = after["image"][:2].double() * 100
    last = torch.tensor([before["image"].shape[2] - 1, before["image"].shape[1] - 1])[:, None, None]
    # Half a pixel at the rim repeats the rim's value: no source can be read there.
    seen = (after["instance"][0] >= 0) & ((source > 1) & (source < last - 1)).all(0)
    assert seen.float().mean() > 0.5
    # Depth, mask and labels are those of the nearest pixel.
    nearest = after["instance"][0]
    place = torch.stack([nearest % (last[0] + 1), nearest // (last[0] + 1)])
    assert ((place - source).abs().amax(0)[seen] < 0.5 + 1e-3).all()
    flat = nearest.clamp(min=0).flatten()
    assert torch.equal(after["mask"].flatten(), before["mask"].flatten()[flat] & (nearest.flatten() >= 0))
    # The plane, seen exactly where the image says, and moved.
    move = after["move"].double()
    points = rays(source, before["intrinsics"])
    points = points * (-1.6 / (PLANE.double()[:, None, None] * points).sum(0))
    moved = torch.einsum("ij,jhw->ihw", move, points)
    (fx, _, cx), (_, fy, cy), _ = after["intrinsics"].double().tolist()
    projected = torch.stack([fx * moved[0] / moved[2] + cx, fy * moved[1] / moved[2] + cy])
    assert ((projected - grid(size)).abs().amax(0)[seen] < 2e-3).all()
    assert (fx, fy) == pytest.approx(tuple(focal), rel=1e-6)
    valid = after["mask"][0]
    expected = before["depth"].flatten()[flat].reshape(size) * float(move[2, 2])
    torch.testing.assert_close(after["depth"][0][valid], expected[valid], rtol=1e-6, atol=0)
    # The moved points lie on one plane with the new normal, which is unit and faces the camera.
    normals = after["normals"].double()
    distance = (normals * moved).sum(0)[seen]
    assert distance.std() < 1e-4 and distance.max() < 0
    assert (normals[:, after["instance"][0] >= 0].norm(dim=0) - 1).abs().max() < 1e-6


@settings(max_examples=60, deadline=None)
@given(
    s=st.floats(1, 2), angle=st.floats(-30, 30), mirrored=st.booleans(), x=st.integers(0, 6), y=st.integers(0, 5),
    shrink=st.floats(0.4, 1.2), fy=st.floats(40, 90),
)  # fmt: skip
def test_points_pixels_normals_and_intrinsics_are_one_transform(s, angle, mirrored, x, y, shrink, fy):
    before = plane_sample((60, 80), camera((60, 80), 60.0, fy))
    zoom = (s * shrink, s)
    size = (int(60 * zoom[1]) - 5, int(80 * zoom[0]) - 6)
    view = make_view((60, 80), size, zoom=zoom, offset=(x, y), closer=s, angle=angle, mirrored=mirrored,
                     intrinsics=before["intrinsics"])  # fmt: skip
    radians = torch.deg2rad(torch.tensor(angle, dtype=torch.float64))
    turn = torch.eye(3, dtype=torch.float64)
    turn[:2, :2] = torch.stack([radians.cos(), -radians.sin(), radians.sin(), radians.cos()]).reshape(2, 2)
    flip = torch.diag(torch.tensor([-1.0 if mirrored else 1.0, 1.0, 1.0])).double()
    move = flip @ turn @ torch.diag(torch.tensor([1.0, 1.0, 1 / s])).double()
    assert_one_transform(before, resample(before, view) | {"move": move}, focal=(60 * shrink, fy))


@pytest.mark.parametrize(
    "options",
    [
        {"scale": (1.4, 1.4)},
        {"flip": 1},
        {"rotation": 5},
        {"resize": (30, 40)},
        {"resize": (90, 50), "scale": (1.1, 1.1)},  # pixels that are not square
        {"scale": (1.2, 1.2), "rotation": 20, "flip": 1, "resize": (42, 56)},
    ],
    ids=str,
)
def test_eigen_reprojects(options):
    before = plane_sample((60, 80))
    options = STILL | options
    moving = options["rotation"] > 0
    axis = torch.tensor([1.0, 0.0, 0.0])[:, None, None].expand(3, 60, 80)
    for seed in range(5):
        augmentation = EigenAugmentation((26, 34), **options)
        after = augmentation(before, generator(seed))
        # The x axis after shows rotation and flip.
        turned = augmentation(before | {"normals": axis}, generator(seed))["normals"]
        x = turned[:, (turned != 0).any(0)][:, 0].double()
        y = torch.stack([-x[1], x[0], x[2]]) * (-1 if options["flip"] else 1)
        move = torch.stack([x, y, torch.tensor([0, 0, 1 / options["scale"][0]])], dim=1)
        assert (abs(x[1]) > 1e-3) == moving and (x[0] < 0) == bool(options["flip"])
        assert abs(torch.rad2deg(torch.asin(x[1]))) <= options["rotation"] + 1e-3
        resized = options.get("resize") or (60, 80)
        assert_one_transform(before, after | {"move": move}, focal=(60 * resized[1] / 80, resized[0]))


@pytest.mark.parametrize("resize", [Resize((20, 30)), Resize((30, 40), crop=(21, 33)), Resize((90, 100))], ids=str)
def test_resize_reprojects(resize):
    before = plane_sample((60, 80))
    after = resize(before)
    focal = (60 * resize.size[1] / 80, 60 * resize.size[0] / 60)
    assert_one_transform(before, after | {"move": torch.eye(3)}, focal=focal)


def test_report_reprojects_and_keeps_depth():
    before = plane_sample((60, 80))
    still = {"rotation": 0, "brightness": (1, 1), "flip": 0}
    for seed in range(3):
        after = UNetReportAugmentation((40, 40), **still)(before, generator(seed))
        assert_one_transform(before, after | {"move": torch.eye(3)}, focal=(40, 40))
        assert set(after["depth"].unique().tolist()) <= set(before["depth"].unique().tolist())


def test_identity_parameters_give_the_input_exactly():
    sample = noise_sample()
    assert same(EigenAugmentation(SIZE, **STILL)(sample, generator()), sample)
    assert same(Resize(SIZE)(sample), sample)
    square = {name: value[..., :30] if value.ndim == 3 else value for name, value in sample.items()}
    report = UNetReportAugmentation((30, 30), rotation=0, brightness=(1, 1), flip=0)
    assert same(report(square, generator()), square)


def test_a_crop_alone_is_a_slice_and_moves_the_principal_point():
    sample = noise_sample()
    after = EigenAugmentation((21, 25), **STILL)(sample, generator(3))
    x, y = (sample["intrinsics"] - after["intrinsics"])[:2, 2].round().int().tolist()
    assert 0 < x <= 15 and 0 < y <= 9
    for name in sample.keys() - {"intrinsics"}:
        assert torch.equal(after[name], sample[name][:, y : y + 21, x : x + 25]), name


def test_flip_twice_is_the_identity_and_once_is_a_mirror():
    sample = noise_sample()
    flip = EigenAugmentation(SIZE, **STILL | {"flip": 1})
    once = flip(sample, generator())
    assert same(flip(once, generator(1)) | {"intrinsics": sample["intrinsics"]}, sample)
    assert torch.allclose(flip(once, generator())["intrinsics"], sample["intrinsics"])
    assert torch.equal(once["image"], sample["image"].flip(-1)) and torch.equal(once["mask"], sample["mask"].flip(-1))
    assert torch.equal(once["normals"][0], -sample["normals"][0].flip(-1))
    assert torch.equal(once["normals"][1:], sample["normals"][1:].flip(-1))
    # A principal point half a pixel from the left edge ends half a pixel from the right edge: W − 1 − cx.
    assert once["intrinsics"][0, 2] == pytest.approx(39 - 18.0)


def test_scale_two_halves_depth_and_doubles_sizes():
    depth = torch.full((1, 24, 24), 6.0)
    depth[:, 8:12, 6:11] = 3.0
    sample = {"image": (depth == 3).float().repeat(3, 1, 1), "depth": depth, "mask": depth > 0}
    sample |= {"intrinsics": intrinsics_matrix(20.0, (24, 24)), "disparity": 12 / depth, "score": -depth}
    after = EigenAugmentation((48, 48), **STILL | {"scale": (2, 2)})(sample, generator())
    expected = torch.full((1, 48, 48), 3.0)
    expected[:, 16:24, 12:22] = 1.5
    assert torch.equal(after["depth"], expected)
    assert torch.equal(after["disparity"], 12 / expected)  # the same baseline and focal length
    assert after["score"].unique().tolist() == [-6, -3]  # relative: no unit, no scale
    assert after["image"].sum() == pytest.approx(4 * sample["image"].sum().item())
    assert torch.allclose(after["intrinsics"], intrinsics_matrix(20.0, (48, 48)))


def test_convention_the_focal_length_stays_when_depth_is_divided():
    """A zoomed camera with undivided depth, f s and z, is the wrong reading: its objects would keep their distance."""
    wall = {"image": torch.rand(3, *SIZE), "depth": torch.full((1, *SIZE), 4.0), "intrinsics": camera(SIZE)}
    wall["mask"] = torch.ones(1, *SIZE, dtype=torch.bool)
    after = EigenAugmentation((20, 20), **STILL | {"scale": (1.25, 1.25)})(wall, generator())
    assert after["intrinsics"].diagonal().tolist() == [60, 60, 1]
    assert after["depth"].unique().tolist() == pytest.approx([3.2])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), high=st.floats(1, 2), rotation=st.floats(0, 45), which=st.booleans())
def test_depth_is_never_a_mean_and_invalid_stays_invalid(seed, high, rotation, which):
    sample = noise_sample(seed=seed % 100)
    sample["depth"] = torch.where(sample["mask"], sample["depth"], 77.0)  # what is not valid may be anything
    sample["image"] = sample["image"] * 0.99 + 0.01  # no black but that of the outside
    if which:
        s = high
        transform = EigenAugmentation((24, 30), scale=(high, high), rotation=rotation)
    else:
        s, transform = 1, UNetReportAugmentation((20, 24), rotation=rotation)
    after = transform(sample, generator(seed))
    mask, depth = after["mask"], after["depth"]
    allowed = sample["depth"][sample["mask"]] / s
    found = depth[mask]
    assert (found[:, None] - allowed).abs().amin(1).max() <= 1e-6
    assert (depth[~mask] == 0).all()
    outside = after["semantic"] == -1
    assert not mask[outside].any() and ((after["instance"] == -1) == outside).all()
    assert (after["image"][:, outside[0]] == 0).all() and (after["image"][:, ~outside[0]] > 0).all()
    assert set(after["semantic"].unique().tolist()) - {-1} <= set(range(9))
    length = after["normals"].norm(dim=0)
    assert (length[outside[0]] == 0).all() and (length[~outside[0]] - 1).abs().le(1e-5).all()
    assert (after["normals"][2][~outside[0]] < 0).all()
    assert 0 <= after["image"].min() and after["image"].max() <= 1


def test_normals_of_nothing_stay_zero():
    sample = noise_sample()
    sample["normals"] = sample["normals"] * sample["mask"]
    after = EigenAugmentation((20, 30), rotation=20)(sample, generator())
    assert torch.equal((after["normals"] != 0).any(0), after["mask"][0])


def test_colour_is_eigens_gain_for_each_channel_and_touches_the_image_only():
    sample = noise_sample() | {"image": torch.full((3, *SIZE), 0.5)}
    gains = []
    for seed in range(60):
        after = EigenAugmentation(SIZE, **STILL | {"colour": (0.8, 1.2)})(sample, generator(seed))
        assert all(torch.equal(after[name], sample[name]) for name in sample.keys() - {"image"})
        assert torch.equal(after["image"].amin((1, 2)), after["image"].amax((1, 2)))
        gains.append(after["image"][:, 0, 0] / 0.5)
    gains = torch.stack(gains)
    assert 0.8 <= gains.min() < 0.82 and 1.18 < gains.max() <= 1.2
    assert torch.corrcoef(gains.T).triu(1).abs().max() < 0.5  # each channel its own
    bright = EigenAugmentation(SIZE, **STILL | {"colour": (3, 3)})(noise_sample(), generator())["image"]
    assert bright.max() == 1


def test_report_brightness_is_one_factor_for_the_three_channels():
    sample = noise_sample() | {"image": torch.full((3, *SIZE), 0.5)}
    report = UNetReportAugmentation((30, 30), rotation=0)
    factors = torch.stack([report(sample, generator(seed))["image"][:, 5, 5] / 0.5 for seed in range(60)])
    assert torch.equal(factors[:, 0], factors[:, 1]) and torch.equal(factors[:, 0], factors[:, 2])
    assert 0.8 <= factors.min() < 0.82 and 1.18 < factors.max() <= 1.2


def test_draws_cover_their_ranges():
    sample = plane_sample()
    sample["normals"] = torch.tensor([1.0, 0.0, 0.0])[:, None, None].expand(3, *SIZE)
    sample["mask"] = torch.ones(1, *SIZE, dtype=torch.bool)
    sample["depth"] = torch.ones(1, *SIZE)
    scales, angles, flips, places = [], [], [], set()
    for seed in range(300):
        after = EigenAugmentation((28, 38))(sample, generator(seed))
        x = after["normals"][:, 14, 19]
        scales.append(1 / after["depth"][0, 14, 19].item())
        flips.append(x[0].item() < 0)
        angles.append(torch.rad2deg(torch.asin(x[1])).item())
        crop = EigenAugmentation((28, 38), **STILL)(sample, generator(seed))["instance"][0, 0, 0].item()
        places.add((crop % 40, crop // 40))
    assert 1 <= min(scales) < 1.02 and 1.48 < max(scales) <= 1.5 and abs(sum(scales) / 300 - 1.25) < 0.03
    assert -5.001 <= min(angles) < -4.8 and 4.8 < max(angles) <= 5.001
    assert 0.4 < sum(flips) / 300 < 0.6
    assert places == {(x, y) for x in range(3) for y in range(3)}


def test_report_on_nyu_sizes_crops_480_square_and_halves_nothing_else():
    sample = {"image": torch.rand(3, 480, 640), "mask": torch.ones(1, 480, 640, dtype=torch.bool)}
    sample["intrinsics"] = intrinsics_matrix(518.0, (480, 640))
    centres = [UNetReportAugmentation(rotation=0, flip=0)(sample, generator(seed))["intrinsics"] for seed in range(40)]
    assert {round(k[0, 0].item(), 3) for k in centres} == {round(518 * 128 / 480, 3)}
    assert {round(k[1, 2].item(), 3) for k in centres} == {63.5}  # the crop has the full height
    across = torch.stack([k[0, 2] for k in centres])
    reach = 80 * 128 / 480
    assert (across - 63.5).abs().max() <= reach + 1e-3 and across.max() - across.min() > 1.7 * reach


def test_resize_matches_the_field_s_tools():
    sample = noise_sample((24, 32))
    half = Resize((12, 16))(sample)
    torch.testing.assert_close(half["image"], F.avg_pool2d(sample["image"], 2))
    assert torch.equal(
        half["mask"].float(), F.interpolate(sample["mask"][None].float(), (12, 16), mode="nearest-exact")[0]
    )
    double = Resize((48, 64))(sample)
    expected = F.interpolate(sample["image"][None], (48, 64), mode="bilinear", align_corners=False)[0]
    torch.testing.assert_close(double["image"], expected, rtol=0, atol=2e-5)
    third = Resize((8, 8))(sample)
    torch.testing.assert_close(third["image"], F.avg_pool2d(sample["image"], (3, 4)))
    square = {name: sample[name][..., :24] for name in ("image", "mask")}  # every third pixel falls on one
    torch.testing.assert_close(Resize((8, 8))(square)["image"], F.avg_pool2d(square["image"], 3))


def test_convention_fcrn_protocol_on_nyu():
    sample = {"image": torch.rand(3, 480, 640), "mask": torch.ones(1, 480, 640, dtype=torch.bool)}
    sample["intrinsics"] = intrinsics_matrix(518.0, (480, 640), (320.0, 240.0))
    after = Resize((240, 320), crop=(228, 304))(sample)
    torch.testing.assert_close(after["image"], F.avg_pool2d(sample["image"], 2)[:, 6:234, 8:312], rtol=0, atol=3e-5)
    # (320 + 0.5) / 2 − 0.5 − 8; leaving out the half pixels gives 152.
    assert after["intrinsics"][:2, 2].tolist() == [151.75, 113.75]


def test_rotation_by_a_quarter_turns_x_towards_y():
    sample = {"image": torch.rand(3, 9, 9), "mask": torch.rand(1, 9, 9) > 0.5}
    after = resample(sample, make_view((9, 9), (9, 9), zoom=(1, 1), angle=90.0))
    assert torch.equal(after["image"], sample["image"].rot90(-1, (1, 2)))  # clockwise as seen
    assert torch.equal(after["mask"], sample["mask"].rot90(-1, (1, 2)))


def test_what_lies_outside_by_one_pixel_is_outside():
    sample = {"image": torch.rand(3, 5, 6) + 0.1, "mask": torch.ones(1, 5, 6, dtype=torch.bool)}
    sample["semantic"] = torch.ones(1, 5, 6, dtype=torch.int64)
    after = resample(sample, make_view((5, 6), (8, 9), zoom=(1, 1), offset=(-1, -2)))
    expected = F.pad(sample["mask"], (1, 2, 2, 1))  # one column and two rows before, two and one after
    assert torch.equal(after["mask"], expected) and torch.equal(after["semantic"], expected.long() * 2 - 1)
    assert torch.equal((after["image"] > 0).all(0), expected[0])


def test_fine_texture_is_averaged_not_picked():
    stripes = (torch.arange(120) % 2).float().expand(3, 120, 120)
    sample = {"image": stripes, "mask": torch.ones(1, 120, 120, dtype=torch.bool)}
    after = UNetReportAugmentation((30, 30), rotation=0, brightness=(1, 1))(sample, generator())
    assert (after["image"] - 0.5).abs().max() < 0.01


def test_what_would_be_wrong_is_dropped_and_the_rest_passes():
    sample = noise_sample() | {
        "right": torch.rand(3, *SIZE), "occlusion": torch.zeros(1, *SIZE, dtype=torch.bool), "pose": torch.eye(4),
        "flow": torch.zeros(2, *SIZE), "pairs": torch.tensor([[0, 1]]), "relation": torch.tensor([1]),
        "name": "a/1", "index": 3, "family": torch.tensor(2), "unknown": torch.zeros(1, *SIZE),
    }  # fmt: skip
    carried = set(noise_sample()) | {"name", "index", "family"}
    for transform in (EigenAugmentation(SIZE), EigenAugmentation(SIZE, **STILL), UNetReportAugmentation((9, 9))):
        after = transform(sample, generator())
        assert set(after) == carried
        assert after["name"] == "a/1" and after["index"] == 3 and after["family"] == 2
    assert set(Resize((9, 9))(sample)) == carried | {"right", "occlusion", "pose"}


def test_resized_stereo_still_matches():
    left = torch.linspace(0, 1, 40).expand(3, 30, 40)
    sample = {"image": left, "right": left + 4 / 39, "mask": torch.ones(1, 30, 40, dtype=torch.bool)}
    sample["disparity"] = torch.full((1, 30, 40), 4.0)
    after = Resize((30, 60))(sample)
    assert after["disparity"].unique().tolist() == [6.0]
    # left(x) = right(x − d)
    torch.testing.assert_close(after["image"][:, :, 10:50], after["right"][:, :, 4:44], rtol=0, atol=1e-5)


def test_the_input_and_the_global_generator_are_left_alone():
    sample = noise_sample()
    kept = {name: value.clone() for name, value in sample.items()}
    state = torch.get_rng_state()
    for transform in (EigenAugmentation((20, 20)), UNetReportAugmentation((9, 9)), Resize((9, 9))):
        transform(sample, generator())
    assert same(sample, kept) and torch.equal(torch.get_rng_state(), state)


def test_options_do_not_shift_each_others_draws():
    sample = noise_sample()
    plain = EigenAugmentation((20, 20), colour=(1, 1))(sample, generator(4))
    coloured = EigenAugmentation((20, 20), colour=(0.8, 1.2))(sample, generator(4))
    assert torch.equal(plain["depth"], coloured["depth"]) and torch.equal(plain["intrinsics"], coloured["intrinsics"])
