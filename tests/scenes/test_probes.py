"""The probe images: what each claims to be true is true of its depth, and its deceptions deceive."""

import numpy as np
import pytest
import torch

from sidelib.geometry import back_project, transform
from sidelib.scenes import CLASSES, PROBES, probe_image
from sidelib.scenes.cues import Cues

SIZE = (96, 128)
EVERY = [(category, variant) for category, variants in PROBES.items() for variant in variants]


def show(category, variant=None, **options):
    return probe_image(category, variant, **{"size": SIZE, **options})


def world(probe):
    """World points (3, H, W) of a probe's pixels."""
    return transform(back_project(probe["depth"].double(), probe["intrinsics"].double()), probe["pose"].double())[0]


@pytest.mark.parametrize(("category", "variant"), EVERY)
def test_every_probe_is_a_picture_with_a_sound_truth(category, variant):
    probe = show(category, variant)
    image, depth, mask = probe["image"], probe["depth"], probe["mask"]
    assert image.shape == (1, 3, *SIZE) and depth.shape == mask.shape == (1, 1, *SIZE)
    assert image.isfinite().all() and image.min() >= 0 and image.max() <= 1
    assert depth.isfinite().all() and (depth[mask] > 0.2).all() and not depth[~mask].any()
    assert probe["about"].endswith(".")
    if category == "plain":
        assert not mask.any()
    else:
        assert image.std() > 0.02 and mask.any()
        torch.testing.assert_close(probe["normals"].norm(dim=1)[mask[:, 0]], torch.ones(int(mask.sum())))
    again = show(category, variant)
    assert all(torch.equal(probe[name], again[name]) for name in probe if name != "about")


def test_the_thesis_categories_are_all_there():
    assert set(PROBES) >= {"top-down", "corners", "unattached", "illusions", "water", "shadows", "plain"}
    pictures = [show(category, variant)["image"] for category, variant in EVERY]
    assert not any(torch.equal(a, b) for k, a in enumerate(pictures) for b in pictures[:k])


@pytest.mark.parametrize("altitude", [20.0, 60.0])
def test_land_from_above_is_as_far_as_the_camera_is_high(altitude):
    probe = show("top-down", "land", altitude=altitude)
    ground = torch.isin(probe["semantic"], torch.tensor([CLASSES.index("grass")]))
    torch.testing.assert_close(probe["depth"][ground], torch.full((int(ground.sum()),), altitude), rtol=1e-5, atol=0)
    assert (probe["depth"][~ground] < altitude).all() and (~ground).any()


def test_a_desk_from_above_has_things_on_it():
    probe = show("top-down", "desk", altitude=1.3)
    desk = probe["instance"] == 0
    torch.testing.assert_close(probe["depth"][desk], torch.full((int(desk.sum()),), 1.3), rtol=1e-5, atol=0)
    assert len(probe["instance"].unique()) >= 6 and (probe["depth"][~desk] < 1.3).all()


