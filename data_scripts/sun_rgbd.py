"""SUN RGB-D: 10,335 images of rooms from four depth sensors (6.4 GiB, fetched).

Source: Song, Lichtenberg and Xiao, CVPR 2015; https://rgbd.cs.princeton.edu. It contains frames of NYU Depth v2, Berkeley
B3DO and SUN3D: cite them too.
Terms: the page states no licence; for research, with citation.
The size is as several users found it; no sum is published. The address comes from documentation and could not be tried
when this was written.
"""

from data_scripts._command import DataSet, File, run

__all__ = ["SUN_RGBD", "main"]

SUN_RGBD = DataSet(
    command="sun_rgbd",
    name="sun-rgbd",
    splits={None: "SUNRGBD"},
    files=(File("https://rgbd.cs.princeton.edu/data/SUNRGBD.zip", size=6_885_481_608, makes="SUNRGBD"),),
    by_hand="""
1. Open https://rgbd.cs.princeton.edu and download "SUNRGBD V1" (SUNRGBD.zip).
2. Unpack it in DIR; the sensors are the next level, the frames some levels below:
     DIR/SUNRGBD/kv1/NYUdata/NYU0001/image/NYU0001.jpg
     DIR/SUNRGBD/kv1/NYUdata/NYU0001/depth/NYU0001.png, depth_bfx/NYU0001.png
     DIR/SUNRGBD/kv1/NYUdata/NYU0001/intrinsics.txt
""",
)


def main(argv=None):
    """Fetch, verify and index; the exit status."""
    return run(SUN_RGBD, __doc__, argv)


if __name__ == "__main__":
    raise SystemExit(main())
