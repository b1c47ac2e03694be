"""Scenes to pixels: a batch of views with everything that is known about each pixel."""

import functools

import numpy as np
import torch

from sidelib.scenes.materials import DIRECTED, KINDS, plain_row
from sidelib.scenes.shading import Hits, develop, dot, shade, sky
from sidelib.scenes.solids import CLASSES
from sidelib.scenes.textures import paint
from sidelib.scenes.visibility import TILE, cast, pack, tile_pairs

__all__ = ["in_full_precision", "intrinsics_of", "render"]

_UNCAST = np.array(
    [CLASSES.index(name) for name in ("wall", "floor", "ceiling", "window", "road", "pavement", "grass")]
)
_GLOWING = CLASSES.index("lamp")  # the light sits inside its shade
_REFERENCE = 3.0  # metres at which a pattern keeps its size when a cue turns its gradient round
_ART, _VIEW = KINDS.index("art"), KINDS.index("view")


def intrinsics_of(scene, size):
    """The pinhole matrix `(3, 3)` of a scene at `size` = (H, W), the principal point in the middle of the picture."""
    focal = scene.focal * size[1]
    return np.array([[focal, 0, (size[1] - 1) / 2], [0, focal, (size[0] - 1) / 2], [0, 0, 1.0]])


class _Table:
    """Rows per solid, faces before rounds, on a device."""

    def __init__(self, scenes, device):
        def joined(name):
            return np.concatenate([getattr(scene, name) for scene in scenes])

        faces, rounds = joined("faces"), joined("round_frame")
        normals = np.cross(faces[:, 1] - faces[:, 0], faces[:, 2] - faces[:, 0])
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        self.count = len(faces)
        # Faces: normal 3, texture frame 8. Rounds: local frame 12, shape 5.
        face = np.concatenate([normals, joined("face_frame").reshape(-1, 8)], 1)
        curved = np.concatenate([rounds.reshape(-1, 12), joined("round_shape")], 1)
        self.face, self.round = (torch.from_numpy(rows.T.copy()).float().to(device) for rows in (face, curved))
        self.material = np.concatenate([joined("face_material"), joined("round_material")])
        owner = np.concatenate([joined("face_object"), joined("round_object")])
        base = np.cumsum([0] + [len(scene.object_class) for scene in scenes])[:-1]
        image = np.concatenate([
            np.repeat(np.arange(len(scenes)), [len(scene.faces) for scene in scenes]),
            np.repeat(np.arange(len(scenes)), [len(scene.round_frame) for scene in scenes]),
        ])  # fmt: skip
        kind = joined("object_class")[owner + base[image]]
        self.instance = torch.from_numpy(owner).to(device)
        self.semantic = torch.from_numpy(kind).to(device)
        casts = torch.from_numpy(~np.isin(kind, _UNCAST) & (kind != _GLOWING)).to(device)
        self.casts = casts[: self.count], casts[self.count :]
        self.owner, self.image = owner, image


def _rays(pose, intrinsics, tiles, device):
    """World ray (unit depth) of every pixel in tile order `(3, B, T * S)`, and its change per pixel `(B, 3)` twice."""
    _, rows, columns = tiles
    step = torch.arange(TILE, device=device, dtype=torch.float32)
    y = (torch.arange(rows, device=device) * TILE)[:, None, None, None] + step[:, None]
    x = (torch.arange(columns, device=device) * TILE)[None, :, None, None] + step
    x, y = (part.expand(rows, columns, TILE, TILE).reshape(-1) for part in (x, y))
    turn, k = pose[:, :3, :3].float(), intrinsics.float()
    right, down = turn[:, :, 0] / k[:, 0, 0, None], turn[:, :, 1] / k[:, 1, 1, None]
    start = turn[:, :, 2] - right * k[:, 0, 2, None] - down * k[:, 1, 2, None]
    rays = start.T[:, :, None] + x * right.T[:, :, None] + y * down.T[:, :, None]
    return rays, right, down


