"""Make3D: 534 outdoor photographs with coarse depth from a laser scanner (about 1 GB, fetched).

Source: Saxena, Sun and Ng, PAMI 2009; http://make3d.cs.cornell.edu/data.html.
Terms: the page states no licence; for research, with citation.
The addresses come from documentation and could not be tried when this was written; no sums are published. Some of the
archives have a top folder and some have none: either way the four folders below come out.
"""

from data_scripts._command import DataSet, File, run

__all__ = ["MAKE3D", "main"]

_TRAIN = "http://cs.stanford.edu/group/reconstruction3d"
_TEST = "http://www.cs.cornell.edu/~asaxena/learningdepth"

MAKE3D = DataSet(
    command="make3d",
    name="make3d",
    splits={"train": "Train400Img", "test": "Test134"},
    files=(
        File(f"{_TRAIN}/Train400Img.tar.gz", makes="Train400Img"),
        File(f"{_TRAIN}/Train400Depth.tgz", makes="Train400Depth"),
        File(f"{_TEST}/Test134.tar.gz", makes="Test134"),
        File(f"{_TEST}/Test134Depth.tar.gz", makes="Gridlaserdata"),
    ),
    by_hand="""
1. Open http://make3d.cs.cornell.edu/data.html and download, of "Make3D Laser+Image data, Dataset-1", the images and the
   depths of the 400 training and the 134 test photographs.
2. Unpack them so that DIR holds:
     DIR/Train400Img/img-*.jpg
     DIR/Train400Depth/depth_sph_corr-*.mat
     DIR/Test134/img-*.jpg
     DIR/Gridlaserdata/depth_sph_corr-*.mat
""",
)


def main(argv=None):
    """Fetch, verify and index; the exit status."""
    return run(MAKE3D, __doc__, argv)


if __name__ == "__main__":
    raise SystemExit(main())
