"""From what a pixel sees to its colour: lights with cast shadows, light from all around, haze, the sky, the camera."""

from dataclasses import dataclass

import torch

from sidelib.scenes.shadows import hidden_from
from sidelib.scenes.textures import lattice, noise, paint

__all__ = ["Hits", "develop", "dot", "shade", "sky"]


@dataclass
class Hits:
    """The N pixels of a batch that see a solid; `pixel` is their place among all pixels in tile order.

    Vectors are stored by component, `(3, N)`: sums over three numbers are then sums of three long rows.
    """

    pixel: torch.Tensor  # (N,)
    image: torch.Tensor  # (N,)
    point: torch.Tensor  # (3, N) world
    normal: torch.Tensor  # (3, N) world
    distance: torch.Tensor  # (N,) from the camera
    surface: tuple  # (s, t, ws, wt), each (N,)
    material: torch.Tensor  # (N, 12)


def dot(a, b):
    """Scalar products of vectors stored by component, `(3, N)` or `(3, 1)`."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _lamps(scenes, number, device):
    """The `number`-th light of each image, one row each `(B, 19)` float64; dark where an image has fewer."""
    rows = []
    for scene in scenes:
        if number < len(scene.lights):
            lamp = scene.lights[number]
            gate = [v for part in lamp.gate for v in part] if lamp.gate else [0.0] * 9
            rows.append(
                [*lamp.place, *lamp.colour, lamp.directional, lamp.reach, lamp.gate is not None, lamp.shadows, *gate]
            )
        else:
            rows.append([0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0] + [0.0] * 9)
    return torch.tensor(rows, dtype=torch.float64, device=device)


def _through_gate(gate, point, toward):
    """Whether rays from points towards a light pass the gate's rectangle, beside its cross bar; all `(3, N)`."""
    corner, across, up = gate[0:3], gate[3:6], gate[6:9]
    normal = torch.linalg.cross(across, up, dim=0)
    along = dot(corner - point, normal) / dot(toward, normal)
    at = point + along * toward - corner
    a = dot(at, across) / dot(across, across).clamp_min(1e-9)
    b = dot(at, up) / dot(up, up).clamp_min(1e-9)
    bar = ((a - 0.5).abs() > 0.03) & ((b - 0.5).abs() > 0.03)
    return (along > 0) & (a > 0) & (a < 1) & (b > 0) & (b < 1) & bar


def _corner_darkening(bounds, hits):
    """Less light reaches the corners of a room: a factor for the light from all around."""
    box = bounds.T[:, hits.image] if len(bounds) > 1 else bounds.T
    open_share = torch.ones_like(hits.distance)
    for axis in range(3):
        for side, inward in ((0, 1.0), (1, -1.0)):
            gap = (hits.point[axis] - box[2 * axis + side]) * inward
            facing = (hits.normal[axis] * inward).clamp(0, 1)
            open_share *= 1 - 0.4 * (1 - facing) * torch.exp(gap.clamp_min(0) * (-1 / 0.35))
    return open_share


