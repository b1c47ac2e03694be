"""What stands between points of a picture and a light, or a second camera: exact shadows and occlusions.

Seen from a light, a convex face hides a point if four planes through the light and the face's edges, and the face's
own plane, all have the point on their hidden side: five linear functions of the point. A tile's box of points decides
which solids are tried for it.
"""

import torch

from sidelib.scenes.visibility import quadric_interval

__all__ = ["hidden_from"]


def _planes(solids, place, directional):
    """`(F, 5, 4)` planes, all positive at points hidden by a face from its image's light `place (B, 3)`, and which face it."""
    corners, light = solids.faces, place[solids.face_image]
    far = directional[solids.face_image]
    following = corners.roll(-1, 1)
    toward = light[:, None].expand_as(corners)
    lamp = torch.linalg.cross(following - toward, corners - toward)
    sun = torch.linalg.cross(toward, following - corners)
    edges = torch.where(far[:, None, None], sun, lamp)
    edges = edges / edges.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    through = torch.where(far[:, None, None], corners, toward)
    normal = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal = normal / normal.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    facing = torch.where(far, (normal * light).sum(-1), (normal * (light - corners[:, 0])).sum(-1)) > 1e-6
    edge_planes = torch.cat([edges, -(edges * through).sum(-1, keepdim=True)], -1)
    edge_planes[solids.repeated] = edges.new_tensor([0.0, 0.0, 0.0, 1.0])  # a triangle's missing edge hides all
    own = torch.cat([-normal, (normal * corners[:, 0]).sum(-1, keepdim=True)], 1)
    planes = torch.cat([edge_planes, own[:, None]], 1)
    return planes, facing


def _boxes(points, valid):
    """Lowest and highest corner `(N, 3)` of each tile's valid points `(N, 3, S)`; inverted where there are none."""
    low = torch.where(valid[:, None], points, torch.inf).amin(-1)
    high = torch.where(valid[:, None], points, -torch.inf).amax(-1)
    return low, high


