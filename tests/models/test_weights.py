"""Checkpoints: only safe files are read, wrapped ones are unwrapped, and what does not fit changes nothing."""

import os
import pickle
import urllib.error

import pytest
import torch

from sidelib.models.robust_side import RobustSIDE, SceneClassifier
from sidelib.models.trunks import ResNetTrunk, load_trunk


def small():
    return ResNetTrunk(18, width=1 / 8)


def saved(tmp_path, state, **options):
    path = tmp_path / "weights.pth"
    torch.save(state, path, **options)
    return path


def copied(module):
    return {key: value.clone() for key, value in module.state_dict().items()}


def same(module, state):
    return all(torch.equal(value, state[key]) for key, value in module.state_dict().items())


class Hostile:
    """What a pickle may do when it is opened: run a command."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_hostile_checkpoint_is_refused_and_does_nothing(tmp_path, plain):
    touched, path = tmp_path / "touched", tmp_path / "weights.pth"
    if plain:
        path.write_bytes(pickle.dumps({"conv1.weight": Hostile(touched)}))
    else:
        torch.save({"conv1.weight": Hostile(touched)}, path)
    with pytest.raises(ValueError, match=f"{path}: expected a checkpoint"):
        load_trunk(small(), path)
    assert not touched.exists()
    torch.load(path, weights_only=False) if not plain else pickle.loads(path.read_bytes())
    assert touched.exists(), "the file would have run the command"


def test_what_does_not_fit_is_named_and_changes_nothing(tmp_path):
    trunk, other = small(), small()
    before, state = copied(trunk), other.state_dict()
    with pytest.raises(FileNotFoundError, match="none.pth: no such file"):
        load_trunk(trunk, tmp_path / "none.pth")
    (tmp_path / "text.pth").write_text("not a checkpoint")
    with pytest.raises(ValueError, match="text.pth: expected a checkpoint"):
        load_trunk(trunk, tmp_path / "text.pth")
    for change, message in (
        ({"conv1.weight": None}, r"weights.pth: .*missing \['conv1.weight'\]"),
        ({"layer4.1.bn2.running_var": None}, r"missing \['layer4.1.bn2.running_var'\]"),
        ({"layer5.weight": torch.zeros(1)}, r"unexpected \['layer5.weight'\]"),
        ({"layer4.1.conv2.weight": torch.zeros(64, 64, 3)}, r"does not fit .*layer4.1.conv2.weight.*\(64, 64, 3\)$"),
    ):
        changed = {key: value for key, value in {**state, **change}.items() if value is not None}
        with pytest.raises(ValueError, match=message):
            load_trunk(trunk, saved(tmp_path, changed))
    assert same(trunk, before) and not same(trunk, state)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ([torch.zeros(2)], "list"),
        (torch.zeros(2), "Tensor"),
        ({}, "an empty one"),
        ({"state_dict": {}}, "an empty one"),
        ({"epoch": 3, "optimizer": {}}, "'epoch': int"),
        ({"state_dict": {"conv1.weight": "none"}}, "'conv1.weight': str"),
        ({"state_dict": {3: torch.zeros(2)}}, "3: Tensor"),
        ({"state_dict": [torch.zeros(2)]}, "'state_dict': list"),
    ],
    ids=str,
)
def test_what_is_no_state_dict_is_named(tmp_path, content, found):
    with pytest.raises(ValueError, match=f"weights.pth: expected a dict from names to tensors, found {found}$"):
        load_trunk(small(), saved(tmp_path, content))


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("nested", [False, True])
def test_a_training_scripts_wrapping_is_taken_off(tmp_path, prefix, nested):
    trunk, other = small(), small()
    state = {f"{prefix}{key}": value for key, value in other.state_dict().items()}
    state[f"{prefix}fc.weight"] = torch.zeros(3)
    load_trunk(trunk, saved(tmp_path, {"epoch": 90, "state_dict": state} if nested else state))
    assert same(trunk, other.state_dict())


def test_counts_of_batches_may_be_missing(tmp_path):
    trunk, other = small(), small()
    state = {key: value for key, value in other.state_dict().items() if "num_batches_tracked" not in key}
    load_trunk(trunk, saved(tmp_path, state))
    assert same(trunk, other.state_dict())


class Entry:
    """Stands for an entry of torchvision's weights."""

    url = "https://example.org/resnet.pth"

    def __init__(self, answer):
        self.answer = answer

    def __str__(self):
        return "ResNet18_Weights.IMAGENET1K_V1"

    def get_state_dict(self, progress, check_hash):
        assert check_hash
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_no_weights_leave_the_trunk_as_it_is_and_an_entry_of_torchvision_is_asked_for_its_own():
    trunk = small()
    before = copied(trunk)
    load_trunk(trunk, None)
    assert same(trunk, before)
    load_trunk(trunk, Entry({**before, "conv1.weight": before["conv1.weight"] + 1, "fc.weight": torch.zeros(1)}))
    assert torch.equal(trunk.conv1.weight, before["conv1.weight"] + 1)


@pytest.mark.parametrize(
    "error",
    [urllib.error.URLError("no route to host"), ConnectionResetError("reset"), RuntimeError("invalid hash value")],
)
def test_a_download_that_fails_says_how_to_do_without(error):
    message = r"IMAGENET1K_V1: could not be downloaded.*fetch https://example.org/resnet.pth .*path as `weights`"
    with pytest.raises(OSError, match=message):
        load_trunk(small(), Entry(error))


@pytest.mark.parametrize("kind", ["map", "channels"])
def test_the_scene_classifier_takes_the_form_in_which_places_365_is_published(tmp_path, kind):
    """As its training script writes it: nested, "module." before each name, torchvision's names, the file format of then."""
    other, model = (SceneClassifier(7, kind=kind, width=1 / 8) for _ in range(2))
    state = {f"module.{key}": value for key, value in other.trunk.state_dict().items() if "num_batches" not in key}
    state |= {f"module.fc.{key}": value for key, value in other.fc.state_dict().items()}
    content = {"epoch": 90, "arch": "wideresnet18", "state_dict": state, "best_prec1": 54.0}
    path = saved(tmp_path, content, _use_new_zipfile_serialization=False)
    assert not same(model, other.state_dict())
    assert same(SceneClassifier(7, kind=kind, width=1 / 8, weights=path), other.state_dict())
    whole = RobustSIDE(stage1="scene", high_categories=[True] * 7, top=3, classifier=kind, width=1 / 8, weights=path)
    assert same(whole.understanding, other.state_dict())
    with pytest.raises(ValueError, match="does not fit .*fc.weight: expected shape"):
        SceneClassifier(8, kind=kind, width=1 / 8, weights=path)
    with pytest.raises(ValueError, match=r"unexpected \['trunk.layer5'\]"):
        SceneClassifier(7, width=1 / 8, weights=saved(tmp_path, {**state, "module.layer5": torch.zeros(1)}))


def test_weights_of_a_classifier_that_is_not_there_are_refused(tmp_path):
    with pytest.raises(ValueError, match="weights: expected None without a scene classifier"):
        RobustSIDE(width=1 / 8, weights=tmp_path / "any.pth")
