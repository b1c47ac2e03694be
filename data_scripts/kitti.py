"""KITTI: street images with depth from a laser scanner; Eigen's split (lists fetched, drives on request).

Source: Geiger et al., IJRR 2013; Uhrig et al., 3DV 2017 (improved depth); Eigen et al., NIPS 2014 (split).
https://www.cvlibs.net/datasets/kitti
Terms: CC BY-NC-SA 3.0, non-commercial; the site asks to register before downloading: do so, and cite. The addresses are
those of the site's own download script. The lists are part of BTS (Lee et al. 2019), GPL-3.0.
Sizes: raw data about 175 GB in all; improved depth 14 GB; the benchmark's selection 2 GB. Fetched on request:
    python -m data_scripts.kitti --out DIR --drive 2011_09_26_drive_0002 --drive 2011_09_26_drive_0009
    python -m data_scripts.kitti --out DIR --selection
    python -m data_scripts.kitti --out DIR --depth
Only the training list's sum is known from two independent users; the lists are fetched at one fixed version.
"""

import re

from data_scripts._command import DataSet, File, run

__all__ = ["KITTI", "main"]

_LISTS = "https://raw.githubusercontent.com/cleinc/bts/5e3406b35d1497b2e55d2dd600524d1f4efacaed/train_test_inputs"
_BUCKET = "https://s3.eu-central-1.amazonaws.com/avg-kitti"
_SELECTION = File(f"{_BUCKET}/data_depth_selection.zip", makes="depth_selection")
_DEPTH = File(f"{_BUCKET}/data_depth_annotated.zip", makes="data_depth_annotated")

KITTI = DataSet(
    command="kitti",
    name="kitti",
    splits={
        "eigen-train": "2011_*",
        "eigen-test-652": "2011_*",
        "eigen-test-697": "2011_*",
        "selection": "depth_selection/val_selection_cropped",
    },
    files=(
        File(
            f"{_LISTS}/eigen_train_files_with_gt.txt",
            sha256="3655308ee4a017094dc620402db3fc587d769cfbfa9a16c6d0f8de6dcbe109ec",
        ),
        File(f"{_LISTS}/eigen_test_files_with_gt.txt"),
    ),
    by_hand="""
1. Register at https://www.cvlibs.net/datasets/kitti/user_register.php and log in.
2. From "raw data" (raw_data.php), download the drives that you need as [synced+rectified data], and the [calibration]
   of their dates; or its download script, for all of them. Unpack them in DIR.
3. From "depth prediction" (eval_depth.php?benchmark=depth_prediction), download "annotated depth maps data set"
   (14 GB), and unpack it into DIR/data_depth_annotated; or "manually selected validation and test data sets" (2 GB), and
   unpack it in DIR. The result:
     DIR/eigen_train_files_with_gt.txt, DIR/eigen_test_files_with_gt.txt
     DIR/2011_09_26/calib_cam_to_cam.txt, calib_velo_to_cam.txt
     DIR/2011_09_26/2011_09_26_drive_0002_sync/image_02/data/0000000000.png
     DIR/2011_09_26/2011_09_26_drive_0002_sync/velodyne_points/data/0000000000.bin
     DIR/data_depth_annotated/val/2011_09_26_drive_0002_sync/proj_depth/groundtruth/image_02/0000000005.png
     DIR/depth_selection/val_selection_cropped/image, groundtruth_depth, intrinsics
""",
)


def _drive(text):
    if not re.fullmatch(r"2011_\d\d_\d\d_drive_\d{4}", text):
        raise ValueError  # argparse names the argument
    return text


def _extend(parser):
    parser.add_argument(
        "--drive", action="append", default=[], type=_drive, help="such as 2011_09_26_drive_0002; may be repeated"
    )
    parser.add_argument("--selection", action="store_true", help="the benchmark's selected images, 2 GB")
    parser.add_argument("--depth", action="store_true", help="the improved depth maps, 14 GB")


def _more_files(arguments):
    for date in sorted({drive[:10] for drive in arguments.drive}):
        yield File(f"{_BUCKET}/raw_data/{date}_calib.zip", makes=f"{date}/calib_velo_to_cam.txt")
    for drive in arguments.drive:
        yield File(f"{_BUCKET}/raw_data/{drive}/{drive}_sync.zip", makes=f"{drive[:10]}/{drive}_sync")
    yield from [_SELECTION] * arguments.selection + [_DEPTH] * arguments.depth


def main(argv=None):
    """Fetch the lists and what is asked for, verify and index; the exit status."""
    return run(KITTI, __doc__, argv, extend=_extend, more_files=_more_files)


if __name__ == "__main__":
    raise SystemExit(main())
