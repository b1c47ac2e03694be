"""The description of one scene: flat faces, round solids, the objects they belong to, lights and a camera.

Everything solid is either a *face*, a flat convex quadrilateral seen from one side, or a *round*, a piece of a quadric
(ball, cylinder, cone) between two caps. Both go through affine maps, so that moving, scaling or lifting an object is
one multiplication. World axes: x right, y forward, z up, in metres.
"""

from dataclasses import dataclass, replace

import numpy as np

__all__ = ["CLASSES", "Light", "Scene", "Sketch", "camera_pose", "moved"]

# What a pixel can show; `semantic` holds the index. Class 0 is the sky, the only class without a depth.
CLASSES = (
    "sky", "wall", "floor", "ceiling", "window", "door", "table", "chair", "shelf", "lamp", "box", "ball", "sofa",
    "bed", "picture", "plant", "rug", "cabinet", "person", "road", "pavement", "building", "tree", "car", "pole",
    "grass", "fence", "water", "screen", "object",
)  # fmt: skip

# The corners of the six faces of a box, counter-clockwise seen from outside; corner 4i + 2j + k is (x_i, y_j, z_k).
_BOX_FACES = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
_BOX_CORNERS = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)], dtype=float)
_TEXTURE_AXES = np.array([[1, 2], [1, 2], [0, 2], [0, 2], [0, 1], [0, 1]])  # along the face's (s, t)


@dataclass(frozen=True)
class Light:
    """A light: at a place (`directional=False`) or from a direction, through a window if `gate` is given.

    `gate` is a rectangle (corner, edge, edge), three vectors: only what shines through it counts. `reach` is the
    distance in metres at which a lamp's light has halved.
    """

    place: tuple
    colour: tuple
    directional: bool = False
    reach: float = 2.5
    gate: tuple | None = None
    shadows: bool = True


@dataclass(frozen=True)
class Scene:
    """One scene in NumPy, before any pixel: F faces, R rounds, O objects.

    `faces (F, 4, 3)` world vertices, `face_frame (F, 2, 4)` world to texture metres; `round_frame (R, 3, 4)` world to
    the local frame of the quadric, `round_shape (R, 5)` its coefficients (see `Sketch.cone`); `face_object`,
    `round_object` index the objects; `face_material`, `round_material` rows of `materials.material`.
    """

    faces: np.ndarray
    face_frame: np.ndarray
    face_material: np.ndarray
    face_object: np.ndarray
    round_frame: np.ndarray
    round_shape: np.ndarray
    round_material: np.ndarray
    round_object: np.ndarray
    object_class: np.ndarray  # (O,) index into CLASSES
    object_movable: np.ndarray  # (O,) bool: furniture, cars, people; not walls or roads
    object_anchor: np.ndarray  # (O, 3) the point where the object meets what carries it
    pose: np.ndarray  # (4, 4) camera-to-world, OpenCV axes
    focal: float  # focal length in image widths
    lights: tuple = ()
    ambient: tuple = (0.5, 0.5, 0.5, 0.3, 0.3, 0.3)  # from above, from below
    haze: tuple = (0.7, 0.75, 0.8, 0.0)  # colour and extinction per metre
    sky: tuple = (0.35, 0.55, 0.85, 0.8, 0.85, 0.9, 0.5)  # zenith, horizon, clouds
    bounds: tuple | None = None  # (x0, x1, y0, y1, z0, z1) of a room, for the darkening of its corners
    exposure: float = 1.0
    noise: float = 0.008
    seed: int = 0
    frame: int = 0  # which picture of the scene this is: the camera's noise is another in each
    family: int = 0
    picture: "Scene | None" = None  # the scene that the image shows instead, where a cue deceives