def test_a_corner_is_farthest_where_it_is_concave_and_nearest_where_convex():
    line = {kind: show("corners", kind)["depth"][0, 0, SIZE[0] // 2] for kind in ("concave", "convex")}
    middle = slice(SIZE[1] // 2 - 12, SIZE[1] // 2 + 12)
    assert line["concave"].argmax() in range(*middle.indices(SIZE[1]))
    assert line["convex"][middle].argmin() + middle.start in range(SIZE[1] // 2 - 3, SIZE[1] // 2 + 4)


@pytest.mark.parametrize("variant", ["aeroplane", "balloon"])
def test_unattached_objects_have_nothing_below_them(variant):
    for distance in (30.0, 60.0):
        probe = show("unattached", variant, distance=distance)
        assert not probe["mask"][0, 0, -1].any() and 0.005 < probe["mask"].float().mean() < 0.4
        assert abs(probe["depth"][probe["mask"]].mean() / distance - 1) < 0.2


def test_the_ames_room_looks_rectangular_and_is_not():
    skew = 0.18
    true, plain = show("illusions", "ames", skew=skew, people=False), show("illusions", "rectangular", people=False)
    assert (true["image"] - plain["image"]).abs().quantile(0.99) < 0.06
    torch.testing.assert_close(true["virtual_depth"], plain["depth"], rtol=1e-5, atol=0)
    # The map by which it was built, v / (1 + skew x), on the points that the rectangular room shows.
    points = world(plain).float()
    expected = plain["depth"][0, 0] / (1 + skew * points[0])
    close = ((true["depth"][0, 0] - expected).abs() / expected) < 1e-4
    assert close.float().mean() > 0.995  # all but pixels on the edges between two walls
    left, right = true["depth"][0, 0, 48, 30], true["depth"][0, 0, 48, -31]
    assert left > 1.5 * right
    # People of one height: the one on the left looks smaller.
    people = show("illusions", "ames")
    tall = {}
    for name in people["instance"][people["semantic"] == CLASSES.index("person")].unique():
        rows, columns = (people["instance"] == name)[0, 0].nonzero().unbind(1)
        tall[float(columns.float().mean())] = int(rows.max() - rows.min())
    assert len(tall) == 2 and tall[min(tall)] < 0.7 * tall[max(tall)]


@pytest.mark.parametrize("factor", [1.5, 3.0])
def test_the_chair_looks_the_same_whatever_its_size(factor):
    small, large = show("illusions", "chair", factor=1.0), show("illusions", "chair", factor=factor)
    assert torch.equal(small["object_mask"], large["object_mask"])
    on = small["object_mask"]
    torch.testing.assert_close(large["depth"][on], factor * small["depth"][on], rtol=1e-5, atol=0)
    assert (small["image"] - large["image"]).abs().amax(1, keepdim=True)[on].median() < 0.01
    told = show("illusions", "chair-and-person", factor=factor)
    person = told["semantic"] == CLASSES.index("person")
    assert person.any() and abs(told["depth"][person].mean() / told["depth"][told["object_mask"]].mean() - 1) < 0.15


def test_a_hand_meets_the_feet_of_somebody_far_away():
    for distance in (10.0, 25.0):
        probe = show("illusions", "hand", distance=distance, size=(240, 320))
        person = probe["semantic"] == CLASSES.index("person")
        far = person & (probe["depth"] > 0.8 * distance)
        near = person & (probe["depth"] < 4)
        assert far.any() and near.any()
        feet = far[0, 0].nonzero()
        column = int(feet[:, 1].float().mean())
        palm = near[0, 0, :, column].nonzero()
        assert len(palm) and abs(int(palm.min()) - int(feet[:, 0].max())) <= 3


def test_the_tower_leans_and_stands_far_behind_the_hand():
    probe = show("illusions", "tower", distance=40.0)
    tower = (probe["semantic"] == CLASSES.index("building"))[0, 0]
    rows, columns = tower.nonzero().unbind(1)
    half = (rows.min() + rows.max()) / 2
    assert columns[rows < half].float().mean() < columns[rows > half].float().mean() - 1
    assert probe["depth"][0, 0][tower].min() > 30 and probe["depth"][probe["mask"]].min() < 3


def test_a_crater_lit_from_above_is_a_bump_lit_from_below():
    crater, bump = show("illusions", "craters", light=90.0), show("illusions", "bumps", light=-90.0)
    torch.testing.assert_close(crater["image"], bump["image"], rtol=0, atol=1e-6)
    torch.testing.assert_close(crater["depth"] - 2, 2 - bump["depth"], rtol=0, atol=1e-6)
    assert crater["depth"].max() > 2.05 and bump["depth"].min() < 1.95
    assert not torch.allclose(crater["image"], show("illusions", "bumps", light=90.0)["image"], atol=0.1)


def test_relief_normals_are_those_of_its_depth():
    probe = show("illusions", "bumps", size=(200, 200), count=1)
    depth, normals = probe["depth"][0, 0].double(), probe["normals"][0].double()
    slope_y, slope_x = torch.gradient(depth, spacing=1 / 200)
    expected = torch.stack([slope_x, slope_y, -torch.ones_like(depth)])  # z forward, facing the camera
    cosine = (normals * expected / expected.norm(dim=0)).sum(0)
    assert cosine.quantile(0.03) > 0.99 and normals[2].max() < 0


@pytest.mark.parametrize(("height", "pitch"), [(2.0, 0.0), (5.0, 9.0), (20.0, 30.0)])
def test_the_sea_is_flat(height, pitch):
    probe = show("water", height=height, pitch=pitch)
    y = torch.arange(SIZE[0]) - (SIZE[0] - 1) / 2
    angle = np.deg2rad(pitch)
    down = y / probe["intrinsics"][0, 1, 1] * np.cos(angle) + np.sin(angle)
    expected = (height / down)[:, None].expand(SIZE)
    seen = probe["mask"][0, 0]
    torch.testing.assert_close(probe["depth"][0, 0][seen], expected[seen].float(), rtol=1e-4, atol=0)
    assert not probe["semantic"][0, 0][~seen].any()


@pytest.mark.parametrize("variant", PROBES["shadows"])
def test_low_suns_throw_long_shadows(variant):
    shaded = {}
    for elevation in (12.0, 40.0):
        lit = show("shadows", variant, elevation=elevation, cues=Cues(shadows="removed"))["image"]
        dark = show("shadows", variant, elevation=elevation)["image"]
        shaded[elevation] = float(((lit - dark).mean(1) > 0.08).float().mean())
    assert shaded[12.0] > 0.01 and shaded[12.0] > shaded[40.0]
    if variant == "hidden":
        assert len(show("shadows", variant)["instance"].unique()) == 2  # the ground, and no object


def test_gradients_go_from_one_colour_to_the_other():
    probe = show("plain", "horizontal", colour=(0.1, 0.2, 0.3), to=(0.9, 0.8, 0.7))
    torch.testing.assert_close(probe["image"][0, :, 5, 0], torch.tensor([0.1, 0.2, 0.3]))
    torch.testing.assert_close(probe["image"][0, :, 5, -1], torch.tensor([0.9, 0.8, 0.7]))
    assert (show("plain", "colour")["image"].std(dim=(2, 3)) == 0).all()


def _bottom(probe):
    return int(probe["object_mask"][0, 0].any(1).nonzero().max())


def _tall(probe):
    rows = probe["object_mask"][0, 0].any(1).nonzero()
    return int(rows.max() - rows.min() + 1)


def test_a_thing_on_a_street_obeys_perspective():
    size = (360, 480)
    for distance in (8.0, 16.0, 32.0):
        probe = show("street-object", "box", distance=distance, size=size)
        focal = probe["intrinsics"][0, 1, 1]
        # Its foot: 1.5 m below a camera that looks down by 0.03 radians.
        expected = (size[0] - 1) / 2 + focal * np.tan(np.arctan(1.5 / (distance - 0.5)) - 0.03)
        assert abs(_bottom(probe) - expected) < 2.5 + 12 / distance
        assert abs(probe["depth"][probe["object_mask"]].median() - distance) < 1


def test_position_and_size_can_be_varied_alone():
    natural = show("street-object", distance=12.0, size=(240, 320))
    lower = show("street-object", distance=8.0, scale=8.0 / 12.0, size=(240, 320))
    larger = show("street-object", distance=12.0, scale=1.5, size=(240, 320))
    nearer = show("street-object", distance=8.0, size=(240, 320))
    assert _bottom(lower) > _bottom(natural) + 5 and abs(_tall(lower) - _tall(natural)) <= 3
    assert abs(_bottom(larger) - _bottom(natural)) <= 4 and _tall(larger) > 1.35 * _tall(natural)
    assert _bottom(nearer) > _bottom(natural) + 5 and _tall(nearer) > 1.35 * _tall(natural)
    lifted = show("street-object", distance=12.0, lift=1.0, size=(240, 320))
    assert _bottom(lifted) < _bottom(natural) - 10 and abs(_tall(lifted) - _tall(natural)) <= 3
    # The street itself is the same.
    rest = ~(natural["object_mask"] | nearer["object_mask"])
    assert torch.equal(natural["depth"][rest], nearer["depth"][rest])


def test_an_object_can_lose_its_inside_its_foot_and_its_colours():
    whole, size = show("street-object"), float(show("street-object")["object_mask"].sum())
    changed = {}
    for name, options in {"interior": {"interior": False}, "contact": {"contact": False}}.items():
        probe = show("street-object", **options)
        differs = ((probe["image"] - whole["image"]).abs().amax(1, keepdim=True) > 0.02)[0, 0]
        assert torch.equal(probe["depth"], whole["depth"]) and not (differs & ~whole["object_mask"][0, 0]).any()
        changed[name] = float(differs.sum()) / size
    assert 0.3 < changed["interior"] < 0.95 and 0.05 < changed["contact"] < 0.4
    blue = show("street-object", colour=(0.05, 0.1, 0.8))
    inside = blue["object_mask"].expand(-1, 3, -1, -1)
    assert torch.equal(blue["depth"], whole["depth"])
    assert (blue["albedo"][inside].view(3, -1) - torch.tensor([[0.05], [0.1], [0.8]])).abs().max() < 1e-6


@pytest.mark.parametrize(("flip", "axes"), [("horizontal", (3,)), ("vertical", (2,)), ("both", (2, 3))])
def test_flips_turn_everything_alike(flip, axes):
    upright, turned = show("floor"), show("floor", flip=flip)
    for name in ("image", "depth", "mask", "semantic", "instance", "albedo"):
        assert torch.equal(turned[name], upright[name].flip(axes))
    # The camera stays, the world is mirrored in it: no pose that is not rigid.
    assert torch.equal(turned["pose"], upright["pose"]) and torch.equal(turned["intrinsics"], upright["intrinsics"])
    camera = [back_project(probe["depth"].double(), probe["intrinsics"].double()) for probe in (upright, turned)]
    mirror = torch.tensor([-1.0 if 3 in axes else 1.0, -1.0 if 2 in axes else 1.0, 1.0])[:, None, None].double()
    torch.testing.assert_close(camera[1], camera[0].flip(axes) * mirror, rtol=1e-9, atol=1e-9)
    # The normals fit the mirrored depth: a floor seen upside down is a ceiling.
    middle = turned["normals"][0, :, 2 if 2 in axes else -3, SIZE[1] // 2]
    assert (middle[1] > 0.5) == (2 in axes) or (middle[1] < -0.5) == (2 not in axes)


def test_the_foot_of_a_thing_is_on_the_ground_at_its_depth():
    for kind in ("box", "cabinet", "person"):
        for distance in (6.0, 15.0, 40.0):
            probe = show("street-object", kind, distance=distance, size=(360, 480))
            row = _bottom(probe)
            foot = probe["object_mask"][0, 0, row]
            depth = probe["depth"][0, 0, row][foot]
            height = world(probe)[2, row][foot]
            pixel = depth.max() / probe["intrinsics"][0, 1, 1]
            # y = f h / z: the lowest pixel's point is less than a pixel above the ground.
            assert height.min() > -1e-3 and height.min() < 1.5 * pixel
            assert depth.min() <= distance and depth.min() > distance - 1.1


@pytest.mark.parametrize(
    ("category", "variant", "name"),
    [
        ("top-down", "land", "altitude"), ("top-down", "desk", "altitude"), ("unattached", "aeroplane", "distance"),
        ("unattached", "balloon", "distance"), ("illusions", "hand", "distance"), ("illusions", "tower", "distance"),
        ("street-object", "car", "distance"), ("shadows", "hidden", "elevation"),
    ],
)  # fmt: skip
def test_numbers_reach_as_far_as_there_is_something_to_see(category, variant, name):
    limits = []
    for value in (-1.0, 1000.0):
        with pytest.raises(ValueError, match=f"^{name}: expected a number from") as error:
            show(category, variant, **{name: value})
        words = str(error.value).split()
        limits.append((float(words[words.index("from") + 1]), float(words[words.index("to") + 1].rstrip(","))))
    assert limits[0] == limits[1]
    for value in limits[0]:
        probe = show(category, variant, size=(240, 320), **{name: value})
        assert probe["depth"][probe["mask"]].min() > 0.2
        assert not {"object_mask"} & set(probe) or probe["object_mask"].sum() > 10
        if category == "top-down":
            assert probe["mask"].all()


def test_numbers_and_colours_of_every_kind_are_taken():
    for value in (12, 12.0, np.int64(12), np.float32(12)):
        assert torch.equal(show("street-object", distance=value)["depth"], show("street-object")["depth"])
    red = show("plain", colour=(1, 0, 0))["image"]
    assert red.dtype == torch.float32 and torch.equal(red, show("plain", colour=(1.0, 0.0, 0.0))["image"])
    assert show("plain", "radial", colour=(0, 0, 1), to=(0.5, 1, 0.0))["image"].dtype == torch.float32


@pytest.mark.parametrize("people", [True, False])
def test_an_ames_room_says_what_it_is(people):
    ames, plain = (show("illusions", variant, people=people)["about"] for variant in ("ames", "rectangular"))
    assert "Ames" in ames and "Ames" not in plain and "unequal" not in plain
    assert ("people" in ames) == ("people" in plain) == people


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("sideways",), {}, "category: expected one of"),
        (("water", "frozen"), {}, "variant: expected one of"),
        (("water",), {"flip": "around"}, "flip: expected one of"),
        (("water",), {"altitude": 3.0}, "altitude: expected one of the parameters"),
        (("water",), {"height": -1.0}, "height: expected a number from"),
        (("top-down",), {"altitude": "high"}, "altitude: expected a number from"),
        (("illusions", "ames"), {"skew": 0.5}, "skew: expected a number from"),
        (("illusions", "craters"), {"size": (0, 4)}, "size: expected"),
        (("plain",), {"colour": (2.0, 0, 0)}, "colour: expected three numbers"),
        (("plain",), {"distance": 3.0}, "distance: expected one of the parameters"),
        (("street-object",), {"colour": 3}, "colour: expected three numbers"),
        (("street-object",), {"interior": 0.5}, "interior: expected True or False"),
        (("illusions", "chair"), {"person": 2}, "person: expected True or False"),
        (("illusions", "craters"), {"count": 2.5}, "count: expected an integer"),
        (("water",), {"cues": "none"}, "cues: expected a Cues"),
        (("water",), {"seed": -1}, "seed: expected"),
        ((["water"],), {}, "category: expected one of"),
        (("water",), {"flip": [2]}, "flip: expected one of"),
        (("water",), {"device": "abacus"}, "device: expected"),
        (("plain",), {"colour": ("red", 0, 0)}, "colour: expected three numbers"),
        (("street-object",), {"distance": float("nan")}, "distance: expected a number"),
        (("street-object",), {"scale": 10.0}, "scale: expected a car that ends in front of the camera"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(arguments, options, message):
    with pytest.raises((ValueError, TypeError), match=f"^{message}"):
        probe_image(*arguments, **options)