def _grouped(tiles, device):
    """Blocks of 4x4 tiles: the tile index of each block's children `(blocks, 16)`, -1 outside the picture."""
    rows, columns = tiles
    row = torch.arange(-(-rows // 4) * 4, device=device)[:, None]
    column = torch.arange(-(-columns // 4) * 4, device=device)
    index = torch.where((row < rows) & (column < columns), row * columns + column, -1)
    blocks = index.view(index.shape[0] // 4, 4, index.shape[1] // 4, 4).transpose(1, 2)
    return blocks.reshape(-1, 16)


def _half_form(low, high):
    """What a plane's largest value in a box depends on linearly: (middle, half size, 1), `(..., 7)`; and if it exists."""
    some = (low <= high).all(-1)
    low, high = (torch.where(some[..., None], part, 0.0) for part in (low, high))
    return torch.cat([(low + high) / 2, (high - low) / 2, torch.ones_like(low[..., :1])], -1), some


def _reachable(planes, image, low, high, tiles):
    """Pairs (face, image, tile) for which all of a face's planes can be positive in the tile's box.

    Blocks of tiles are tried first: most faces cast their shadow elsewhere.
    """
    children = _grouped(tiles, planes.device)
    inf = low.new_full((len(low), 1, 3), torch.inf)
    low, high = torch.cat([low, inf], 1), torch.cat([high, -inf], 1)  # -1 is nothing
    child_boxes, child_some = _half_form(low[:, children], high[:, children])  # (B, blocks, 16, 7)
    boxes, some = _half_form(low[:, children].amin(2), high[:, children].amax(2))
    wide = torch.cat([planes[..., :3], planes[..., :3].abs(), planes[..., 3:]], -1)
    # Sums of products rather than a matrix product, whose precision is the user's to lower.
    own = boxes.permute(2, 0, 1).contiguous()
    reach = wide[:, :, 6, None] + wide[:, :, :1] * own[0].index_select(0, image)[:, None]
    for k in range(1, 6):
        reach = torch.addcmul(reach, wide[:, :, k, None], own[k].index_select(0, image)[:, None])
    near = (reach.amin(1) > -1e-3) & some[image]
    face, block = near.nonzero().unbind(1)
    blocks = children.shape[0]
    place = image[face] * blocks + block
    at = child_boxes.flatten(0, 1).mT.contiguous().index_select(0, place)  # (pairs, 7, 16)
    rows = wide.index_select(0, face)
    reach = torch.addcmul(rows[:, :, 6, None], rows[:, :, 0, None], at[:, 0, None])
    for k in range(1, 6):
        reach = torch.addcmul(reach, rows[:, :, k, None], at[:, k, None])
    pair, child = ((reach.amin(1) > -1e-3) & child_some.flatten(0, 1)[place]).nonzero().unbind(1)
    return face[pair], image[face[pair]], children[block[pair], child]


def _linear(rows, points):
    """a x + b y + c z + d for rows `(P, 4)` at points given as three `(P, S)`."""
    value = torch.addcmul(rows[:, 3, None], points[0], rows[:, 0, None])
    value = torch.addcmul(value, points[1], rows[:, 1, None])
    return torch.addcmul(value, points[2], rows[:, 2, None])


def hidden_from(solids, points, valid, tiles, place, directional, face_casts, round_casts, bias=2e-3):
    """Which points a solid hides from a light; bool `(B, T, S)`.

    Args:
        solids: the batch's `Solids`.
        points: world points by tile `(B, T, 3, S)`, float32; `valid (B, T, S)` says which to look at.
        tiles: (rows, columns) of tiles, T in all.
        place: `(B, 3)` float64, the light's place, or the unit direction towards it where `directional (B,)`.
        face_casts, round_casts: bool per solid; what does not cast is looked through.
        bias: metres by which a face must lie in front of a point to hide it.
    """
    batch, count, _, samples = points.shape
    flat = points.reshape(batch * count, 3, samples)
    low, high = (part.view(batch, count, 3) for part in _boxes(flat, valid.reshape(batch * count, samples)))
    planes, facing = _planes(solids, place, directional)
    used = (facing & face_casts).nonzero()[:, 0]
    planes = planes[used]
    planes[:, 4, 3] -= bias
    planes = planes.float()
    face, image, tile = _reachable(planes, solids.face_image[used], low, high, tiles)
    chosen = planes.index_select(0, face)
    row = image * count + tile
    at = [flat[:, axis].index_select(0, row) for axis in range(3)]
    inside = None
    for k in range(5):
        value = _linear(chosen[:, k], at)
        inside = value if inside is None else torch.minimum(inside, value)
    hidden = flat.new_zeros(batch * count, samples)
    hidden.index_add_(0, row, (inside > 0).float())

    if len(solids.round_frame):
        _add_rounds(hidden, solids, flat, (low, high), place, directional, round_casts, bias)
    return hidden.view(batch, count, samples) > 0


def _add_rounds(hidden, solids, flat, boxes, place, directional, casts, bias):
    rows, some = _half_form(*boxes)
    middle, half = rows[..., :3], rows[..., 3:6]
    linear = solids.round_frame[:, :, :3]
    inverse = torch.linalg.inv(linear)
    shape = solids.round_shape
    between = (shape[:, 3] + shape[:, 4]) / 2
    local = torch.zeros_like(solids.round_frame[:, :, 3])
    local[:, 2] = between
    centre = ((local - solids.round_frame[:, :, 3])[:, None] @ inverse.mT)[:, 0]
    # The ball around the cylinder that holds the round.
    columns = inverse.norm(dim=1)
    radius = (columns[:, 0] ** 2 + columns[:, 1] ** 2 + (columns[:, 2] * (shape[:, 4] - shape[:, 3]) / 2) ** 2).sqrt()
    radius = torch.where(casts, radius, -1e9)
    balls = torch.cat([centre, radius[:, None]], 1).float()
    laid = solids.grid(balls, solids.round_image, solids.round_slot, 0.0)
    index = torch.full(laid.shape[:2], -1, dtype=torch.int64, device=laid.device)
    index[solids.round_image, solids.round_slot] = torch.arange(len(balls), device=laid.device)
    # Distance of the ball from the line between a tile's middle and the light.
    to_ball = laid[:, :, None, :3] - middle[:, None]
    light = place.float()[:, None]
    toward = torch.where(directional[:, None, None], light, light - middle)
    length = torch.where(directional[:, None], 1e4, toward.norm(dim=-1))
    toward = toward / toward.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    spread = half.norm(dim=-1)[:, None] + laid[:, :, None, 3]
    ahead = (to_ball * toward[:, None]).sum(-1)
    off = (to_ball * to_ball).sum(-1) - ahead * ahead
    near = (off < spread.clamp_min(0) ** 2 * 1.01 + 1e-6) & (ahead > -spread) & (ahead < length[:, None] + spread)
    near &= (index >= 0)[..., None] & (laid[:, :, None, 3] > 0) & some[:, None]
    image, slot, tile = near.nonzero().unbind(1)
    which = index[image, slot]
    row = image * middle.shape[1] + tile
    frame = solids.round_frame[which].float()
    points = [flat[:, axis].index_select(0, row) for axis in range(3)]
    sun = directional[image]
    target = (linear[which] @ place[image][:, :, None])[..., 0]
    target = torch.where(sun[:, None], target, target + solids.round_frame[which][:, :, 3]).float()

    def apply(k):
        return _linear(frame[:, k], points)

    start = [apply(k) for k in range(3)]
    step = [torch.where(sun[:, None], target[:, k, None], target[:, k, None] - start[k]) for k in range(3)]
    enter, leave, _ = quadric_interval(
        step, start, [part[:, None] for part in solids.round_shape[which].float().unbind(1)]
    )
    until = torch.where(sun, torch.inf, 1.0)[:, None]
    # A point on the round itself is left out by asking for a stretch of some length inside it.
    metre = torch.where(sun, 1.0, 1 / length[image, tile].clamp_min(1e-3))[:, None]
    stretch = torch.minimum(leave, until) - enter.clamp_min(0)
    hidden.index_add_(0, row, (stretch > bias * metre).float())
