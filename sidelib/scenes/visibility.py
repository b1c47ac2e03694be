"""Which solid each pixel sees and how far it is: a ray caster that only tries the solids near a pixel's tile.

A ray through pixel (x, y) is r = K⁻¹ (x, y, 1), so that the distance along it *is* z-depth. Whether it passes through a
convex face, and the inverse depth at which it does, are five linear functions of (x, y); each tile of 4x4 pixels keeps
the faces for which all five can be positive somewhere in it. Coefficients and the constant of each tile are computed in
float64, the pixels in float32: two faces that share an edge see exactly opposite values on it, so no ray slips
between them, and no result depends on what else is in the batch.
"""

from dataclasses import dataclass

import torch

__all__ = ["TILE", "Pairs", "Solids", "cast", "pack", "quadric_interval", "tile_pairs"]

TILE = 4
_NONE = 2**31 - 1


@dataclass
class Solids:
    """The solids of a batch of scenes on one device, float64: faces first, then rounds; `image` says whose they are."""

    faces: torch.Tensor  # (F, 4, 3) world
    face_image: torch.Tensor
    round_frame: torch.Tensor  # (R, 3, 4) world to local
    round_shape: torch.Tensor  # (R, 5): x² + y² = a + b z + c z² between z = low and z = high
    round_image: torch.Tensor
    face_slot: torch.Tensor  # position of each face among its image's faces
    round_slot: torch.Tensor
    count: int  # images

    @property
    def repeated(self):
        """Where a corner is the same as the next, `(F, 4)`: a triangle has three edges."""
        return (self.faces == self.faces.roll(-1, 1)).all(-1)

    def grid(self, values, image, slot, fill):
        """Per-solid rows `(N, ...)` laid out per image: `(B, max, ...)`, padded with `fill`."""
        most = int(slot.max()) + 1 if len(slot) else 0
        laid = values.new_full((self.count, most, *values.shape[1:]), fill)
        laid[image, slot] = values
        return laid


def pack(scenes, device):
    """Lay the solids of several scenes end to end on a device."""

    def joined(name, *shape):
        parts = [torch.from_numpy(getattr(scene, name)) for scene in scenes]
        return torch.cat(parts).reshape(-1, *shape).to(device)

    def owners(name):
        counts = torch.tensor([len(getattr(scene, name)) for scene in scenes])
        slot = torch.cat([torch.arange(int(n)) for n in counts])
        return torch.repeat_interleave(torch.arange(len(scenes)), counts).to(device), slot.to(device)

    face_image, face_slot = owners("faces")
    round_image, round_slot = owners("round_frame")
    return Solids(
        joined("faces", 4, 3), face_image, joined("round_frame", 3, 4), joined("round_shape", 5), round_image,
        face_slot, round_slot, len(scenes),
    )  # fmt: skip


@dataclass
class Pairs:
    """Tiles and the solids that may show in them: P face pairs and Q round pairs, as float32 forms per pair."""

    face: torch.Tensor  # (P,) face index
    face_tile: torch.Tensor  # (P,) tile index in (B, rows, columns)
    face_forms: torch.Tensor  # (P, 5, 3): constant at the tile's first pixel, slope in x, slope in y
    round: torch.Tensor  # (Q,) number of faces + round index
    round_tile: torch.Tensor
    round_forms: torch.Tensor  # (Q, 6, 3): local direction, then local point at the centre's depth
    round_depth: torch.Tensor  # (Q,) the centre's depth
    round_shape: torch.Tensor  # (Q, 5)
    tiles: tuple  # (B, rows, columns)


def _in_pixels(forms, intrinsics):
    """Linear forms of (X/Z, Y/Z, 1) as forms (constant, x, y) of pixel coordinates; `(N, k, 3)` and `(N, 3, 3)`."""
    fx, fy = intrinsics[:, 0, 0, None], intrinsics[:, 1, 1, None]
    a, b = forms[..., 0] / fx, forms[..., 1] / fy
    return torch.stack([forms[..., 2] - a * intrinsics[:, 0, 2, None] - b * intrinsics[:, 1, 2, None], a, b], -1)


def _face_forms(solids, pose, intrinsics):
    """`(F, 5, 3)` in pixels: four edges, all positive inside a face that looks at the camera, and inverse depth."""
    turn, place = pose[solids.face_image, :3, :3], pose[solids.face_image, :3, 3]
    corners = (solids.faces - place[:, None]) @ turn
    edges = torch.linalg.cross(corners.roll(-1, 1), corners)
    edges = edges / edges.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    edges[solids.repeated] = 0.0  # the missing edge of a triangle leaves nothing out
    normal = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    distance = (normal * corners[:, 0]).sum(-1)
    facing = distance < -1e-12
    plane = normal / torch.where(facing, distance, 1.0)[:, None]
    forms = _in_pixels(torch.cat([edges, plane[:, None]], 1), intrinsics[solids.face_image])
    return forms, facing


