"""How many scenes are rendered a second, with everything known about each pixel, and against what.

Nothing is asserted: the numbers are printed. Ratios compare medians of the same run, taken in turn.
"""

import pytest
import torch

from sidelib.scenes.cues import Cues
from sidelib.scenes.generate import make_scene, rooms, streets
from sidelib.scenes.render import intrinsics_of, render
from sidelib.scenes.shadows import quadric_interval

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
ON_EACH_DEVICE = pytest.mark.parametrize("device", DEVICES)
MAKERS = {"rooms": rooms, "streets": streets}
BATCHES = {"cpu": (((96, 128), 16), ((240, 320), 4)), "cuda": (((96, 128), 256), ((240, 320), 64), ((480, 640), 16))}


@ON_EACH_DEVICE
def test_scenes_a_second(medians, print_table, device):
    contenders, scenes = {}, {}
    for kind, make in MAKERS.items():
        for size, count in BATCHES[device]:
            key = kind, size, count
            scenes[key] = [make_scene(kind, index) for index in range(count)]
            contenders["render", *key] = lambda key=key: render(scenes[key], key[1], Cues(), device)
            contenders["make and render", *key] = lambda key=key, make=make: make(key[2], size=key[1], device=device)
            contenders["with a right view", *key] = lambda key=key, make=make: make(
                key[2], size=key[1], right=True, device=device
            )
    times = medians(contenders, rounds=3)
    names = ("render", "make and render", "with a right view")
    rows = [("images a second", "faces", "rounds", *names)]
    for (kind, size, count), batch in scenes.items():
        solids = [sum(len(getattr(scene, part)) for scene in batch) for part in ("faces", "round_frame")]
        speed = (f"{count / times[name, kind, size, count]:,.1f}" for name in names)
        rows.append((f"{kind}, {size[0]}x{size[1]}, {count} at once", *(f"{n / count:.0f}" for n in solids), *speed))
    print_table(f"Scenes with all outputs, {device}", rows)


class EveryFace:
    """A caster without any acceleration: each ray against each solid of its scene, in chunks that fit in memory."""

    def __init__(self, scene, device):
        faces = torch.from_numpy(scene.faces).float().to(device)
        self.corner, self.normal = faces[:, 0], torch.linalg.cross(faces[:, 1] - faces[:, 0], faces[:, 2] - faces[:, 0])
        edges = torch.linalg.cross(self.normal[:, None].expand_as(faces), faces.roll(-1, 1) - faces)
        self.edges = torch.cat([edges, -(edges * faces).sum(-1, keepdim=True)], -1)  # (F, 4, 4), positive inside
        self.frame = torch.from_numpy(scene.round_frame).float().to(device)
        self.shape = torch.from_numpy(scene.round_shape).float().to(device)

    def nearest(self, origin, direction, chunk=64):
        """Distance along each ray `(3, N)` to the first solid, and which; infinity for none."""
        best = torch.full_like(direction[0], torch.inf)
        name = torch.full_like(best, -1, dtype=torch.int64)

        def closer(times, first):
            time, index = times.min(0)
            won = time < best
            best[won], name[won] = time[won], index[won] + first

        for start in range(0, len(self.corner), chunk):
            part = slice(start, start + chunk)
            normal = self.normal[part]
            speed = normal @ direction
            time = ((normal * self.corner[part]).sum(-1, keepdim=True) - normal @ origin) / speed
            inside = (speed < 0) & (time > 1e-4)
            for k in range(4):
                edge = self.edges[part, k]
                inside &= (edge[:, :3] @ origin + edge[:, 3:]) + (edge[:, :3] @ direction) * time >= 0
            closer(torch.where(inside, time, torch.inf), start)
        for start in range(0, len(self.frame), chunk):
            frame = self.frame[start : start + chunk]
            way = (frame[:, :, :3] @ direction).unbind(1)
            point = (frame[:, :, :3] @ origin + frame[:, :, 3:]).unbind(1)
            shape = [column[:, None] for column in self.shape[start : start + chunk].unbind(1)]
            point = [part.expand_as(step) for part, step in zip(point, way, strict=True)]
            enter, leave, _ = quadric_interval(way, point, shape)
            closer(torch.where((enter < leave) & (enter > 1e-4), enter, torch.inf), len(self.corner) + start)
        return best, name


def every_face(scene, size, device):
    """Depth `(H, W)` by primary rays, and whether each point is in the shadow of the scene's last light."""
    pose = torch.from_numpy(scene.pose).float().to(device)
    k = torch.from_numpy(intrinsics_of(scene, size)).float().to(device)
    y, x = torch.meshgrid(torch.arange(size[0], device=device), torch.arange(size[1], device=device), indexing="ij")
    rays = torch.stack([(x - k[0, 2]) / k[0, 0], (y - k[1, 2]) / k[1, 1], torch.ones_like(x)]).flatten(1)
    caster, direction = EveryFace(scene, device), pose[:3, :3] @ rays
    depth, _ = caster.nearest(pose[:3, 3:], direction)
    points = pose[:3, 3:] + direction * torch.where(depth.isfinite(), depth, 1.0)
    light = scene.lights[-1]
    place = torch.tensor(light.place, dtype=torch.float32, device=device)[:, None]
    toward = place.expand_as(points) if light.directional else place - points
    hidden = caster.nearest(points + 1e-3 * toward, toward)[0] < (torch.inf if light.directional else 1.0)
    return depth.view(size), hidden.view(size)


@ON_EACH_DEVICE
def test_against_every_face_at_every_pixel(medians, print_table, device):
    size, contenders, scenes = (240, 320), {}, {}
    for kind in MAKERS:
        scenes[kind] = [make_scene(kind, index) for index in range(2)]
        contenders["ours", kind] = lambda kind=kind: render(scenes[kind], size, Cues(), device)
        contenders["every face", kind] = lambda kind=kind: [every_face(scene, size, device) for scene in scenes[kind]]
    times = medians(contenders, rounds=3)
    rows = [("milliseconds an image", "render, all outputs", "every face: depth and one shadow", "ratio", "same depth")]
    for kind in MAKERS:
        ours, theirs = times["ours", kind], times["every face", kind]
        depth = torch.stack([every_face(scene, size, device)[0] for scene in scenes[kind]])[:, None]
        seen = render(scenes[kind], size, Cues(), device)
        agree = torch.where(seen["mask"], (depth / seen["depth"] - 1).abs() < 1e-4, depth.isinf()).double().mean()
        rows.append((kind, f"{ours * 500:.1f}", f"{theirs * 500:.1f}", f"{theirs / ours:,.1f}", f"{agree:.3%}"))
    print_table(f"Against a caster without acceleration, {size[0]}x{size[1]}, {device}", rows)