def _hits(table, material, inverse, solid, rays, right, down, camera, marked):
    """Everything about the pixels that see something, from inverse depth and solid per pixel in tile order."""
    per_image = inverse.shape[1]
    pixel = (solid.flatten() >= 0).nonzero()[:, 0]
    image = torch.div(pixel, per_image, rounding_mode="floor")
    name, w = solid.flatten()[pixel].long(), inverse.flatten()[pixel]
    ray = rays.flatten(1).index_select(1, pixel)
    depth = 1 / w
    point = camera.T[:, image] + ray * depth
    normal, surface = torch.empty_like(point), point.new_empty(4, len(w))
    flat = name < table.count
    if bool(flat.all()):
        normal, surface = _on_faces(table, name, w, point, ray, right, down, camera, image, marked)
    else:
        of, curved = flat.nonzero()[:, 0], (~flat).nonzero()[:, 0]
        k = image[of]
        normal[:, of], surface[:, of] = _on_faces(
            table, name[of], w[of], point[:, of], ray[:, of], right, down, camera, k, marked
        )
        wide = depth[curved] * right[image[curved]].norm(dim=-1)
        normal[:, curved], surface[:, curved] = _on_rounds(
            table.round[:, name[curved] - table.count], point[:, curved], ray[:, curved], wide
        )
    distance = depth * dot(ray, ray).sqrt()
    return Hits(pixel, image, point, normal, distance, tuple(surface), material.index_select(0, name))


def _on_faces(table, name, w, point, ray, right, down, camera, image, marked):
    """Normals `(3, N)` and surface coordinates with their pixel widths `(4, N)`, where faces are hit.

    On a face the surface coordinates are linear in the point that is looked up. Where a cue says so, that point lies
    at another depth along the ray, so that the pattern grows with distance instead of shrinking.
    """
    row = table.face.index_select(1, name)
    normal = row[:3]
    look, change = 1 / w, -1 / (w * w)
    if bool(marked.any()):
        reverse = marked[name]
        look = torch.where(reverse, _REFERENCE**3 * w * w, look)
        change = torch.where(reverse, 2 * _REFERENCE**3 * w, change)
        point = torch.where(reverse, camera.T[:, image] + ray * look, point)
    toward = dot(normal, ray)
    toward = torch.where(toward.abs() < 1e-6, -1e-6, toward)
    s = dot(row[3:6], point) + row[6]
    t = dot(row[7:10], point) + row[10]
    along_s, along_t = dot(row[3:6], ray), dot(row[7:10], ray)
    ws, wt = 0.0, 0.0
    for step in (right, down):
        step = step.T[:, image] if len(camera) > 1 else step.T
        slope = w * dot(normal, step) / toward * change
        ws = ws + (dot(row[3:6], step) * look + along_s * slope).abs()
        wt = wt + (dot(row[7:10], step) * look + along_t * slope).abs()
    return normal, torch.stack([s, t, ws, wt])


def _on_rounds(row, point, ray, wide):
    """The same where rounds are hit: s goes around the axis, t along it. `wide` is a pixel's width at that depth."""
    x, y, z = (dot(row[4 * k : 4 * k + 3], point) + row[4 * k + 3] for k in range(3))
    mean, slope, bend, low, high = row[12:]
    off_side = (x * x + y * y - (mean + slope * z + bend * z * z)).abs()
    off_low, off_high = (z - low).abs(), (z - high).abs()
    on_cap = torch.minimum(off_low, off_high) < off_side
    up = torch.where(off_high <= off_low, 1.0, -1.0)
    x_out, y_out = torch.where(on_cap, 0.0, x), torch.where(on_cap, 0.0, y)
    z_out = torch.where(on_cap, up, -(slope / 2 + bend * z))
    normal = row[0:3] * x_out + row[4:7] * y_out + row[8:11] * z_out
    normal = normal / dot(normal, normal).sqrt().clamp_min(1e-12)
    # Around the axis, but straight down on it on caps and poles, where meridians meet.
    polar = z_out * z_out > x_out * x_out + y_out * y_out
    s = torch.where(polar, x, torch.atan2(y, x)) / dot(row[0:3], row[0:3]).sqrt()
    t = torch.where(polar, y / dot(row[4:7], row[4:7]).sqrt(), z / dot(row[8:11], row[8:11]).sqrt())
    wide = wide / dot(normal, ray).abs().clamp_min(0.1)
    return normal, torch.stack([s, t, wide, wide])


