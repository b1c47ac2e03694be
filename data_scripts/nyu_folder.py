"""NYU Depth v2 as folders of images and depth PNGs, as BTS and its successors train on it (lists fetched).

Source: frames of Silberman et al., ECCV 2012; selection and lists of Lee et al. 2019, https://github.com/cleinc/bts.
Terms: the frames are NYU's (cite the paper; no licence stated); the lists are part of BTS, GPL-3.0.
Fetched: the two lists, at one fixed version. The frames lie on Google Drive, about 4 GB, which limits downloads by
programs: by hand. Depth is in millimetres; for HQMD's copies give --option depth_scale=256.
"""

from data_scripts._command import DataSet, File, run

__all__ = ["NYU_FOLDER", "main"]

_LISTS = "https://raw.githubusercontent.com/cleinc/bts/5e3406b35d1497b2e55d2dd600524d1f4efacaed/train_test_inputs"

NYU_FOLDER = DataSet(
    command="nyu_folder",
    name="nyu-folder",
    splits={"train": "*/sync_depth_*.png", "test": "official_splits/test/*/*.png"},
    files=(
        File(f"{_LISTS}/nyudepthv2_train_files_with_gt.txt"),
        File(f"{_LISTS}/nyudepthv2_test_files_with_gt.txt"),
    ),
    by_hand="""
1. Download sync.zip, the training frames of BTS (the link is in pytorch/README.md of https://github.com/cleinc/bts):
     https://drive.google.com/file/d/1AysroWpfISmm-yRFGBgFTrLy6FjQwvwP/view
2. Unpack it so that each scene is a folder of DIR:
     DIR/kitchen_0028b/rgb_00045.jpg
     DIR/kitchen_0028b/sync_depth_00045.png
3. The test frames are those of the labelled .mat (python -m data_scripts.nyu). The script
   utils/extract_official_train_test_set_from_mat.py of BTS writes them as files:
     DIR/official_splits/test/kitchen/rgb_00045.jpg
     DIR/official_splits/test/kitchen/sync_depth_00045.png
""",
)


def main(argv=None):
    """Fetch the lists, verify and index; the exit status."""
    return run(NYU_FOLDER, __doc__, argv)


if __name__ == "__main__":
    raise SystemExit(main())
