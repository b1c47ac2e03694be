"""`evaluate` against the loop that everybody writes, one protocol and one image at a time."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from sidelib.metrics import PROTOCOLS, Protocol, crop_box, evaluate


def samples(size, count=3, seed=0, far=12.0):
    generator = torch.Generator().manual_seed(seed)
    found = []
    for k in range(count):
        depth = torch.rand(1, *size, generator=generator) * far + 0.0005
        mask = torch.rand(depth.shape, generator=generator) > 0.2
        depth[..., :2] = 10.0  # exactly on the cap
        found.append({"image": torch.rand(3, *size, generator=generator), "depth": depth * mask, "mask": mask})
        found[-1]["name"] = f"image-{k}"
    return found


def guesses(dataset, size=None, seed=1):
    generator = torch.Generator().manual_seed(seed)
    for sample in dataset:
        depth = sample["depth"] + 0.3
        depth = depth if size is None else F.interpolate(depth[None], size)[0]
        yield depth * torch.exp(0.3 * torch.randn(depth.shape, generator=generator)) * 1.2


def the_usual_loop(predictions, dataset, protocol):
    """NumPy, one image after another, for protocols that compare at the truth's size."""
    values, squares, pixels, logs = [], 0.0, 0, 0.0
    for prediction, sample in zip(predictions, dataset):
        truth, prediction = (
            sample["depth"][0].double().numpy(),
            torch.as_tensor(prediction).double().reshape(1, 1, *prediction.shape[-2:]),
        )
        if prediction.shape[-2:] != truth.shape:
            inverse = protocol.resample == "disparity"
            resized = F.interpolate(1 / prediction if inverse else prediction, truth.shape, mode="bilinear")
            prediction = 1 / resized if inverse else resized
        prediction = prediction[0, 0].numpy()
        valid = sample["mask"][0].numpy() & (truth > protocol.min_depth) & (truth < protocol.max_depth)
        top, bottom, left, right = crop_box(protocol.crop, truth.shape)
        inside = np.zeros_like(valid)
        inside[top:bottom, left:right] = True
        valid &= inside
        t, p = truth[valid], prediction[valid]
        if protocol.alignment == "median":
            p = p * (np.median(t) / np.median(p))
        elif protocol.alignment == "scale_shift_disparity":
            scale, shift = np.polyfit(1 / p, 1 / t, 1)
            p = 1 / np.maximum(scale / p + shift, 1 / protocol.clip[1])
        if protocol.clip:
            p = np.clip(p, *protocol.clip)
        squares, pixels, logs = squares + ((p - t) ** 2).sum(), pixels + len(t), logs + (np.log(p / t) ** 2).sum()
        values.append(
            (np.mean(np.abs(p - t) / t), np.sqrt(np.mean((p - t) ** 2)), np.mean(np.maximum(p / t, t / p) < 1.25))
        )
    per_image = np.array(values)
    pooled = {"rmse": math.sqrt(squares / pixels), "rmse_log": math.sqrt(logs / pixels)}
    return per_image, pooled, pixels


NYU = ["thesis", "hqmd", "nyu-toolbox", "fcrn", "dorn", "densedepth", "bts-nyu", "midas"]
MEDIAN = Protocol(
    "median", crop="nyu-bts", min_depth=0.001, max_depth=10.0, clip=(0.001, 10.0), alignment="median", pooling="images"
)
KITTI = ["sid_segmentation", "bts-kitti", "eigen-kitti", "sfmlearner", "monodepth2", "monodepth-50", "kitti-devkit"]


@pytest.mark.parametrize(
    "size, protocols, far, predicted_at",
    [((480, 640), [*NYU, MEDIAN], 12.0, None), ((375, 1242), KITTI, 100.0, (188, 621))],
)
def test_all_protocols_in_one_pass_are_the_usual_loop_run_once_for_each(size, protocols, far, predicted_at):
    dataset = samples(size, far=far)
    found = evaluate(guesses(dataset, predicted_at), dataset, protocols, progress=False)
    assert list(found.table.index) == [getattr(protocol, "name", protocol) for protocol in protocols]
    for protocol in protocols:
        protocol = PROTOCOLS.get(protocol, protocol)
        per_image, pooled, pixels = the_usual_loop(guesses(dataset, predicted_at), dataset, protocol)
        own = found.per_image[found.per_image.protocol == protocol.name]
        assert own[["abs_rel", "rmse", "delta1"]].to_numpy() == pytest.approx(per_image, rel=1e-4), protocol.name
        row = found.table.loc[protocol.name]
        expected = pooled["rmse"] if protocol.pooling == "pixels" else per_image[:, 1].mean()
        assert row["rmse"] == pytest.approx(expected, rel=2e-5)
        assert row["pixels"] == pixels and row["images"] == 3 and row["skipped"] == 0