def _smooth(colour, solid, finer, size):
    """Edges of solids smoothed: of a pixel's four quarters, those that see another solid borrow its neighbour's colour.

    `colour (B, 3, H, W)`, `solid (B, H, W)`, `finer (B, 2H, 2W)`.
    """
    height, width = size
    batch = len(colour)
    quarters = finer.view(batch, height, 2, width, 2)
    mixed = (quarters != solid[:, :, None, :, None]).any(4).any(2)
    image, y, x = mixed.nonzero().unbind(1)
    names = torch.nn.functional.pad(solid, (1, 1, 1, 1), value=-2)
    padded = torch.nn.functional.pad(colour, (1, 1, 1, 1)).permute(0, 2, 3, 1)
    own = padded[image, y + 1, x + 1]
    total = torch.zeros_like(own)
    for j in (0, 1):
        for i in (0, 1):
            seen = quarters[image, y, j, x, i]
            part, found = own.clone(), seen == solid[image, y, x]
            for dy, dx in ((2 * j - 1, 0), (0, 2 * i - 1), (2 * j - 1, 2 * i - 1)):
                match = ~found & (names[image, y + 1 + dy, x + 1 + dx] == seen)
                part[match] = padded[image[match], y[match] + 1 + dy, x[match] + 1 + dx]
                found |= match
            total += part
    smoothed = colour.permute(0, 2, 3, 1).clone()
    smoothed[image, y, x] = total / 4
    return smoothed.permute(0, 3, 1, 2).contiguous()


def _painted(table, cues, device):
    """Material rows with the cues' changes, and which solids have their pattern looked up in reverse."""
    rows = table.material
    kinds = rows[:, 0].astype(int)
    directed = np.isin(kinds, DIRECTED)
    grained = ~directed & ~np.isin(kinds, (0, _ART, _VIEW))
    marked = np.zeros(len(rows), dtype=bool)
    for state, of in ((cues.perspective, directed), (cues.texture, grained)):
        if state == "removed":
            rows = plain_row(rows, np.unique(kinds[of]))
        elif state == "conflict":
            marked |= of
    return torch.from_numpy(rows).float().to(device), torch.from_numpy(marked).to(device)


def _reversed_ranks(scenes, table, device):
    """A rank per solid that shows far objects in front of near ones: a wrong occlusion, in the picture alone."""
    ranks = []
    for scene in scenes:
        distance = np.linalg.norm(scene.object_anchor - scene.pose[:3, 3], axis=1)
        order = np.empty(len(distance))
        order[np.argsort(distance)] = np.arange(1, len(distance) + 1)
        order[~scene.object_movable] = 0
        ranks.append(order)
    base = np.cumsum([0] + [len(rank) for rank in ranks])[:-1]
    return torch.from_numpy(np.concatenate(ranks)[table.owner + base[table.image]]).float().to(device)


def in_full_precision(function):
    """Run a function without gradients, and in float32 and float64 whatever autocast is on around it."""

    @functools.wraps(function)
    def guarded(*args, **kwargs):
        usual = torch.get_default_dtype()
        torch.set_default_dtype(torch.float32)
        try:
            with torch.no_grad(), torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
                return function(*args, **kwargs)
        finally:
            torch.set_default_dtype(usual)

    return guarded


