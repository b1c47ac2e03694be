"""SceneNet RGB-D: 5 million rendered images of rooms with exact depth (15 GB of 278 fetched, more on request).

Source: McCormac et al., ICCV 2017; https://robotvault.bitbucket.io/scenenet-rgbd.html.
Terms: those on that page (not read when this was written); cite the paper.
Fetched: the validation part, 1000 trajectories of 300 images. The training part is 263 GB in 17 archives of about 15 GB:
    python -m data_scripts.scenenet --out DIR --train 0 --train 1
The addresses come from documentation (two groups of users name them) and could not be tried when this was written; no
sums are published. Depth is the length of the ray: the loader turns it into z-depth.
"""

from data_scripts._command import DataSet, File, run

__all__ = ["SCENENET", "main"]

_HOST = "https://www.doc.ic.ac.uk/~bjm113/scenenet_data"

SCENENET = DataSet(
    command="scenenet",
    name="scenenet",
    splits={"train": "train", "val": "val"},
    files=(File(f"{_HOST}/SceneNetRGBD-val.tar.gz", makes="val"),),
    by_hand="""
1. Open https://robotvault.bitbucket.io/scenenet-rgbd.html and download the validation set (SceneNetRGBD-val.tar.gz, 15
   GB), and of the training set as many of train_0.tar.gz to train_16.tar.gz as you want.
2. Unpack them in DIR:
     DIR/val/0/100/photo/0.jpg, depth/0.png, instance/0.png
     DIR/train/0/0/photo/0.jpg, depth/0.png, instance/0.png
""",
)


def _extend(parser):
    parser.add_argument(
        "--train",
        action="append",
        default=[],
        type=int,
        choices=range(17),
        metavar="N",
        help="part 0 to 16, 15 GB each",
    )


def _more_files(arguments):
    return [File(f"{_HOST}/train_split/train_{part}.tar.gz", makes=f"train/{part}") for part in arguments.train]


def main(argv=None):
    """Fetch the validation part and what is asked for, verify and index; the exit status."""
    return run(SCENENET, __doc__, argv, extend=_extend, more_files=_more_files)


if __name__ == "__main__":
    raise SystemExit(main())
