"""Training with Lightning: it learns, it goes on where it was killed, and two processes do what one does."""

import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from sidelib.models import build
from sidelib.provenance import ROOT
from sidelib.training.fit import fit
from sidelib.training.objectives import objective
from sidelib.training.schedule import Schedule


class Ramps(torch.utils.data.Dataset):
    """Images whose red channel is a tenth of the depth; breaks after `last` samples if one is given."""

    def __init__(self, count=24, last=None, size=(32, 32)):
        self.count, self.last, self.size, self.read = count, last, size, 0

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        self.read += 1
        if self.last is not None and self.read > self.last:
            raise RuntimeError("killed")
        generator = torch.Generator().manual_seed(index)
        depth = 1 + 8 * torch.rand(1, 1, 4, 4, generator=generator)
        depth = nn.functional.interpolate(depth, size=self.size, mode="bilinear")[0]
        image = torch.rand(3, *self.size, generator=generator)
        image[:1] = depth / 10
        return {"image": image, "depth": depth, "mask": depth > 0}


class Small(nn.Module):
    """Two convolutions with batch norm and dropout: state and randomness that a resumed run must restore."""

    def __init__(self, dropout=0.2, norm=nn.BatchNorm2d):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), norm(8), nn.ReLU(), nn.Dropout(dropout), nn.Conv2d(8, 1, 1)
        )
        nn.init.constant_(self.layers[-1].bias, 4.0)

    def forward(self, image):
        return {"depth": self.layers(image)}


def train(network, train=None, **options):
    settings = {"steps": 12, "round_steps": 4, "batch": 4, "seed": 3, "progress": False} | options
    schedule = settings.pop("schedule", Schedule(lr=0.02, shape="cosine", warm_up=2, clip=5.0))
    return fit(network, objective("l1"), train or Ramps(), Ramps(8), schedule, **settings)


def made(seed=0, **options):
    torch.manual_seed(seed)
    return Small(**options)


def assert_same(network, other):
    for (name, value), expected in zip(network.state_dict().items(), other.state_dict().values()):
        assert torch.equal(value, expected), name


def test_it_learns_and_its_curves_say_so():
    network = made()
    found = train(network, steps=120, round_steps=30)
    assert [row["step"] for row in found.curves] == [30, 60, 90, 120]
    first, last = found.curves[0], found.curves[-1]
    assert last["val_loss"] < 0.5 * first["val_loss"] and last["train_loss"] < first["train_loss"]
    assert set(last) == {"step", "train_loss", "val_loss", "val_abs_rel", "val_rmse", "val_delta1"}
    assert last["val_delta1"] > 0.9
    assert found.diverged is None and found.images_per_second > 0 and 0 <= found.waiting < 1


# before the first round ends, just after a checkpoint, in the middle of a later round, at its last batch
@pytest.mark.parametrize("last", [5, 17, 27, 46])
def test_a_killed_run_goes_on_and_ends_with_the_very_same_weights(tmp_path, last):
    whole = made()
    expected = train(whole, folder=tmp_path / "whole")
    with pytest.raises(RuntimeError, match="killed"):
        train(made(), Ramps(last=last), folder=tmp_path / "killed")
    resumed = made(seed=9)  # whatever it starts from: the checkpoint decides, unless there is none yet
    if last < 16:
        resumed = made()
    left = Ramps()
    found = train(resumed, left, folder=tmp_path / "killed")
    assert_same(resumed, whole)
    assert found.curves == expected.curves
    assert left.read <= 48 - (last - 1) // 16 * 16 + 4, "what the checkpoint holds is not done again"


def test_a_finished_run_does_no_step_more(tmp_path):
    network = made()
    expected = train(network, folder=tmp_path)
    again, data = made(seed=5), Ramps()
    found = train(again, data, folder=tmp_path)
    assert data.read == 0 and found.curves == expected.curves
    assert_same(again, network)