def test_one_protocol_alone_gives_what_it_gives_among_others():
    dataset = samples((480, 640), count=1)
    together = evaluate(guesses(dataset), dataset, [*NYU, MEDIAN], progress=False).table
    for protocol in (*NYU, MEDIAN):
        alone = evaluate(guesses(dataset), dataset, protocol, progress=False).table.iloc[0]
        assert together.loc[alone.name].to_dict() == pytest.approx(alone.to_dict(), rel=1e-12)


def test_convention_truth_equal_to_the_cap_counts_only_if_asked_for():
    dataset = samples((4, 5))
    strict, closed = (Protocol(str(flag), max_depth=10.0, bounds_count=flag) for flag in (False, True))
    table = evaluate(guesses(dataset), dataset, [strict, closed], progress=False).table
    on_the_cap = sum(int(sample["mask"][..., :2].sum()) for sample in dataset)
    assert table.loc["True", "pixels"] - table.loc["False", "pixels"] == on_the_cap > 0


def test_comparing_at_the_predictions_size_samples_the_truth():
    depth = torch.tensor([[[1.0, 1.0, 3.0, 3.0], [1.0, 1.0, 3.0, 3.0]]])
    sample = {"image": torch.zeros(3, 2, 4), "depth": depth, "mask": depth > 0}
    small = torch.tensor([[1.0, 3.0]])
    table = evaluate(
        [small], [sample], [Protocol("down", compare_at="prediction"), Protocol("up")], progress=False
    ).table
    assert table.loc["down", "rmse"] == 0 and table.loc["down", "pixels"] == 2
    assert table.loc["up", "rmse"] > 0.3 and table.loc["up", "pixels"] == 8  # the interpolated edge is wrong


def test_disparity_and_depth_interpolate_to_different_maps():
    sample = {"image": torch.zeros(3, 1, 4), "depth": torch.ones(1, 1, 4), "mask": torch.ones(1, 1, 4).bool()}
    fields = [Protocol(name, resample=name) for name in ("depth", "disparity")]
    mae = evaluate([torch.tensor([[1.0, 3.0]])], [sample], fields, progress=False).table["mae"]
    # depth between 1 and 3 at a quarter and three quarters: 1.5, 2.5; disparity 1 and 1/3 there: 5/6 and 1/2
    assert mae.tolist() == pytest.approx([(0 + 0.5 + 1.5 + 2) / 4, (0 + 0.2 + 1 + 2) / 4])


class Halver(torch.nn.Module):
    """Returns a constant at half size, and remembers the batches that it saw."""

    def __init__(self, key=None):
        super().__init__()
        self.key, self.seen = key, []

    def forward(self, images):
        assert not self.training and not torch.is_grad_enabled()
        self.seen.append(tuple(images.shape))
        depth = F.avg_pool2d(images.mean(1, keepdim=True), 2) + 1
        return depth if self.key is None else {self.key: depth, "logits": None}


@pytest.mark.parametrize("key", [None, "depth"])
def test_a_model_is_run_in_batches_of_equal_size_and_left_as_it_was(key):
    dataset = [*samples((4, 6)), *samples((4, 8), count=1), *samples((4, 6), count=1)]
    model = Halver(key).train()
    found = evaluate(model, dataset, ["thesis"], batch_size=2, progress=False)
    assert model.training
    assert model.seen == [(2, 3, 4, 6), (1, 3, 4, 6), (1, 3, 4, 8), (1, 3, 4, 6)]
    one_by_one = evaluate(Halver(key), dataset, ["thesis"], progress=False)
    assert found.per_image.equals(one_by_one.per_image)
    assert found.per_image["name"].tolist() == ["image-0", "image-1", "image-2", "image-0", "image-0"]


def test_a_score_is_judged_as_disparity():
    dataset = samples((4, 6), far=8.0)
    model = Halver("score")
    assert evaluate(model, dataset, "midas", predicts="disparity", progress=False).table["images"].item() == 3
    with pytest.raises(ValueError, match="sample 0 .*scale_shift_disparity"):
        evaluate(model, dataset, "thesis", predicts="disparity", progress=False)
    with pytest.raises(ValueError, match=r"returns depth, found \['logits', 'score'\]"):
        evaluate(model, dataset, "thesis", progress=False)