def shade(hits, scenes, solids, casts, tiles, samples, camera, cues):
    """Radiance `(N, 3)` and albedo `(N, 3)` of what is hit.

    Args:
        hits: the `Hits`.
        scenes: the batch's scenes, for their lights, haze and bounds.
        solids, casts: the batch's `Solids` and which of its faces and rounds cast shadows.
        tiles, samples: (B, rows, columns) of tiles, and the number of pixels in each.
        camera: camera centres `(B, 3)`.
        cues: the `Cues`, for its states of shading, shadows and atmosphere.
    """
    device = hits.point.device
    albedo = paint(*hits.surface, hits.material)
    light, glossy = torch.full_like(hits.point, 0.65), torch.zeros_like(hits.point)
    if cues.shading != "removed":
        light = _surroundings(hits, scenes, cues.shading, device)
        batch, count = tiles[0], tiles[0] * tiles[1] * tiles[2] * samples
        points = hits.point.new_zeros(count, 3)
        points[hits.pixel] = hits.point.T
        points = points.view(batch, -1, samples, 3).transpose(2, 3).contiguous()
        for number in range(max(len(scene.lights) for scene in scenes)):
            lamps = _lamps(scenes, number, device)
            if cues.shading == "conflict":
                lamps = _from_below(lamps, scenes)
            of, toward, strength = _lit(hits, lamps)
            if cues.shadows != "removed" and bool(lamps[:, 9].any()):
                thrown = _turned(lamps, scenes) if cues.shadows == "conflict" else lamps
                valid = torch.zeros(count, dtype=torch.bool, device=device)
                valid[hits.pixel[of]] = True
                valid = valid.view(batch, -1, samples)
                hidden = hidden_from(solids, points, valid, tiles[1:], thrown[:, :3], thrown[:, 6] > 0, *casts)
                hidden = hidden.flatten()
                strength = strength * ~(hidden[hits.pixel[of]] & (lamps[hits.image[of], 9] > 0))
            _add_light(light, glossy, hits, camera, lamps, of, toward, strength)
    glow = hits.material[:, 10, None]
    colour = albedo * (light.T + glow) + glossy.T * hits.material[:, 9, None]
    haze = torch.tensor([scene.haze for scene in scenes], dtype=torch.float32, device=device)[hits.image]
    through = hits.distance
    if cues.atmosphere == "conflict":
        far = torch.tensor([8.0 if scene.bounds else 60.0 for scene in scenes], device=device)[hits.image]
        through = (far - hits.distance).clamp_min(0)
    kept = torch.exp(-haze[:, 3] * through)[:, None]
    return torch.lerp(haze[:, :3], colour, kept), albedo


def _surroundings(hits, scenes, shading, device):
    """Light from all around on each hit, `(3, N)`."""
    ambient = torch.tensor([scene.ambient for scene in scenes], dtype=torch.float32, device=device).T
    ambient = ambient[:, hits.image] if len(scenes) > 1 else ambient
    above = 0.5 + 0.5 * hits.normal[2] if shading == "natural" else 0.5 - 0.5 * hits.normal[2]
    light = ambient[3:] + (ambient[:3] - ambient[3:]) * above
    if not any(scene.bounds for scene in scenes):
        return light
    endless = (-1e6, 1e6, -1e6, 1e6, -1e6, 1e6)
    bounds = torch.tensor([scene.bounds or endless for scene in scenes], dtype=torch.float32, device=device)
    return light * _corner_darkening(bounds, hits)


def _lit(hits, lamps):
    """The hits that face their image's lamp: (indices `(K,)`, directions `(3, K)`, strengths `(K,)` before shadows)."""
    rows = lamps.float().T
    own = rows[:8, hits.image] if len(lamps) > 1 else rows[:8]
    toward = own[:3] - hits.point * (own[6] == 0)
    length = dot(toward, toward).sqrt().clamp_min(1e-4)
    toward = toward / length
    strength = dot(hits.normal, toward) * torch.where(own[6] > 0, 1.0, 1 / (1 + (length / own[7]) ** 2))
    of = (strength > 0).nonzero()[:, 0]
    toward, strength = toward[:, of], strength[of]
    if bool(lamps[:, 8].any()):
        gate = rows[10:, hits.image[of]]
        passed = _through_gate(gate, hits.point[:, of], toward) | (rows[8, hits.image[of]] == 0)
        kept = passed.nonzero()[:, 0]
        of, toward, strength = of[kept], toward[:, kept], strength[kept]
    return of, toward, strength


def _add_light(light, glossy, hits, camera, lamps, of, toward, strength):
    """Add a lamp's light to what faces it, and its reflection to what is glossy."""
    colour = lamps[:, 3:6].float().T
    colour = colour[:, hits.image[of]] if len(lamps) > 1 else colour.expand(3, len(of))
    light.index_add_(1, of, colour * strength)
    shiny = ((hits.material[of, 9] > 0) & (strength > 0)).nonzero()[:, 0]
    if len(shiny):
        which = of[shiny]
        back = camera.T[:, hits.image[which]] - hits.point[:, which]
        halfway = toward[:, shiny] + back / hits.distance[which]
        cosine = dot(hits.normal[:, which], halfway) / dot(halfway, halfway).sqrt().clamp_min(1e-6)
        glossy.index_add_(1, which, colour[:, shiny] * cosine.clamp(0, 1) ** 48)


