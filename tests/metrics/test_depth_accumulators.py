"""The torchmetrics classes accumulate to what the functions give at once, in one process and in two."""

import pytest
import torch
import torch.multiprocessing
from torchmetrics import MetricCollection

from sidelib.metrics import accumulators, depth_metrics, plane_errors

CLASSES = {
    "abs_rel": accumulators.AbsRel,
    "sq_rel": accumulators.SqRel,
    "rmse": accumulators.RMSE,
    "rmse_log": accumulators.RMSELog,
    "rmse_log_aligned": accumulators.AlignedRMSELog,
    "log10": accumulators.Log10,
    "mae": accumulators.MAE,
    "silog": accumulators.SILog,
    "irmse": accumulators.IRMSE,
    "delta1": accumulators.DeltaAccuracy,
}


def batches(count=4, seed=0):
    """Batches of different sizes; one image has no valid pixel."""
    generator = torch.Generator().manual_seed(seed)
    for k in range(count):
        target = torch.rand(k + 1, 1, 6, 5, generator=generator) * 9 + 0.5
        prediction = target * torch.exp(0.3 * torch.randn(target.shape, generator=generator))
        mask = torch.rand(target.shape, generator=generator) > 0.1 + 0.2 * k
        mask[k // 2, :, : 6 * (k == 2)] = False
        yield prediction, target, mask


def at_once(pooling):
    return depth_metrics(*(torch.cat(parts) for parts in zip(*batches())), pooling=pooling)


@pytest.mark.parametrize("pooling", ["pixels", "images"])
def test_batches_add_up(pooling):
    metric = accumulators.DepthMetrics(pooling=pooling)
    for batch in batches():
        metric.update(*batch)
    found = metric.compute()
    assert {name: found[name].item() for name in found} == pytest.approx(
        {name: value.item() for name, value in at_once(pooling).items()}, rel=1e-12
    )
    assert metric.images == 9 and metric.skipped == 1
    metric.reset()
    assert metric.images == 0 and metric.compute()["rmse"].isnan()


@pytest.mark.parametrize("name", CLASSES)
def test_each_class_is_the_metric_of_its_name(name):
    metric = CLASSES[name]()
    for batch in batches():
        metric.update(*batch)
    assert metric.compute().item() == pytest.approx(at_once("pixels")[name].item(), rel=1e-12)
    assert metric.higher_is_better is (name == "delta1")


def test_the_options_of_single_classes_reach_their_metric():
    for metric, name in [
        (accumulators.SqRel(divisor="depth_squared"), "sq_rel_squared"),
        (accumulators.AlignedRMSELog(as_printed=True), "mse_log_aligned"),
        (accumulators.DeltaAccuracy(power=3), "delta3"),
    ]:
        for batch in batches():
            metric.update(*batch)
        assert metric.compute().item() == pytest.approx(at_once("pixels")[name].item(), rel=1e-12)
    for wrong in (lambda: accumulators.SqRel(divisor="x"), lambda: accumulators.DeltaAccuracy(power=0)):
        with pytest.raises(ValueError):
            wrong()


def test_a_collection_shares_one_update_but_never_across_strictness():
    edge = torch.tensor([1.25]), torch.tensor([1.0])
    collection = MetricCollection(
        {
            "abs_rel": accumulators.AbsRel(),
            "rmse": accumulators.RMSE(),
            "strict": accumulators.DeltaAccuracy(),
            "inclusive": accumulators.DeltaAccuracy(delta_inclusive=True),
        }
    )
    collection.update(torch.tensor([2.0]), torch.tensor([1.0]))  # no tie yet: the states could be taken for equal
    collection.update(*edge)
    assert len(collection.compute_groups) == 2
    found = collection.compute()
    assert (found["strict"], found["inclusive"]) == (0, 0.5)


def steps_and_planes():
    """Two batches: one image has no edge at all, and one image has two planes."""
    columns = torch.arange(16.0).expand(1, 1, 16, 16)
    step = torch.where(columns < 8, 1.0, 2.0)
    camera = torch.tensor([[16.0, 0, 7.5], [0, 16, 7.5], [0, 0, 1]])
    planes = torch.ones(1, 1, 16, 16, dtype=torch.int64)
    tilted = 2 / (1 - 0.5 * (columns - 7.5) / 16)
    return (
        (torch.where(columns < 10, 1.0, 2.0), step, planes + (columns >= 8)),
        (torch.cat([tilted, step]), torch.full((2, 1, 16, 16), 2.0), planes.expand(2, 1, 16, 16)),
    ), camera


def test_boundaries_and_planes_are_means_over_the_images_and_planes_that_have_them():
    batches_of_steps, camera = steps_and_planes()
    boundary, flatness = accumulators.BoundaryMetrics(threshold=1.0), accumulators.PlaneErrors()
    for prediction, target, planes in batches_of_steps:
        boundary.update(prediction, target)
        flatness.update(prediction, target, None, planes, camera)
    found, errors = boundary.compute(), flatness.compute()
    assert found["completeness"].item() == 2  # only the first image has a true edge
    assert found["recall"].item() == 0 and found["precision"].item() == 0
    single = [plane_errors(p, t, None, planes, camera) for p, t, planes in batches_of_steps]
    assert torch.cat([part["planes"] for part in single]).tolist() == [2, 1, 1]
    for name in ("planarity", "orientation"):
        values = torch.cat([part[name] for part in single])
        assert errors[name].item() == pytest.approx(((2 * values[0] + values[1] + values[2]) / 4).item())
    assert accumulators.PlaneErrors().add({name: torch.tensor([torch.nan]) for name in errors}, torch.ones(1)) is None


def test_casting_the_metric_to_half_keeps_its_sums_exact():
    metric = accumulators.DepthMetrics().half()
    assert metric.sums.dtype == torch.float64


def one_process(rank, folder, pooling):
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    metric = accumulators.DepthMetrics(pooling=pooling)
    for k, batch in enumerate(batches()):
        if k % 2 == rank:
            metric.update(*batch)
    torch.save(metric.compute(), f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("pooling", ["pixels", "images"])
def test_two_processes_reduce_to_what_one_computes(tmp_path, pooling):
    torch.multiprocessing.spawn(one_process, (str(tmp_path), pooling), nprocs=2)
    expected = {name: value.item() for name, value in at_once(pooling).items()}
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert {name: value.item() for name, value in found.items()} == pytest.approx(expected, rel=1e-12)