class Sketch:
    """Collects solids object by object, in the object's own frame, and turns them into arrays at once.

    >>> sketch = Sketch()
    >>> sketch.object("table", place=(1.0, 3.0, 0.0))
    0
    >>> sketch.box((-0.5, -0.3, 0.7), (0.5, 0.3, 0.74), [0.0] * 12)
    >>> sketch.scene(pose=np.eye(4), focal=0.9).faces.shape
    (6, 4, 3)
    """

    def __init__(self):
        self._objects, self._matrices = [], []
        self._boxes, self._box_material, self._box_object = [], [], []
        self._quads, self._frames, self._quad_material, self._quad_object = [], [], [], []
        self._rounds, self._round_material, self._round_object = [], [], []

    def object(self, name, place=(0.0, 0.0, 0.0), yaw=0.0, scale=1.0, movable=True):
        """Begin an object of a class at `place`, turned by `yaw` radians about the vertical; returns its index."""
        c, s = np.cos(yaw) * scale, np.sin(yaw) * scale
        x, y, z = place
        self._matrices.append([[c, -s, 0, x], [s, c, 0, y], [0, 0, scale, z], [0, 0, 0, 1]])
        self._objects.append((CLASSES.index(name), movable))
        return len(self._objects) - 1

    def box(self, low, high, material, taper=(1.0, 1.0), lean=(0.0, 0.0), yaw=0.0):
        """A box between two corners; its top is scaled by `taper` and shifted by `lean`, for roofs and car bodies."""
        self._boxes.append((*low, *high, *taper, *lean, yaw))
        self._box_material.append(material)
        self._box_object.append(len(self._objects) - 1)

    def quad(self, corners, material, frame=None):
        """A flat quadrilateral (a triangle repeats its last corner), counter-clockwise seen from its visible side.

        Its pattern starts at the first corner and runs along the first edge, unless `frame`, two rows (x, y, z, 1),
        says what its surface coordinates are.
        """
        self._frames.append((len(self._quads), frame))
        self._quads.append(corners)
        self._quad_material.append(material)
        self._quad_object.append(len(self._objects) - 1)

    def ball(self, centre, radii, material, low=-1.0, high=1.0):
        """An ellipsoid, or the slice of it between `low` and `high` in units of its vertical radius."""
        radii = (radii,) * 3 if np.isscalar(radii) else radii
        self._round(centre, radii, "z", (1.0, 0.0, -1.0, low, high), material)

    def cylinder(self, centre, radius, length, material, axis="z"):
        """A cylinder by its centre, along one of the object's axes."""
        self._round(centre, (radius, radius, length / 2), axis, (1.0, 0.0, 0.0, -1.0, 1.0), material)

    def cone(self, base, bottom, top, height, material):
        """A cone frustum standing on `base`, from radius `bottom` to radius `top`.

        In its local frame z runs from -1 to 1 and the surface is x² + y² = a + b z + c z²: the coefficients (a, b, c)
        and the caps are a round's `shape`.
        """
        widest = max(bottom, top)
        mean, slope = (bottom + top) / 2 / widest, (top - bottom) / 2 / widest
        centre = (base[0], base[1], base[2] + height / 2)
        shape = (mean * mean, 2 * mean * slope, slope * slope, -1.0, 1.0)
        self._round(centre, (widest, widest, height / 2), "z", shape, material)

    def _round(self, centre, radii, axis, shape, material):
        self._rounds.append((*centre, *radii, "xyz".index(axis), *shape))
        self._round_material.append(material)
        self._round_object.append(len(self._objects) - 1)

    @property
    def count(self):
        """How many objects were begun."""
        return len(self._objects)

    def places(self, without=()):
        """Where the movable objects stand, but those of some classes, in the order in which they were begun."""
        return [
            tuple(row[3] for row in matrix[:3])
            for matrix, (kind, movable) in zip(self._matrices, self._objects, strict=True)
            if movable and CLASSES[kind] not in without
        ]

    def scene(self, **rest):
        """The `Scene` of all that was collected; `rest` are its remaining fields (pose, focal, lights, ...)."""
        matrices = np.array(self._matrices, dtype=float).reshape(-1, 4, 4)
        boxes, box_frames = _box_faces(np.array(self._boxes, dtype=float).reshape(-1, 11))
        quads = np.array(self._quads, dtype=float).reshape(-1, 4, 3)
        corners = np.concatenate([boxes.reshape(-1, 4, 3), quads])
        quad_frames = _quad_frames(quads)
        for index, frame in self._frames:
            if frame is not None:
                quad_frames[index] = frame
        frames = np.concatenate([box_frames.reshape(-1, 2, 4), quad_frames])
        face_object = np.concatenate([np.repeat(self._box_object, 6), self._quad_object]).astype(np.int64)
        material = np.concatenate(
            [
                np.repeat(np.array(self._box_material, dtype=float).reshape(-1, 12), 6, axis=0),
                np.array(self._quad_material, dtype=float).reshape(-1, 12),
            ]
        )
        rounds = np.array(self._rounds, dtype=float).reshape(-1, 12)
        round_object = np.array(self._round_object, dtype=np.int64)
        inverse = np.linalg.inv(matrices) if len(matrices) else matrices
        world = np.einsum("fij,fvj->fvi", matrices[face_object, :3, :3], corners)
        world += matrices[face_object, None, :3, 3]
        # Texture is measured in world metres, so that a chair twice as large has twice as many grains.
        size = np.cbrt(np.linalg.det(matrices[:, :3, :3])) if len(matrices) else np.ones(0)
        return Scene(
            faces=world,
            face_frame=frames @ inverse[face_object] * size[face_object, None, None],
            face_material=material,
            face_object=face_object,
            round_frame=_round_frames(rounds) @ inverse[round_object],
            round_shape=rounds[:, 7:],
            round_material=np.array(self._round_material, dtype=float).reshape(-1, 12),
            round_object=round_object,
            object_class=np.array([kind for kind, _ in self._objects], dtype=np.int64),
            object_movable=np.array([movable for _, movable in self._objects], dtype=bool),
            object_anchor=matrices[:, :3, 3].copy(),
            **rest,
        )