@in_full_precision
def render(scenes, size, cues, device="cpu", smooth=True):
    """Render a list of scenes, all at once.

    Args:
        scenes: list of B `Scene`.
        size: (H, W) in pixels.
        cues: a `Cues`; those of its switches that change the scene itself were applied before.
        device: where to render.
        smooth: smooth the edges of solids in the image (geometry is always that of pixel centres).

    Returns:
        A mapping of tensors: `image (B, 3, H, W)`; `depth (B, 1, H, W)` z-depth in metres, 0 where invalid; `mask`;
        `normals (B, 3, H, W)` unit, camera frame, facing the camera, 0 where invalid; `semantic`, `instance`
        `(B, 1, H, W)` int64, sky 0 and -1; `albedo (B, 3, H, W)` linear; `intrinsics (B, 3, 3)`; `pose (B, 4, 4)`.
    """
    seen = _render(scenes, size, cues, torch.device(device), smooth)
    if any(scene.picture for scene in scenes):
        shown = _render([scene.picture or scene for scene in scenes], size, cues, torch.device(device), smooth)
        seen.update(image=shown["image"], albedo=shown["albedo"])
    return seen


def _render(scenes, size, cues, device, smooth):
    pose = torch.from_numpy(np.stack([scene.pose for scene in scenes])).to(device)
    intrinsics = torch.from_numpy(np.stack([intrinsics_of(scene, size) for scene in scenes])).to(device)
    solids, table = pack(scenes, device), _Table(scenes, device)
    pairs = tile_pairs(solids, pose, intrinsics, size)
    batch, rows, columns = pairs.tiles
    inverse, solid = cast(pairs)
    camera = pose[:, :3, 3].float()
    rays, right, down = _rays(pose, intrinsics, pairs.tiles, device)
    material, marked = _painted(table, cues, device)

    shown, rank = (inverse, solid), None
    if cues.occlusion == "conflict":
        rank = _reversed_ranks(scenes, table, device)
        shown = cast(pairs, rank=rank)
    hits = _hits(table, material, *shown, rays, right, down, camera, marked)
    truth = hits if rank is None else _hits(table, material, inverse, solid, rays, right, down, camera, marked)

    colour, albedo = shade(hits, scenes, solids, table.casts, pairs.tiles, TILE * TILE, camera, cues)
    pixels = inverse.numel()
    picture = rays.new_zeros(pixels, 3)
    picture[hits.pixel] = colour
    empty = (shown[1].flatten() < 0).nonzero()[:, 0]
    if len(empty):
        of = torch.div(empty, pixels // batch, rounding_mode="floor")
        picture[empty] = sky(rays.flatten(1)[:, empty], of, scenes)

    def image(values):
        """Rows per pixel in tile order as pictures `(B, C, H, W)`."""
        laid = values.view(batch, rows, columns, TILE, TILE, -1).permute(0, 5, 1, 3, 2, 4)
        return laid.reshape(batch, -1, rows * TILE, columns * TILE)[:, :, : size[0], : size[1]].contiguous()

    def scattered(values, hits):
        laid = values.new_zeros(pixels, values.shape[1])
        laid[hits.pixel] = values
        return image(laid)

    picture = image(picture)
    if smooth:
        finer = cast(pairs, samples=2, rank=rank)[1].view(batch, rows, columns, 2 * TILE, 2 * TILE)
        finer = finer.transpose(2, 3).reshape(batch, rows * 2 * TILE, columns * 2 * TILE)
        picture = _smooth(picture, image(shown[1])[:, 0], finer[:, : 2 * size[0], : 2 * size[1]], size)
    mask = image(solid >= 0)
    if rank is not None:
        albedo = paint(*truth.surface, truth.material)
    turn = pose[:, :3, :3].float()[truth.image].permute(1, 2, 0)
    normals = torch.stack([dot(turn[:, axis], truth.normal) for axis in range(3)], 1)
    semantic, instance = (solid.new_full((solid.numel(),), fill, dtype=torch.int64) for fill in (0, -1))
    name = solid.flatten()[truth.pixel].long()
    semantic[truth.pixel], instance[truth.pixel] = table.semantic[name], table.instance[name]
    return {
        "image": develop(picture, scenes, size),
        "depth": torch.where(mask, 1 / image(inverse).clamp_min(1e-9), 0.0),
        "mask": mask,
        "normals": scattered(normals, truth),
        "semantic": image(semantic),
        "instance": image(instance),
        "albedo": scattered(albedo, truth),
        "intrinsics": intrinsics.float(),
        "pose": pose.float(),
    }
