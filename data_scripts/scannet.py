"""ScanNet: 1513 RGB-D scans of rooms, 2.5 million frames (by a signed form, then verified).

Source: Dai et al., CVPR 2017; http://www.scan-net.org, https://github.com/ScanNet/ScanNet.
Terms: the ScanNet Terms of Use, signed: non-commercial research and education, no passing on.
Size: about 1.2 TB for all .sens files; single scans can be chosen. Nothing is fetched.
"""

from data_scripts._command import DataSet, run

__all__ = ["SCANNET", "main"]

SCANNET = DataSet(
    command="scannet",
    name="scannet",
    splits={None: "scene????_??"},
    by_hand="""
1. Fill in and sign the Terms of Use: http://kaldir.vc.in.tum.de/scannet/ScanNet_TOS.pdf
2. Send it from your institution's address to scannet@googlegroups.com; the answer brings download-scannet.py.
3. Download the .sens file of each scan that you want:
     python download-scannet.py -o sens --type .sens --id scene0000_00
4. Export its frames with SensReader/python/reader.py of https://github.com/ScanNet/ScanNet:
     python reader.py --filename sens/scans/scene0000_00/scene0000_00.sens --output_path DIR/scene0000_00 \\
       --export_depth_images --export_color_images --export_poses --export_intrinsics
   The result:
     DIR/scene0000_00/color/0.jpg
     DIR/scene0000_00/depth/0.png
     DIR/scene0000_00/pose/0.txt
     DIR/scene0000_00/intrinsic/intrinsic_color.txt, intrinsic_depth.txt
""",
)


def main(argv=None):
    """Say what to do, or verify and index; the exit status."""
    return run(SCANNET, __doc__, argv)


if __name__ == "__main__":
    raise SystemExit(main())
