"""Second views: a right camera with exact disparity, and a moving camera among moving objects with exact flow."""

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F

from sidelib.geometry import back_project, disparity_from_depth, inverse_rigid, pixel_grid, project, transform
from sidelib.scenes.render import in_full_precision, intrinsics_of, render
from sidelib.scenes.shadows import hidden_from
from sidelib.scenes.solids import CLASSES, moved
from sidelib.scenes.visibility import TILE, pack

__all__ = ["path_scenes", "render_path", "render_right"]

_RUNNERS = {"car": 0.9, "person": 0.12, "ball": 0.08}  # metres a frame, at most


def _world(depth, pose, intrinsics):
    """World points `(B, 3, H, W)` of depth maps, in float64 so that second views agree to a hundredth of a pixel."""
    return transform(back_project(depth.double(), intrinsics), pose)


def _seen_at(points, pose, intrinsics):
    """Where cameras see world points: pixels `(B, 2, H, W)`, NaN behind the camera, and depth `(B, 1, H, W)`."""
    return project(transform(points, inverse_rigid(pose)), intrinsics)


def _invisible(scenes, points, mask, pose, place, size):
    """Where points of this view do not show in another: hidden by a solid, outside its picture, or behind it."""
    height, width = size
    tall, wide = -height % TILE, -width % TILE

    def tiled(values):
        values = F.pad(values, (0, wide, 0, tall))
        batch, channels, rows, columns = values.shape
        laid = values.view(batch, channels, rows // TILE, TILE, columns // TILE, TILE).permute(0, 2, 4, 1, 3, 5)
        return laid.reshape(batch, -1, channels, TILE * TILE)

    solids = pack(scenes, points.device)
    every = [
        torch.ones(len(part), dtype=torch.bool, device=points.device) for part in (solids.faces, solids.round_frame)
    ]
    tiles = (height + tall) // TILE, (width + wide) // TILE
    nowhere = torch.zeros(len(scenes), dtype=torch.bool, device=points.device)
    at = tiled(points.float()).contiguous()
    valid = tiled(mask.float())[:, :, 0] > 0
    hidden = hidden_from(solids, at, valid, tiles, pose[:, :3, 3], nowhere, *every)
    laid = hidden.view(len(scenes), *tiles, TILE, TILE).transpose(2, 3)
    laid = laid.reshape(len(scenes), 1, height + tall, width + wide)[..., :height, :width]
    x, y = place[:, :1], place[:, 1:]
    rim = 1e-3  # pixels: rounding must not cut off the first row
    inside = (
        (x > -rim) & (x < width - 1 + rim) & (y > -rim) & (y < height - 1 + rim)
    )  # false for NaN, behind the camera
    return mask & (laid | ~inside)


@in_full_precision
def render_right(scenes, left, size, cues, device, baseline):
    """What a second camera `baseline` metres to the right adds to the mapping `left`.

    Returns `right (B, 3, H, W)`; `disparity (B, 1, H, W)`, x_left - x_right > 0 of each left pixel, 0 where invalid;
    `occlusion (B, 1, H, W)` bool, where a left pixel's point does not show in the right picture.
    """
    beside = [
        replace(scene, pose=_shifted(scene.pose, baseline), frame=scene.frame + 1, picture=None) for scene in scenes
    ]
    other = render(beside, size, cues, device)
    pose, k = _stacked([scene.pose for scene in scenes], device), _intrinsics(scenes, size, device)
    points = _world(left["depth"], pose, k)
    right_pose = _stacked([scene.pose for scene in beside], device)
    place, _ = _seen_at(points, right_pose, k)
    return {
        "right": other["image"],
        "disparity": disparity_from_depth(left["depth"].double(), k[:, 0, 0], baseline).float(),
        "occlusion": _invisible(scenes, points, left["mask"], right_pose, place, size),
    }


def _shifted(pose, baseline):
    pose = pose.copy()
    pose[:3, 3] += baseline * pose[:3, 0]
    return pose


def _stacked(matrices, device):
    return torch.from_numpy(np.stack(matrices)).to(device)


def _intrinsics(scenes, size, device):
    return _stacked([intrinsics_of(scene, size) for scene in scenes], device)


def path_scenes(scene, frames, step, moving, seed):
    """A scene at the times 0 ... frames - 1: (scenes, motions), `motions[t] (O, 4, 4)` takes objects from t to t + 1.

    The camera goes `step` metres a frame, mostly forward, and turns a little; with `moving`, cars, people and balls
    go their own way.
    """
    rng = np.random.default_rng([seed, 91])
    heading = rng.normal(0, 0.25)
    turning = rng.normal(0, 0.008)
    sway = rng.normal(0, 0.05, 2)
    motion = np.tile(np.eye(4), (len(scene.object_class), 1, 1))
    for index, kind in enumerate(scene.object_class):
        fastest = _RUNNERS.get(CLASSES[kind], 0.0)
        # About half of what can move does; on a diagonal of its own, so that flow differs between objects.
        if moving and fastest and rng.random() < 0.6:
            angle = rng.uniform(-np.pi, np.pi)
            speed = fastest * rng.uniform(0.3, 1.0)
            motion[index, :2, 3] = speed * np.array([np.cos(angle), np.sin(angle)])
    scenes, motions = [replace(scene, picture=None) if scene.picture else scene], []
    for time in range(1, frames):
        last = scenes[-1]
        turn = np.eye(4)
        c, s = np.cos(turning), np.sin(turning)
        turn[:3, :3] = [[c, 0, s], [0, 1, 0], [-s, 0, c]]
        turn[:3, 3] = step * np.array([np.sin(heading), sway[0] * np.cos(time), np.cos(heading)])
        motions.append(motion)
        scenes.append(replace(moved(last, motion), pose=last.pose @ turn, frame=time, picture=None))
    return scenes, motions


@in_full_precision
def render_path(scenes, motions, size, cues, device):
    """Render a path: every tensor of `render` with the frames as its batch, and the flow to the next frame.

    Adds `flow (T - 1, 2, H, W)`, next - current in pixels, 0 where invalid, and `occlusion (T - 1, 1, H, W)` bool,
    where a pixel's point does not show in the next frame.
    """
    views = render(scenes, size, cues, device)
    pose, k = _stacked([scene.pose for scene in scenes], device), _intrinsics(scenes, size, device)
    points = _world(views["depth"], pose, k)[:-1]
    mask, batch = views["mask"][:-1], len(scenes) - 1
    motion = _stacked(motions, device)
    name = views["instance"][:-1, 0].clamp_min(0)
    own = motion[torch.arange(batch, device=motion.device)[:, None, None], name]
    after = (own[..., :3, :3] @ points.permute(0, 2, 3, 1)[..., None])[..., 0] + own[..., :3, 3]
    after = after.permute(0, 3, 1, 2)
    place, _ = _seen_at(after, pose[1:], k[1:])
    flow = place - pixel_grid(*size, motion.device, torch.float64)
    flow = torch.where(mask & place.isfinite(), flow, 0.0).float()
    hidden = _invisible(scenes[1:], after, mask, pose[1:], place, size)
    return {**views, "flow": flow, "occlusion": hidden}