def _round_forms(solids, pose, intrinsics):
    """`(R, 6, 3)` in pixels, the centre's depth `(R,)`, and the screen rectangle `(R, 4)` that holds each round."""
    image = solids.round_image
    turn, place = pose[image, :3, :3], pose[image, :3, 3]
    linear = solids.round_frame[:, :, :3]
    inverse = torch.linalg.inv(linear)
    corners = torch.tensor(
        [[i, j, k] for i in (-1.0, 1.0) for j in (-1.0, 1.0) for k in (0.0, 1.0)], dtype=turn.dtype, device=turn.device
    )
    low, high = solids.round_shape[:, None, 3], solids.round_shape[:, None, 4]
    local = torch.cat(
        [corners[None, :, :2].expand(len(image), -1, -1), (low + corners[:, 2] * (high - low))[..., None]], -1
    )
    seen = ((local - solids.round_frame[:, None, :, 3]) @ inverse.mT - place[:, None]) @ turn
    depth = seen.mean(1)[:, 2].clamp_min(1e-3)
    ahead = seen[..., 2] > 0.02
    screen = seen[..., :2] / seen[..., 2:].clamp_min(0.02)
    k = intrinsics[image]
    screen = torch.stack([screen[..., i] * k[:, None, i, i] + k[:, None, i, 2] for i in (0, 1)], -1)
    wide = screen.new_tensor(1e9)
    partly = ~ahead.all(1, keepdim=True)
    least = torch.where(partly, -wide, screen.amin(1))
    most = torch.where(partly, wide, screen.amax(1))
    most = torch.where(ahead.any(1, keepdim=True), most, -2 * wide)
    direction = _in_pixels(linear @ turn, k)
    camera = (linear @ place[:, :, None])[..., 0] + solids.round_frame[:, :, 3]
    point = direction * depth[:, None, None]
    point[..., 0] += camera
    return torch.cat([direction, point], 1), depth, torch.cat([least, most], 1)