def _box_faces(rows):
    """Vertices `(N, 6, 4, 3)` and texture frames `(N, 6, 2, 4)` of boxes."""
    low, high, taper, lean, yaw = rows[:, :3], rows[:, 3:6], rows[:, 6:8], rows[:, 8:10], rows[:, 10]
    corners = low[:, None] + _BOX_CORNERS * (high - low)[:, None]
    middle = ((low + high) / 2)[:, None, :2]
    top = _BOX_CORNERS[:, 2].astype(bool)
    corners[:, top, :2] = (corners[:, top, :2] - middle) * taper[:, None] + middle + lean[:, None]
    turn = np.zeros((len(rows), 4, 4))
    turn[:, 0, 0] = turn[:, 1, 1] = np.cos(yaw)
    turn[:, 1, 0], turn[:, 0, 1] = np.sin(yaw), -np.sin(yaw)
    turn[:, 2, 2] = turn[:, 3, 3] = 1
    turn[:, :2, 3] = middle[:, 0] - np.einsum("nij,nj->ni", turn[:, :2, :2], middle[:, 0])
    corners = np.einsum("nij,ncj->nci", turn[:, :3, :3], corners) + turn[:, None, :3, 3]
    # Grain runs along the longer side: s is the longer of the face's two axes.
    extent = high - low
    axes = np.broadcast_to(_TEXTURE_AXES, (len(rows), 6, 2)).copy()
    spans = np.take_along_axis(np.broadcast_to(extent[:, None], (len(rows), 6, 3)), axes, axis=2)
    swap = spans[..., 1] > spans[..., 0]
    axes[swap] = axes[swap][:, ::-1]
    frames = np.zeros((len(rows), 6, 2, 4))
    n, f, k = np.ogrid[: len(rows), :6, :2]
    frames[n, f, k, axes] = 1
    frames[..., 3] = -np.take_along_axis(np.broadcast_to(low[:, None], (len(rows), 6, 3)), axes, axis=2)
    return corners[:, _BOX_FACES], frames @ np.linalg.inv(turn)[:, None] if len(rows) else frames


def _quad_frames(quads):
    """Texture frames `(N, 2, 4)`: s along the first edge, t across it, from the first corner."""
    s = quads[:, 1] - quads[:, 0]
    s /= np.maximum(np.linalg.norm(s, axis=1, keepdims=True), 1e-9)
    normal = np.cross(s, quads[:, 2] - quads[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    frames = np.stack([s, np.cross(normal, s)], axis=1)
    return np.concatenate([frames, -np.einsum("nij,nj->ni", frames, quads[:, 0])[..., None]], axis=2)


def _round_frames(rows):
    """Maps `(N, 3, 4)` from the object's frame to the quadric's, whose axis is local z."""
    frames = np.zeros((len(rows), 3, 4))
    for axis, order in enumerate(((1, 2, 0), (2, 0, 1), (0, 1, 2))):
        of = rows[:, 6] == axis
        for local, world in enumerate(order):
            # Radii are given in the object's axes for balls and cones, and as (radius, radius, half length) else.
            frames[of, local, world] = 1 / rows[of, 3 + local]
            frames[of, local, 3] = -rows[of, world] / rows[of, 3 + local]
    return frames


def moved(scene, matrices, objects=None):
    """The scene with each object taken through its own 4x4 map; `matrices (O, 4, 4)`, identity where nothing moves.

    Objects that a map scales keep their texture at its size on the object: a doubled chair has doubled grain.
    `objects` limits the work to those indices.
    """
    if objects is not None:
        kept = np.broadcast_to(np.eye(4), matrices.shape).copy()
        kept[objects] = matrices[objects]
        matrices = kept
    inverse = np.linalg.inv(matrices)
    of_face, of_round = scene.face_object, scene.round_object
    faces = np.einsum("fij,fvj->fvi", matrices[of_face, :3, :3], scene.faces) + matrices[of_face, None, :3, 3]
    anchors = np.einsum("oij,oj->oi", matrices[:, :3, :3], scene.object_anchor) + matrices[:, :3, 3]
    # A mirror turns faces inside out: wind them the other way.
    mirrored = np.linalg.det(matrices[of_face, :3, :3]) < 0
    faces[mirrored] = faces[mirrored][:, ::-1]
    return replace(
        scene,
        faces=faces,
        face_frame=scene.face_frame @ inverse[of_face],
        round_frame=scene.round_frame @ inverse[of_round],
        object_anchor=anchors,
    )


def camera_pose(place, yaw=0.0, pitch=0.0, roll=0.0):
    """Camera-to-world pose `(4, 4)`, OpenCV axes: `yaw` turns left, `pitch` looks down, `roll` tilts the head right.

    Angles in radians; at zero the camera looks along world y.

    >>> camera_pose((0, 0, 1.5))[:3, 2]
    array([0., 1., 0.])
    """
    forward = np.array([-np.sin(yaw) * np.cos(pitch), np.cos(yaw) * np.cos(pitch), -np.sin(pitch)])
    right = np.array([np.cos(yaw), np.sin(yaw), 0.0])
    down = np.cross(forward, right)
    pose = np.eye(4)
    pose[:3, 0] = np.cos(roll) * right + np.sin(roll) * down
    pose[:3, 1] = np.cos(roll) * down - np.sin(roll) * right
    pose[:3, 2] = forward
    pose[:3, 3] = place
    return pose + 0.0  # no negative zeros
