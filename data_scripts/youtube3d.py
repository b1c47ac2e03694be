"""YouTube3D: 795,000 frames of videos with relative depth from structure from motion (by hand, then verified).

Source: Chen, Qian and Deng, CVPR 2019; http://www-personal.umich.edu/~wfchen/youtube3d.
Terms: the page states no licence for the frames, which are the video makers': for research, do not pass them on.
Nothing is fetched: no address of the data is documented, only of the authors' code and models. The annotations are
Python pickles, which can run code when they are read: the loader admits arrays only, so use no other reader.
"""

from data_scripts._command import DataSet, run

__all__ = ["YOUTUBE3D", "main"]

YOUTUBE3D = DataSet(
    command="youtube3d",
    name="youtube3d",
    splits={None: "*.csv"},
    by_hand="""
1. Open http://www-personal.umich.edu/~wfchen/youtube3d (linked from https://github.com/princeton-vl/YouTube3D) and
   download the archives of images and annotations. If the page is gone, ask the authors (address in the paper).
2. Unpack them in DIR, so that the paths in the list, one line "image.jpg, annotation.pkl" an image, start from DIR:
     DIR/*.csv
     DIR/.../*.jpg
     DIR/.../*.pkl
""",
)


def main(argv=None):
    """Say what to do, or verify and index; the exit status."""
    return run(YOUTUBE3D, __doc__, argv)


if __name__ == "__main__":
    raise SystemExit(main())
