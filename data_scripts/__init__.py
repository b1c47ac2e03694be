"""One command a data set: fetch what may be fetched, say what must be done by hand, verify the folder, and index it.

    python -m data_scripts                                    the names, one line each
    python -m data_scripts.nyu --out DIR                      fetch into DIR, verify, write DIR/index.json
    python -m data_scripts.nyu --out DIR --check              only verify and index what is in DIR
    python -m data_scripts.nyu --out DIR --check --all        read every sample, not only three of a split

Run them from the project's folder. Each exits with 0 if every split that is there can be read and has the published
number of samples, and with 1 otherwise, after one line for each problem. An interrupted download continues where it
was when the same command is run again. What has no published checksum is recorded in DIR/checksums.json at first use
and enforced from then on.
"""

__all__ = [
    "diw",
    "kitti",
    "make3d",
    "nyu",
    "nyu_folder",
    "redweb",
    "scannet",
    "scenenet",
    "sun_rgbd",
    "synthia",
    "tum",
    "youtube3d",
]
