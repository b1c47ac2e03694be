"""Tiny indoor data sets in the exact formats of the real ones."""

import h5py
import numpy as np
from PIL import Image
from scipy.io import savemat

SCENE_NAMES = ("kitchen_0004", "kitchen_0004", "office_0001a", "bedroom_0010")


def picture(height, width, seed=0):
    """Random 8-bit colour."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def save(path, array):
    """Write an image, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def write(path, text):
    """Write a text file, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def rotated(millimetres):
    """As SUN RGB-D stores them, computed in 32 bits: independent of the loader's arithmetic."""
    wide = millimetres.astype(np.uint32)
    return ((wide << 3) & 0xFFFF | wide >> 13).astype(np.uint16)


def nyu_arrays(count=4, height=5, width=7):
    """images (N, H, W, 3), depths (N, H, W), rawDepths with holes: height before width, as a person thinks of them."""
    images = np.stack([picture(height, width, seed) for seed in range(count)])
    depths = np.random.default_rng(9).uniform(1.5, 4.5, (count, height, width)).astype(np.float32)
    raw = depths.copy()
    raw[:, ::2, 1::3] = 0
    return images, depths, raw


def write_nyu(root, *, test=(2, 4), train=(1, 3), arrays=None, scenes=SCENE_NAMES, **replaced):
    """The labelled file and the split as MATLAB writes them: a 512-byte user block, gzip, names as references."""
    images, depths, raw = nyu_arrays() if arrays is None else arrays
    contents = {
        "images": images.transpose(0, 3, 2, 1), "depths": depths.transpose(0, 2, 1), "rawDepths": raw.transpose(0, 2, 1)
    } | replaced  # fmt: skip
    root.mkdir(parents=True, exist_ok=True)
    with h5py.File(root / "nyu_depth_v2_labeled.mat", "w", userblock_size=512, libver="earliest") as file:
        for name, array in contents.items():
            if array is not None:
                file.create_dataset(name, data=array, chunks=(1, *array.shape[1:]), compression="gzip")
        if scenes is not None:
            names = file.create_dataset("scenes", (1, len(scenes)), dtype=h5py.ref_dtype)
            for k, scene in enumerate(scenes):
                letters = np.frombuffer(scene.encode("utf-16-le"), dtype=np.uint16)[:, None]
                names[0, k] = file.create_dataset(f"#refs#/{k}", data=letters).ref
    split = {"trainNdxs": np.array(train, dtype=np.uint16), "testNdxs": np.array(test, dtype=np.uint16)}
    savemat(root / "splits.mat", {key: value[:, None] for key, value in split.items()}, do_compression=True)
    return root


def write_scannet(root, *, lost=(1,), frames=3, size=(6, 8)):
    """Two scans; frames `lost` of the first have a pose of -inf."""
    height, width = size
    for scan in ("scene0000_00", "scene0001_02"):
        for k in range(frames):
            save(root / scan / "color" / f"{k}.jpg", picture(2 * height, 2 * width, k))
            depth = np.full(size, 1000 * (k + 1), dtype=np.uint16)
            depth[0, :2] = 0, 65535
            save(root / scan / "depth" / f"{k}.png", depth)
            pose = np.eye(4)
            pose[:3, 3] = k, 2, 3
            if scan == "scene0000_00" and k in lost:
                pose = np.full((4, 4), -np.inf)
            write(root / scan / "pose" / f"{k}.txt", "\n".join(" ".join(f"{value:f}" for value in row) for row in pose))
        camera = "577.6 0 {} 0\n0 578.7 {} 0\n0 0 1 0\n0 0 0 1\n"
        write(root / scan / "intrinsic" / "intrinsic_depth.txt", camera.format(width / 2 - 0.4, height / 2 - 0.3))
        write(root / scan / "intrinsic" / "intrinsic_color.txt", camera.format(width, height))
    write(root / "scannetv2_val.txt", "scene0001_02\n")
    return root


def write_sun(root, *, size=(6, 8)):
    """Three frames of two sensors at different levels, and the toolbox's split."""
    names = ("kv1/NYUdata/NYU0001", "kv1/NYUdata/NYU0002", "xtion/sun3ddata/mit/room/0001_0.1")
    for k, name in enumerate(names):
        frame = root / "SUNRGBD" / name
        save(frame / "image" / f"{k}.jpg", picture(*size, k))
        depth = np.full(size, 1500 * (k + 1), dtype=np.uint16)
        depth[0, :3] = 0, 8191, 9000
        save(frame / "depth" / f"{k}.png", rotated(depth))
        save(frame / "depth_bfx" / f"{k}.png", rotated(np.where(depth == 0, 1500, depth).astype(np.uint16)))
        write(frame / "intrinsics.txt", f"520.5 0.0 {size[1] / 2} 0.0 521.5 {size[0] / 2} 0.0 0.0 1.0\n")
        save(frame / "fullres" / "image" / "big.jpg", picture(9, 9))  # not a frame of its own
    disk = "/n/fs/sun3d/data/SUNRGBD/"
    write_sun_split(root, train=[disk + names[0], disk + names[2]], test=[disk + names[1] + "/"])
    return root


def write_sun_split(root, **lists):
    """allsplit.mat: rows of cells with strings."""
    cells = {}
    for split, paths in lists.items():
        cells[f"all{split}"] = np.array([paths], dtype=object)
    path = root / "SUNRGBDtoolbox" / "traintestSUNRGBD" / "allsplit.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, cells)
    return path


def write_scenenet(root, *, split="val", frames=(0, 25, 100)):
    """One trajectory of 320×240 frames whose rays are all 4 m long, but for one that left through a window."""
    for number in frames:
        place = root / split / "0" / "223"
        save(place / "photo" / f"{number}.jpg", picture(240, 320, number))
        ray = np.full((240, 320), 4000, dtype=np.uint16)
        ray[0, 0] = 0
        save(place / "depth" / f"{number}.png", ray)
        save(place / "instance" / f"{number}.png", np.full((240, 320), number + 300, dtype=np.uint16))
    return root