def tile_pairs(solids, pose, intrinsics, size):
    """The `Pairs` of a batch of views, `pose (B, 4, 4)` and `intrinsics (B, 3, 3)` in float64, `size` = (H, W)."""
    rows, columns = -(-size[0] // TILE), -(-size[1] // TILE)
    device = pose.device
    y = torch.arange(rows, device=device, dtype=torch.float64) * TILE
    x = torch.arange(columns, device=device, dtype=torch.float64) * TILE
    middle = (TILE - 1) / 2
    forms, facing = _face_forms(solids, pose, intrinsics)
    used = facing.nonzero()[:, 0]
    forms, owner = forms[used], solids.face_image[used]
    constant, a, b = forms.unbind(-1)
    # The largest value that a form takes in a tile, split into a part for its column and a part for its row.
    slack = (a.abs() + b.abs()) * (TILE / 2 + 0.1) + 1e-9
    across = ((constant + slack)[..., None] + a[..., None] * (x + middle)).float()
    along = (b[..., None] * (y + middle)).float()
    # float32 is enough to decide what to try, with a slack that covers its rounding.
    reach = across[:, 0, None, :] + along[:, 0, :, None]
    for k in range(1, 5):
        torch.minimum(reach, across[:, k, None, :] + along[:, k, :, None], out=reach)
    face, row, column = (reach > -1e-4).nonzero().unbind(1)
    chosen = forms.index_select(0, face)
    face, face_tile = used[face], (owner[face] * rows + row) * columns + column
    chosen[..., 0] += chosen[..., 1] * x[column, None] + chosen[..., 2] * y[row, None]

    local, depth, screen = _round_forms(solids, pose, intrinsics)
    first = solids.grid(screen, solids.round_image, solids.round_slot, -4e9)[..., None]
    over_x = (first[:, :, 0] <= x + TILE) & (first[:, :, 2] >= x - 1)
    over_y = (first[:, :, 1] <= y + TILE) & (first[:, :, 3] >= y - 1)
    image, slot, row, column = (over_y[..., None] & over_x[:, :, None]).nonzero().unbind(1)
    index = torch.zeros(first.shape[:2], dtype=torch.int64, device=device)
    index[solids.round_image, solids.round_slot] = torch.arange(len(local), device=device)
    ball, ball_tile = index[image, slot], (image * rows + row) * columns + column
    near = local.index_select(0, ball)
    near[..., 0] += near[..., 1] * x[column, None] + near[..., 2] * y[row, None]
    return Pairs(
        face, face_tile, chosen.float(), len(solids.faces) + ball, ball_tile, near.float(), depth[ball].float(),
        solids.round_shape[ball].float(), (solids.count, rows, columns),
    )  # fmt: skip


def _spread(forms, offsets):
    """A linear form `(P, 3)` at the samples of a tile: `(P, S, S)`, one addition a sample."""
    across = forms[:, 1, None] * offsets
    along = forms[:, 0, None] + forms[:, 2, None] * offsets
    return along[:, :, None] + across[:, None, :]


def quadric_interval(direction, point, shape):
    """Where lines point + t direction run inside rounds: (enter, leave, cap), enter > leave where they miss.

    `direction` and `point` are triples of equal tensors in the round's frame, `shape` five tensors that broadcast with
    them. `cap` says that the line enters through a cap.
    """
    dx, dy, dz = direction
    px, py, pz = point
    mean, slope, bend, low, high = shape
    square = dx * dx + dy * dy - bend * dz * dz
    square = torch.where(square.abs() < 1e-12, 1e-12, square)
    half = dx * px + dy * py - dz * (bend * pz + slope / 2)
    constant = px * px + py * py - pz * (slope + bend * pz) - mean
    root = half * half - square * constant
    missed = root < 0
    root = root.clamp_min(0).sqrt()
    one, two = (-half - root) / square, (-half + root) / square
    step = torch.where(dz.abs() < 1e-9, 1e-9, dz)
    first, last = (low - pz) / step, (high - pz) / step
    first, last = torch.minimum(first, last), torch.maximum(first, last)
    # A line steeper than a cone's side is inside beyond the two roots (two < one then): keep the nappe of the caps.
    steep = square < 0
    enter = torch.where(steep, torch.where(one <= last, torch.maximum(one, first), first), torch.maximum(one, first))
    leave = torch.where(steep, torch.where(one <= last, last, torch.minimum(two, last)), torch.minimum(two, last))
    inf = torch.inf
    # A steep line that misses the cone's surface altogether runs inside it from cap to cap.
    enter = torch.where(missed, torch.where(steep, first, inf), enter)
    leave = torch.where(missed, torch.where(steep, last, -inf), leave)
    return enter, leave, enter <= first


def _candidates(pairs, offsets):
    """Inverse depth of each pair at each sample, `(P, S, S)` for faces and `(Q, S, S)` for rounds; 0 where missed."""
    forms = pairs.face_forms
    inside = _spread(forms[:, 0], offsets)
    for edge in (1, 2, 3):
        torch.minimum(inside, _spread(forms[:, edge], offsets), out=inside)
    flat = _spread(forms[:, 4], offsets)
    flat = flat.mul_(inside >= 0).clamp_min_(0)

    values = [_spread(pairs.round_forms[:, k], offsets) for k in range(6)]
    shape = [row[:, None, None] for row in pairs.round_shape.unbind(1)]
    enter, leave, _ = quadric_interval(values[:3], values[3:], shape)
    depth = enter + pairs.round_depth[:, None, None]
    curved = torch.where((enter < leave) & (depth > 1e-3), 1 / depth, 0.0)
    return flat, curved


def cast(pairs, samples=1, rank=None):
    """What each sample sees, in tile order: inverse depth and solid, `(B, tiles * S)`; 0 and -1 for nothing.

    A tile's samples lie together, row by row: S = (4 * samples)².
    With `samples=1` the ray goes through the pixel's centre; with 2, through four points around it. Faces count from
    0, rounds from the number of faces on. `rank`, one integer-valued number a solid, overrides the order: the highest
    rank in a pixel is seen even where it lies behind.
    """
    batch, rows, columns = pairs.tiles
    device = pairs.face_forms.device
    step = torch.arange(TILE * samples, device=device, dtype=torch.float32)
    offsets = (step + 0.5) / samples - 0.5
    flat, curved = _candidates(pairs, offsets)
    inverse = torch.cat([flat, curved]).flatten(1)
    tile = torch.cat([pairs.face_tile, pairs.round_tile])
    solid = torch.cat([pairs.face, pairs.round]).int()
    if rank is not None:
        bounded = inverse / (1 + inverse)
        key = torch.where(inverse > 0, bounded + rank[solid.long(), None], 0.0)
    else:
        key = inverse
    cells = (batch * rows * columns, inverse.shape[1])
    best = key.new_zeros(cells).scatter_reduce_(0, tile[:, None].expand_as(key), key, "amax")
    wins = (key == best.index_select(0, tile)) & (key > 0)
    names = torch.where(wins, solid[:, None], _NONE)
    seen = torch.full(cells, _NONE, dtype=torch.int32, device=device)
    seen.scatter_reduce_(0, tile[:, None].expand_as(names), names, "amin")
    if rank is not None:
        # Of what won by rank, its own depth.
        own = torch.where(wins & (solid[:, None] == seen[tile]), inverse, 0.0)
        best = key.new_zeros(cells).scatter_reduce_(0, tile[:, None].expand_as(own), own, "amax")
    seen = torch.where(seen == _NONE, -1, seen)
    return best.view(batch, -1), seen.view(batch, -1)