def test_the_seed_decides_and_the_checkpoint_is_safe_to_load(tmp_path):
    first, second, third = made(), made(), made()
    train(first, folder=tmp_path)
    train(second)
    train(third, seed=4)
    assert_same(first, second)
    assert not torch.equal(first.layers[0].weight, third.layers[0].weight)
    assert [path.name for path in tmp_path.iterdir()] == ["round.ckpt"]
    assert torch.load(tmp_path / "round.ckpt", weights_only=True)["global_step"] == 12


def test_a_loss_that_is_not_finite_ends_the_run_and_says_when():
    class Broken(Small):
        def forward(self, image):
            self.calls = getattr(self, "calls", 0) + self.training
            return {"depth": self.layers(image) * (float("nan") if self.calls > 5 else 1.0)}

    found = train(Broken())
    assert found.diverged == 5 and [row["step"] for row in found.curves] == [4]


def test_patience_stops_early_and_keeps_the_best_round(tmp_path):
    schedule = Schedule(optimiser="sgd", lr=1e-9, patience=1)  # too small to get better in float32
    network = made(dropout=0.0)
    for layer in network.layers:
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 0.0
    found = train(network, schedule=schedule, steps=40, round_steps=4, folder=tmp_path)
    assert len(found.curves) < 10
    with pytest.raises(ValueError, match="folder: expected one for a schedule with patience"):
        train(made(), schedule=schedule)


def test_the_ranking_objectives_measure_whdr_on_scores():
    class Score(Small):
        def forward(self, image):
            return {"score": -super().forward(image)["depth"]}

    torch.manual_seed(0)
    network = Score()
    schedule = Schedule(lr=0.02)
    options = {"steps": 60, "round_steps": 30, "batch": 4, "progress": False}
    found = fit(network, objective("listmle"), Ramps(), Ramps(8), schedule, **options)
    assert found.curves[-1]["val_whdr"] < 0.1 < found.curves[0]["val_whdr"] + 0.1


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"steps: expected a positive multiple of round_steps \(5\), found 12"):
        train(made(), round_steps=5)
    with pytest.raises(ValueError, match="batch: expected a positive multiple"):
        train(made(), batch=0)


def test_workers_change_nothing():
    alone, helped = made(), made()
    train(alone)
    train(helped, workers=1)
    assert_same(alone, helped)


def test_a_real_network_trains():
    torch.manual_seed(0)
    found = train(build("fcrn", width=1 / 16), steps=4, round_steps=2, schedule=Schedule(lr=1e-3))
    assert len(found.curves) == 2


TWO = """
import sys, torch
from tests.training.test_fit import Small, Ramps, made
from sidelib.training.fit import fit
from sidelib.training.objectives import objective
from sidelib.training.schedule import Schedule
processes = int(sys.argv[1])
flags = {"devices": processes, "strategy": "ddp" if processes > 1 else "auto"}
# Torch joins batch norms over processes on GPUs only, so the norm here is one within an image.
network = made(dropout=0.0, norm=lambda channels: torch.nn.GroupNorm(2, channels)).double()
class Double(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.network = network
    def forward(self, image):
        return self.network(image.double())
found = fit(Double(), objective("l2"), Ramps(), Ramps(8), Schedule(lr=0.02, shape="cosine"),
            steps=8, round_steps=4, batch=8, seed=3, device="cpu", progress=False, flags=flags)
if int(__import__("os").environ.get("LOCAL_RANK", 0)) == 0:
    torch.save({"weights": network.state_dict(), "curves": found.curves}, sys.argv[2])
"""


def test_two_processes_do_what_one_does_with_the_doubled_batch(tmp_path):
    script, found = tmp_path / "two.py", {}
    script.write_text(TWO, encoding="utf-8")  # Lightning starts the second process by the name of the script
    for processes in (1, 2):
        path = tmp_path / f"{processes}.pt"
        run = subprocess.run(
            [sys.executable, str(script), str(processes), str(path)],
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr[-3000:]
        found[processes] = torch.load(path, weights_only=True)
    for name, value in found[1]["weights"].items():
        torch.testing.assert_close(found[2]["weights"][name], value, rtol=1e-9, atol=1e-9, msg=name)
    for one, two in zip(found[1]["curves"], found[2]["curves"], strict=True):
        assert one == pytest.approx(two, rel=1e-6)
