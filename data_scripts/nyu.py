"""NYU Depth v2, labelled part: 1449 Kinect images of rooms with filled and raw depth (2.8 GiB, fetched).

Source: Silberman, Hoiem, Kohli and Fergus, ECCV 2012; https://cs.nyu.edu/~silberman/datasets/nyu_depth_v2.html.
Terms: the page states no licence; it asks users to cite the paper. Do not pass the files on.
Fetched: the labelled .mat, and the official split of 795 training and 654 test images, which the page does not link
but the authors keep beside it. The sums are not the authors': several users recorded the same ones independently.
The addresses come from documentation and could not be tried when this was written.
"""

from data_scripts._command import DataSet, File, run

__all__ = ["NYU", "main"]

_HOST = "http://horatio.cs.nyu.edu/mit/silberman"

NYU = DataSet(
    command="nyu",
    name="nyu",
    splits={"train": "splits.mat", "test": "splits.mat", "all": "nyu_depth_v2_labeled.mat"},
    files=(
        File(
            f"{_HOST}/nyu_depth_v2/nyu_depth_v2_labeled.mat",
            sha256="2d724b0c0ab358aa1ce5df855e5bd14a2279ab7202efe22f32a30d612dcb86aa",
            size=2_972_037_809,
        ),
        File(
            f"{_HOST}/indoor_seg_sup/splits.mat",
            sha256="6e081404491a8bfba2f066beaa9713ef6046f9007aa5f799f2a350506a580cee",
            size=2_626,
        ),
    ),
    by_hand="""
1. Open https://cs.nyu.edu/~silberman/datasets/nyu_depth_v2.html and download "Labeled dataset (~2.8 GB)".
2. Download splits.mat: https://github.com/cleinc/bts keeps a copy of the same file in utils/.
3. Put both into DIR:
     DIR/nyu_depth_v2_labeled.mat
     DIR/splits.mat
""",
)


def main(argv=None):
    """Fetch, verify and index; the exit status."""
    return run(NYU, __doc__, argv)


if __name__ == "__main__":
    raise SystemExit(main())
