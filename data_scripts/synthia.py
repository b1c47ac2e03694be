"""SYNTHIA-RAND-CITYSCAPES: 9400 rendered street scenes with dense depth (by hand, then verified).

Source: Ros et al., CVPR 2016; https://synthia-dataset.net.
Terms: CC BY-NC-SA 3.0, non-commercial; cite the paper.
Size: about 20 GB. Nothing is fetched: the archive is a .rar, which Python cannot unpack, behind the site's own page. The
unit of its depth is not documented well: --option depth_scale=100 (units in a metre, the default) if it proves another.
"""

from data_scripts._command import DataSet, run

__all__ = ["SYNTHIA", "main"]

SYNTHIA = DataSet(
    command="synthia",
    name="synthia",
    splits={None: "RGB"},
    by_hand="""
1. Open https://synthia-dataset.net/downloads, accept its terms, and download SYNTHIA-RAND-CITYSCAPES (CVPR16), one file
   SYNTHIA_RAND_CITYSCAPES.rar.
2. Unpack it with unrar or 7-Zip, and make its folder RAND_CITYSCAPES your DIR:
     DIR/RGB/0000000.png
     DIR/Depth/0000000.png
     DIR/GT/LABELS/0000000.png
""",
)


def main(argv=None):
    """Say what to do, or verify and index; the exit status."""
    return run(SYNTHIA, __doc__, argv)


if __name__ == "__main__":
    raise SystemExit(main())