def test_each_sample_is_read_once_and_predictions_may_be_made_one_by_one():
    class Counted:
        read = []
        data = samples((4, 6))

        def __len__(self):
            return 3

        def __getitem__(self, index):
            self.read.append(index)
            return self.data[index]

    dataset, made = Counted(), []

    def lazily():
        for index, prediction in enumerate(guesses(dataset.data)):
            assert len(dataset.read) <= index + 1  # nothing is gathered first
            made.append(index)
            yield prediction

    evaluate(lazily(), dataset, ["thesis", "fcrn", Protocol("other", alignment="median")], progress=False)
    assert dataset.read == made == [0, 1, 2]


def test_an_image_without_a_valid_pixel_is_counted_and_left_out():
    dataset = samples((4, 6))
    dataset[1]["mask"][:] = False
    protocols = [Protocol("pixels"), Protocol("images", pooling="images", alignment="median")]
    found = evaluate(guesses(dataset), dataset, protocols, progress=False)
    assert found.table["images"].tolist() == [2, 2] and found.table["skipped"].tolist() == [1, 1]
    assert found.table["rmse"].notna().all() and found.per_image["rmse"].isna().sum() == 2


def test_without_rows_the_table_is_the_same():
    dataset = samples((4, 6))
    dataset[1]["mask"][:] = False
    protocols = ["thesis", Protocol("images", pooling="images")]
    full, bare = (
        evaluate(guesses(dataset), dataset, protocols, per_image=flag, progress=False) for flag in (True, False)
    )
    assert bare.per_image is None and bare.table.equals(full.table)


def test_the_alignment_of_each_image_is_reported():
    dataset = samples((4, 6), far=8.0)
    found = evaluate(
        [s["depth"] * k + ~s["mask"] for k, s in enumerate(dataset, 1)], dataset, Protocol("m", alignment="median")
    )
    assert found.per_image["scale"].tolist() == pytest.approx([1, 1 / 2, 1 / 3])
    assert found.per_image["abs_rel"].tolist() == pytest.approx([0, 0, 0], abs=1e-6)


def test_what_is_wrong_is_said_with_the_sample():
    dataset = samples((4, 6))
    good = list(guesses(dataset))
    for predictions, error, words in [
        (good[:2], ValueError, "predictions: expected 3, one a sample, found 2"),
        ([*good, good[0]], ValueError, "predictions: expected 3, one a sample, found more"),
        ([good[0], good[1] * torch.nan, good[2]], ValueError, r"sample 1 \(image-1\): prediction: expected finite"),
        ([good[0], good[1][..., None], good[2]], ValueError, r"sample 1 .*one map \(h, w\)"),
        (3, TypeError, "predictions: .*int"),
        (lambda images: images[:0], ValueError, "expected 1 maps from the model, found 0"),
    ]:
        with pytest.raises(error, match=words):
            evaluate(predictions, dataset, ["thesis"], progress=False)
    with pytest.raises(ValueError, match=r"sample 0 .*crop: hqmd is|sample 0 .*made for maps of 480×640"):
        evaluate(good, dataset, ["hqmd"], progress=False)
    with pytest.raises(ValueError, match="protocols: .*'eigen'"):
        evaluate(good, dataset, ["eigen"])
    with pytest.raises(TypeError, match="protocols: .*int"):
        evaluate(good, dataset, [3])
    with pytest.raises(ValueError, match="different names"):
        evaluate(good, dataset, ["fcrn", "fcrn"])
    with pytest.raises(ValueError, match="at least one"):
        evaluate(good, dataset, [])


def test_unmasked_zeros_in_the_truth_never_count():
    dataset, ones = samples((4, 6)), [torch.ones(4, 6)] * 3
    before = evaluate(ones, dataset, ["thesis"], progress=False)
    dataset[0]["mask"][:] = True
    assert evaluate(ones, dataset, ["thesis"], progress=False).per_image.equals(before.per_image)
    with pytest.raises(ValueError, match="sample 0 .*target: .*such as 0"):  # asked for, they have no relative error
        evaluate(ones, dataset, [Protocol("with zeros", bounds_count=True)], progress=False)
