"""The evaluation protocols of the five papers and of code that others build on, by name."""

from sidelib.metrics.protocol import Protocol

__all__ = ["PROTOCOLS"]

_NYU = {"max_depth": 10.0, "clip": (0.001, 10.0)}
_KITTI = {"min_depth": 0.001, "max_depth": 80.0, "clip": (0.001, 80.0)}

_ALL = [
    # The five papers: what they say is kept, what they leave open is chosen and said.
    Protocol(
        "thesis",
        **_NYU,
        note="NYU; pooled over all pixels (App. B). Crop and cap not given: the replicated FCRN uses no crop",
    ),
    Protocol("ds_sidenet-nyu", **_NYU, pooling="images", note="NYU, official split (§5.1). All else not given"),
    Protocol(
        "ds_sidenet-kitti",
        pooling="images",
        clip=(0.001, 80.0),
        note="KITTI benchmark server (Table 5): no crop, no cap on the truth, mean over images",
    ),
    Protocol(
        "sid_segmentation",
        **_KITTI,
        note="KITTI, Eigen split, cap 80 m (§4.1), pooled (Eqs. 3–6). Crop at test time not given",
    ),
    Protocol(
        "unet_report",
        **_NYU,
        compare_at=(128, 128),
        interpolation="nearest",
        note="NYU at 128×128 (§3). The report scales depth to [0, 1]; here it stays in metres",
    ),
    Protocol(
        "hqmd", crop="nyu-hqmd", **_NYU, pooling="images", note="NYU; mean over images (§4.2); crop as in its code"
    ),
    # Code that others build on.
    Protocol(
        "nyu-toolbox", crop="nyu-toolbox", **_NYU, pooling="images", note="the border that NYU's own toolbox leaves"
    ),
    Protocol("fcrn", **_NYU, note="Laina's NYU evaluation: uncropped, pooled"),
    Protocol("dorn", crop="nyu-dorn", **_NYU, note="the crop attributed to Eigen and DORN"),
    Protocol("densedepth", crop="nyu-densedepth", **_NYU, note="first version; it also swaps the two arguments"),
    Protocol(
        "bts-nyu", crop="nyu-bts", min_depth=0.001, **_NYU, pooling="images", note="BTS and most toolboxes after it"
    ),
    Protocol("bts-kitti", crop="garg", **_KITTI, pooling="images", note="BTS and most toolboxes after it, supervised"),
    Protocol("eigen-kitti", crop="eigen", **_KITTI, note="Eigen's rows"),
    Protocol(
        "monodepth-50",
        crop="garg",
        min_depth=1.0,
        max_depth=50.0,
        clip=(1.0, 50.0),
        pooling="images",
        resample="disparity",
        note="Garg's and Monodepth's range to 50 m",
    ),
    Protocol(
        "sfmlearner", crop="garg", **_KITTI, pooling="images", alignment="median", note="median scaling, image by image"
    ),
    Protocol(
        "monodepth2",
        crop="garg",
        **_KITTI,
        pooling="images",
        alignment="median",
        resample="disparity",
        note="as SfMLearner, but disparity is what is resized",
    ),
    Protocol(
        "kitti-devkit",
        pooling="images",
        clip=(0.001, 256.0),
        note="the benchmark's kit; it prints SILog × 100, iRMSE per km, relative errors in %",
    ),
    Protocol(
        "midas",
        max_depth=10.0,
        clip=(0.001, 10.0),
        pooling="images",
        alignment="scale_shift_disparity",
        note="scale and shift in disparity, for relative depth; 10 m for NYU",
    ),
]

PROTOCOLS = {protocol.name: protocol for protocol in _ALL}
