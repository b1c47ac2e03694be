"""Judging a network: several outputs, edges, each image by itself, and classifiers of scenes."""

import pandas as pd
import pytest
import torch
from torch import nn

from sidelib import papers
from sidelib.experiments.experiment import Judgement
from sidelib.experiments.judge import judge
from sidelib.experiments.record import Record


def step(far=4.0):
    """A wall at 2 m on the left, one at `far` on the right."""
    depth = torch.full((1, 8, 12), 2.0)
    depth[..., 6:] = far
    return {"image": depth.expand(3, -1, -1) / 10, "depth": depth, "mask": torch.ones_like(depth, dtype=torch.bool)}


class TwoOutputs(nn.Module):
    """The truth, which the images tell; and the truth times 1.5, shifted by two pixels."""

    def forward(self, image):
        depth = image[:, :1] * 10
        return {"depth": depth, "regression": 1.5 * depth.roll(2, dims=-1)}


def test_each_output_gets_its_row_with_its_edges():
    tests = {"rooms": ([step(), step(8.0)], Judgement((), ("fcrn",), edges=True))}
    rows, images = judge(TwoOutputs(), tests, device="cpu", outputs=("depth", "regression"))
    assert [(row["test"], row["protocol"], row["output"]) for row in rows] == [
        ("rooms", "fcrn", "depth"), ("rooms", "fcrn", "regression")
    ]  # fmt: skip
    true, shifted = rows
    assert true["abs_rel"] == pytest.approx(0, abs=1e-6) and true["edge_f1"] == 1 and true["edge_accuracy"] == 0
    # by 50 % where it is not shifted; 10 of 12 columns are not, 2 hold the other wall's depth, and 2 the far one rolled in
    assert shifted["abs_rel"] > 0.5 and shifted["edge_f1"] < 0.5 and shifted["edge_completeness"] == 2
    assert images == []
    [row] = judge(TwoOutputs(), tests, device="cpu").rows
    assert "output" not in row, "one output needs no name"


def test_images_by_themselves_and_how_far_each_seems_to_reach():
    tests = {
        "rooms": ([step(), step(8.0)], Judgement((), ("ds_sidenet-kitti",), each_image=True)),
        "others": ([step()], Judgement((), ("fcrn",))),
    }
    found = judge(TwoOutputs(), tests, device="cpu", outputs=("regression",))
    assert [(row["test"], row["image"]) for row in found.images] == [("rooms", 0), ("rooms", 1)]
    assert [row["farthest"] for row in found.images] == pytest.approx([6.0, 12.0])
    assert all(row["farthest_99"] <= row["farthest"] for row in found.images)
    # this protocol takes the mean over images
    assert found.rows[0]["rmse"] == pytest.approx(sum(row["rmse"] for row in found.images) / 2)


class Normalised(TwoOutputs):
    """Says in training mode what it is: images of one batch would change each other's depth."""

    def forward(self, image):
        assert not self.training
        return super().forward(image)


def test_networks_are_judged_in_evaluation_mode_and_stay_in_it():
    metric = Judgement((), ("fcrn",), edges=True, each_image=True)
    tests = {"rooms": ([step()], metric), "again": ([step()], metric), "ranked": ([step()], Judgement(()))}
    network = Normalised().train()
    judge(network, tests, device="cpu", outputs=("depth", "regression"))
    assert not network.training


class Brightest(nn.Module):
    def forward(self, image):
        return {"scene_logits": torch.stack((1 - image.mean((1, 2, 3)), image.mean((1, 2, 3))), dim=1) * 100}


def test_classifiers_of_scenes_are_judged_by_their_first_choice():
    dark, light = ({**step(), "image": torch.full((3, 8, 12), value)} for value in (0.1, 0.9))
    data = [dark | {"category": 0}, light | {"category": 1}, light | {"category": 0}]
    tests = {"rooms": (data, Judgement((), ("fcrn",), each_image=True))}
    rows, images = judge(Brightest(), tests, device="cpu", scenes=True)
    assert rows == [{"test": "rooms", "protocol": "scene", "accuracy": 2 / 3, "images": 3}]
    assert [row["category"] for row in images] == [0, 1, 0] and images[1]["p1"] == 1.0
    assert 0 < images[1]["p0"] < 1e-30, "the order of improbable categories is kept"


def test_recorded_images_are_read_back_with_their_run(tmp_path, monkeypatch):
    monkeypatch.setattr(papers, "BOOK", tmp_path)
    record = Record("tiny", "scenes", "smoke", results=tmp_path / "results", work=tmp_path / "work")
    for variant, seed in (("l1+ssim", 0), ("k-8", 11)):
        images = [{"test": "rooms", "image": k, "rmse": seed + k / 3} for k in range(2)]
        record.add(variant, seed, "s", rows=[{"test": "rooms"}], curves=[], provenance={}, images=images)
    found = papers.results("tiny", "scenes", "smoke", table="images")
    expected = [("k-8", 11, 0, 11), ("k-8", 11, 1, 11.33), ("l1+ssim", 0, 0, 0), ("l1+ssim", 0, 1, 0.3333)]
    pd.testing.assert_frame_equal(
        found[["variant", "seed", "image", "rmse"]],
        pd.DataFrame(expected, columns=["variant", "seed", "image", "rmse"]), check_dtype=False,
    )  # fmt: skip
    with pytest.raises(FileNotFoundError, match="images.csv: not recorded"):
        papers.results("other", "scenes", "smoke", table="images")


class Tasks(nn.Module):
    """Normals turned by 60 degrees, and one class everywhere."""

    def forward(self, image):
        normals = torch.tensor([3**0.5 / 2, 0.0, -0.5]).view(1, 3, 1, 1).expand(len(image), 3, *image.shape[-2:])
        logits = torch.zeros(len(image), 2, *image.shape[-2:])
        logits[:, 1] = 1
        return {"normals": normals, "semantic_logits": logits, "depth": image[:, :1] * 10}


def test_side_tasks_are_judged_beside_depth_or_alone():
    semantic = torch.zeros(1, 8, 12, dtype=torch.long)
    semantic[..., 9:] = 1
    towards = torch.tensor([0.0, 0.0, -1.0]).view(3, 1, 1).expand(3, 8, 12)
    data = [step() | {"normals": towards, "semantic": semantic}]
    tests = {"rooms": (data, Judgement((), ("fcrn",), side_tasks=True)), "photograph": (data, Judgement(()))}
    beside, ranked = judge(Tasks(), tests, device="cpu").rows
    assert beside["normals_angle"] == pytest.approx(60, abs=1e-3) and beside["semantic_accuracy"] == 0.25
    assert beside["abs_rel"] == pytest.approx(0, abs=1e-6) and ranked["protocol"] == "ranking"
    [alone] = judge(Tasks(), tests, device="cpu", outputs=()).rows
    assert (alone["test"], alone["protocol"]) == ("rooms", "side tasks") and "abs_rel" not in alone
    assert alone["semantic_accuracy"] == 0.25
