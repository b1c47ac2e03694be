"""Depth in the Wild: 495,000 photographs from the web, each with one annotated pair of points (fetched if still there).

Source: Chen, Fu, Yang and Deng, NIPS 2016; http://www-personal.umich.edu/~wfchen/depth-in-the-wild.
Terms: the page states no licence; the images are their photographers', from Flickr: for research, do not pass them on.
Fetched: the annotations, from the address in the authors' repository (https://github.com/princeton-vl/relative_depth).
That server has answered 404 for a neighbouring file since 2026, so this may end in the steps by hand. The images,
two large archives, have no documented address of their own: by hand. No sums are published.
"""

from data_scripts._command import DataSet, File, run

__all__ = ["DIW", "main"]

DIW_ANNOTATIONS = File(
    "https://vl-lab.eecs.umich.edu/data/nips2016/DIW_Annotations_splitted.tar.gz", makes="DIW_Annotations"
)

DIW = DataSet(
    command="diw",
    name="diw",
    splits={
        "train": "DIW_Annotations/DIW_train.csv",
        "val": "DIW_Annotations/DIW_val.csv",
        "test": "DIW_Annotations/DIW_test.csv",
    },
    files=(DIW_ANNOTATIONS,),
    by_hand="""
1. Open http://www-personal.umich.edu/~wfchen/depth-in-the-wild and download DIW_Annotations, DIW_test.tar.gz and
   DIW_train_val.tar.gz. If the page is gone, ask the authors (address in the paper).
2. Unpack all of them in DIR:
     DIR/DIW_Annotations/DIW_train.csv, DIW_val.csv, DIW_test.csv
     DIR/DIW_train_val/*.thumb
     DIR/DIW_test/*.thumb
""",
)


def main(argv=None):
    """Fetch the annotations, verify and index; the exit status."""
    return run(DIW, __doc__, argv)


if __name__ == "__main__":
    raise SystemExit(main())
