"""TUM RGB-D: hand-held Kinect sequences, read as a general RGB-D folder (one sequence, 0.4 GB, fetched).

Source: Sturm et al., IROS 2012; https://cvg.cit.tum.de/data/datasets/rgbd-dataset.
Terms: CC BY 4.0 unless stated otherwise.
Fetched: freiburg1_xyz, or another sequence; each needs a folder of its own:
    python -m data_scripts.tum --out DIR --sequence freiburg1_desk
The sums are not the publisher's: many users recorded the same ones. Depth is in 1/5000 m. Colour and depth have each
their own times, and are paired by the nearest.
"""

import re

from data_scripts._command import DataSet, File, run

__all__ = ["TUM", "main"]

_HOST = "https://cvg.cit.tum.de/rgbd/dataset"
_KNOWN = {  # sequence: (sha256, bytes)
    "freiburg1_xyz": ("a0236d97b8c30cd93b653656d2b6c293ff7c982a4130ef2a1a8beecdb124ef98", 448_204_271),
    "freiburg1_desk": ("e983d6830916e66dc4a46a71368046b149b283de87769690e7aa4e0b9483530c", 344_011_403),
}

TUM = DataSet(
    command="tum",
    name="rgbd-folder",
    splits={None: "rgb"},
    options={"depth_scale": 5000.0},
    by_hand="""
1. Open https://cvg.cit.tum.de/data/datasets/rgbd-dataset/download and download a sequence as .tgz.
2. Unpack it, and make its folder, such as rgbd_dataset_freiburg1_xyz, your DIR:
     DIR/rgb/1305031102.175304.png
     DIR/depth/1305031102.160407.png
     DIR/rgb.txt, depth.txt
""",
)


def _sequence(text):
    if not re.fullmatch(r"freiburg[123]_[a-z0-9_]+", text):
        raise ValueError  # argparse names the argument
    return text


def _extend(parser):
    parser.add_argument("--sequence", default="freiburg1_xyz", type=_sequence, help="default: freiburg1_xyz")


def _more_files(arguments):
    sequence = arguments.sequence
    sha256, size = _KNOWN.get(sequence, (None, None))
    url = f"{_HOST}/{sequence.split('_')[0]}/rgbd_dataset_{sequence}.tgz"
    yield File(url, sha256=sha256, size=size, makes="rgb.txt")


def main(argv=None):
    """Fetch a sequence, verify and index; the exit status."""
    return run(TUM, __doc__, argv, extend=_extend, more_files=_more_files)


if __name__ == "__main__":
    raise SystemExit(main())