def _from_below(lamp, scenes):
    """The same lamps mirrored at the room's middle height, suns below the ground: light that no room has."""
    lamp = lamp.clone()
    for index, scene in enumerate(scenes):
        middle = sum(scene.bounds[4:]) if scene.bounds else 0.0
        lamp[index, 2] = -lamp[index, 2] if lamp[index, 6] else middle - lamp[index, 2]
    lamp[:, 3:6] *= 1 - 0.7 * lamp[:, 8:9]  # sun through no window would flood the room
    lamp[:, 8] = 0
    return lamp


def _turned(lamp, scenes):
    """The lamps as the shadows would have them: on the other side of the room, the sun from the other side."""
    lamp = lamp.clone()
    for index, scene in enumerate(scenes):
        x0, x1, y0, y1, *_ = scene.bounds or (0.0,) * 6
        sun = bool(lamp[index, 6])
        lamp[index, 0] = -lamp[index, 0] if sun else x0 + x1 - lamp[index, 0]
        lamp[index, 1] = -lamp[index, 1] if sun else y0 + y1 - lamp[index, 1]
    return lamp


def sky(direction, image, scenes):
    """Radiance `(N, 3)` of the sky in world directions `(3, N)`: a gradient with clouds, hazy at the horizon."""
    device = direction.device
    rows = torch.tensor([(*scene.sky, scene.seed % 4096) for scene in scenes], dtype=torch.float32, device=device)[
        image
    ]
    height = direction[2] / dot(direction, direction).sqrt()
    up = height.clamp(0, 1)
    colour = torch.lerp(rows[:, 3:6], rows[:, :3], up.sqrt()[:, None])
    away = 0.35 / height.clamp_min(0.04)
    x, y = direction[0] * away, direction[1] * away
    cover = torch.zeros_like(x)
    for octave in range(4):
        cover += noise(x * 2.1**octave + 31 * octave, y * 2.1**octave, rows[:, 7].int() + octave) * 0.55**octave
    cloud = ((cover / 2.0 - 0.62 + 0.3 * rows[:, 6]) * 4).clamp(0, 1) * (up * 8).clamp(0, 1)
    return torch.lerp(colour, torch.full_like(colour, 0.92), 0.8 * cloud[:, None])


def develop(radiance, scenes, size):
    """What a camera makes of radiance `(B, 3, H, W)`: exposure, a film curve, noise, 8-bit-like clipping to [0, 1]."""
    device = radiance.device
    exposure = torch.tensor([scene.exposure for scene in scenes], dtype=torch.float32, device=device)
    strength = torch.tensor([scene.noise for scene in scenes], dtype=torch.float32, device=device)
    light = radiance * exposure[:, None, None, None]
    light = light * (1 + light * 0.08) / (1 + light * 0.55)  # bright parts saturate gently
    encoded = light.clamp_min(1e-6) ** (1 / 2.2) * 1.2 - 0.09
    height, width = size
    y = torch.arange(height, device=device, dtype=torch.int32)[:, None]
    x = torch.arange(width, device=device, dtype=torch.int32)
    seed = torch.tensor(
        [(scene.seed + 40503 * scene.frame) % 65536 for scene in scenes], dtype=torch.int32, device=device
    )[:, None, None, None]
    grain = 0
    for part in range(3):
        channel = torch.arange(3, device=device, dtype=torch.int32)[:, None, None] + 3 * part
        grain = grain + lattice(x[None, None], y[None, None], seed * 16 + channel[None])
    noisy = encoded + strength[:, None, None, None] * (grain - 1.5) * 2.0
    return noisy.clamp(0, 1)
