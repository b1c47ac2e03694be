"""Networks of several tasks: which features read which, what is printed, and nothing of a task that was not asked for."""

import math

import pytest
import torch
from contract import WRONG_IMAGES, assert_takes_autocast_and_channels_last

import sidelib.models.task_sharing
from sidelib.models.fcrn import FCRN
from sidelib.models.task_messages import affinity
from sidelib.models.task_sharing import (
    AlternatingNetwork,
    DistillationNetwork,
    PatternAffinityNetwork,
    SharedDecoder,
    TaskIdentityNetwork,
)

ALL = ("depth", "normals", "semantic")
NETWORKS = (SharedDecoder, DistillationNetwork, AlternatingNetwork, PatternAffinityNetwork, TaskIdentityNetwork)
KINDS = ("l1", "inner_product", "negative_inner_product")
CHANNELS = {"depth": 1, "normals": 3, "semantic_logits": 5}


def rand(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def image(height=32, width=40, batch=2):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


def small(kind, tasks=ALL, **options):
    torch.manual_seed(0)
    return kind(tasks=tasks, classes=5 if "semantic" in tasks else None, width=1 / 16, **options)


def reads(output, *parts):
    """Whether the gradient of an output reaches the parameters of each part."""
    total = (output * rand(*output.shape).to(output.dtype)).sum()
    found = []
    for part in parts:
        weights = [part] if isinstance(part, torch.Tensor) else list(part.parameters())
        gradients = torch.autograd.grad(total, weights, retain_graph=True, allow_unused=True)
        found.append(any(g is not None and bool(g.abs().max() > 0) for g in gradients))
    return found


# all networks


@torch.no_grad()
@pytest.mark.parametrize("kind", NETWORKS)
def test_outputs_at_odd_sizes(kind):
    model = small(kind).eval()
    for height, width in ((32, 40), (33, 47), (70, 35)):
        outputs = model(image(height, width, batch=1))
        for name, values in outputs.items():
            plain = name.removeprefix("first_").rstrip("_123")
            assert values.shape == (1, CHANNELS[plain], height, width), name
            assert values.dtype == torch.float32 and values.isfinite().all()
            if plain == "depth":
                assert values.min() > 0
            if plain == "normals":
                torch.testing.assert_close(values.norm(dim=1), torch.ones(1, height, width))
    extra = {
        DistillationNetwork: {f"first_{name}" for name in CHANNELS},
        PatternAffinityNetwork: {f"first_{name}" for name in CHANNELS},
        AlternatingNetwork: {f"{name}_{scale}" for name in CHANNELS for scale in (1, 2, 3)},
    }
    assert set(outputs) == set(CHANNELS) | extra.get(kind, set())


@pytest.mark.parametrize(
    "tasks", [ALL, (*ALL, "contours"), ("semantic", "depth"), ("depth",), ("normals",)], ids="-".join
)
@pytest.mark.parametrize("kind", NETWORKS)
def test_every_parameter_learns_and_none_belongs_to_a_task_not_asked_for(kind, tasks):
    model = small(kind, tasks)
    outputs = model(image())
    sum((values * rand(*values.shape).float()).sum() for values in outputs.values()).backward()
    idle = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert not idle
    others = set(ALL) - set(tasks)
    assert not [name for name in (*model.state_dict(), *outputs) if set(name.replace("_", ".").split(".")) & others]


def test_a_single_task_is_fcrn_and_each_more_costs_its_head():
    def count(model):
        return sum(p.numel() for p in model.parameters())

    with torch.device("meta"):
        assert count(SharedDecoder(tasks="depth")) == count(TaskIdentityNetwork(tasks="depth")) == count(FCRN())
        assert count(SharedDecoder(classes=13)) == count(FCRN()) + (9 * 64 + 1) * (3 + 13)
        # as many channels of the head as classes, and two rows for the identity's layers
        assert count(TaskIdentityNetwork(classes=13)) == count(FCRN()) + (9 * 64 + 1) * 12 + 2 * 1024


@torch.no_grad()
@pytest.mark.parametrize("kind", [SharedDecoder, AlternatingNetwork])
def test_a_single_task_passes_the_features_of_fcrn(kind):
    model, fcrn = small(kind, ("depth",)).eval(), FCRN(width=1 / 16).eval()
    state = {}
    for name, values in model.state_dict().items():
        part, _, rest = name.replace("turns.", "decoder.").replace(".depth.block", "").partition(".")
        if part in ("encoder", "reduce", "decoder"):
            state[f"{part}.{rest}"] = values
    assert set(fcrn.load_state_dict(state, strict=False).missing_keys) == {"head.weight", "head.bias"}
    head = (model.final if kind is SharedDecoder else model.scales[-1])["depth"]
    seen = []
    head.register_forward_pre_hook(lambda part, given: seen.append(given[0]))
    model(image())
    torch.testing.assert_close(seen[0], fcrn.decoder(fcrn.reduce(fcrn.encoder(fcrn.prepared(image()))[-1])))


@torch.no_grad()
@pytest.mark.parametrize("kind", NETWORKS)
def test_heads_start_near_two_metres_and_towards_the_camera(kind):
    outputs = small(kind)(image())  # with the batch norms of training: in evaluation they do not normalise yet
    assert (outputs["depth"] - (math.log1p(math.exp(2)) + 1e-3)).abs().max() < 0.5
    assert outputs["normals"][:, 2].max() < -0.8


@torch.no_grad()
@pytest.mark.parametrize("kind", NETWORKS)
def test_autocast_and_channels_last(kind):
    assert_takes_autocast_and_channels_last(small(kind).eval(), image(), rtol=0.02, atol=0.02)


@pytest.mark.parametrize(("wrong", "error"), WRONG_IMAGES)
def test_bad_images(wrong, error):
    with pytest.raises(error, match="image: expected"):
        small(SharedDecoder, ("depth",))(wrong)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (SharedDecoder, {"tasks": ()}, "tasks: expected some of depth, normals, semantic, contours, each once"),
        (SharedDecoder, {"tasks": ("depth", "depth")}, "each once"),
        (
            SharedDecoder,
            {"tasks": ("depth", "edges")},
            "expected some of depth, normals, semantic, contours, each once",
        ),
        (SharedDecoder, {}, "classes: expected how many, at least 2, for semantic, found None"),
        (TaskIdentityNetwork, {"classes": 2}, "classes: expected at least 3 with normals"),
        (DistillationNetwork, {"classes": 5, "fusion": "mean"}, "fusion: expected one of gate, concatenation, sum"),
    ],
)
def test_arguments_of_the_networks(kind, options, message):
    with torch.device("meta"), pytest.raises(ValueError, match=message):
        kind(width=1 / 16, **options)


# PAD-Net


@torch.no_grad()
def test_an_open_gate_is_plain_concatenation_and_a_closed_one_lets_nothing_pass():
    gated, plain = small(DistillationNetwork).eval(), small(DistillationNetwork, fusion="concatenation").eval()
    assert not hasattr(plain, "attention")
    plain.load_state_dict(gated.state_dict(), strict=False)
    features = {task: rand(1, 4, 3, 5, seed=k).float() for k, task in enumerate(ALL)}
    for bias, share in ((1e9, 1.0), (-1e9, 0.0)):
        for part in gated.attention.values():
            part.weight.zero_()
            part.bias.fill_(bias)
        expected = torch.cat((features["normals"], share * features["depth"], share * features["semantic"]), 1)
        assert torch.equal(gated.distilled("normals", features), expected)
        same = torch.equal(gated(image())["depth"], plain(image())["depth"])
        assert same == (share == 1.0)
    total = small(DistillationNetwork, fusion="sum").distilled("depth", features)
    torch.testing.assert_close(total, features["depth"] + features["normals"] + features["semantic"])


@pytest.mark.parametrize("fusion", ["gate", "concatenation", "sum"])
def test_second_predictions_read_all_first_ones_and_first_ones_their_own(fusion):
    model = small(DistillationNetwork, fusion=fusion)
    outputs = model(image())
    firsts = [model.first[task] for task in ALL]
    assert reads(outputs["normals"], *firsts) == [True, True, True]
    assert reads(outputs["first_normals"], *firsts, model.expand) == [False, True, False, False]


@torch.no_grad()
def test_convention_messages_are_what_the_first_predictions_say_and_not_their_logits():
    """PAD-Net's four tasks: metres, unit normals, probabilities of classes and of an outline."""
    model, seen = small(DistillationNetwork, (*ALL, "contours")).eval(), {}
    for task, part in model.expand.items():
        part.register_forward_pre_hook(lambda part, given, task=task: seen.update({task: given[0]}))
    for head in model.first.values():
        head.weight.normal_(std=10.0)  # far from where all start
    outputs = model(image())
    assert seen["depth"].min() > 0 and seen["depth"].max() > 3
    torch.testing.assert_close(seen["normals"].norm(dim=1), torch.ones_like(seen["normals"][:, 0]))
    torch.testing.assert_close(seen["semantic"].sum(1), torch.ones_like(seen["semantic"][:, 0]))
    assert 0 <= seen["contours"].min() < 0.1 and 0.9 < seen["contours"].max() <= 1
    assert outputs["contours"].shape == outputs["first_contours"].shape == (2, 1, 32, 40)


# TAM


def test_turns_read_what_the_equation_says():
    """f_d^i reads f_s^(i-1) and f_d^(i-1); f_s^i reads f_s^(i-1) and f_d^i; nobody reads the future."""
    model = small(AlternatingNetwork, ("depth", "semantic"))
    outputs = model(image())
    first, second, last = model.turns[0], model.turns[1], model.turns[3]
    parts = (first["depth"], first["semantic"], second["depth"], second["semantic"], last["semantic"])
    assert reads(outputs["depth_1"], *parts) == [True, False, False, False, False]
    assert reads(outputs["semantic_logits_1"], *parts) == [True, True, False, False, False]
    assert reads(outputs["depth_2"], *parts) == [True, True, True, False, False]
    assert reads(outputs["semantic_logits_2"], *parts) == [True, True, True, True, False]
    assert reads(outputs["depth"], *parts) == [True, True, True, True, False]
    assert not hasattr(first["depth"], "gate") and hasattr(second["depth"], "gate")


@torch.no_grad()
def test_a_turn_balances_its_own_features_with_the_others():
    turn = small(AlternatingNetwork, ("depth", "semantic")).turns[1]["depth"].double().eval()
    own, other = rand(1, 32, 2, 3), rand(1, 32, 2, 3, seed=1)
    turn.gate.weight.zero_()
    for bias, mixture in (
        (1e9, own),
        (-1e9, other),
        (0.0, (own + other) / 2),
        (math.log(3), 0.75 * own + 0.25 * other),
    ):
        turn.gate.bias.fill_(bias)
        torch.testing.assert_close(turn(own, other), turn.block(mixture))


# pattern affinity


def test_affinities_are_of_an_eighth_of_the_size_and_mix_the_tasks(monkeypatch):
    seen = []

    def recorded(features, *arguments, **options):
        seen.append(affinity(features, *arguments, **options))
        return seen[-1]

    monkeypatch.setattr(sidelib.models.task_sharing, "affinity", recorded)
    model = small(PatternAffinityNetwork)
    outputs = model(image(64, 96))
    assert [tuple(matrix.shape) for matrix in seen] == [(2, 8 * 12, 8 * 12)] * 3
    branches = [model.branches[task] for task in ALL]
    assert reads(outputs["depth"], *branches, model.mixing) == [True, True, True, True]
    assert reads(outputs["first_depth"], *branches, model.mixing) == [True, False, False, False]
    model.mixing.data.copy_(1e4 * torch.eye(3))  # each task its own matrix only
    assert reads(model(image(64, 96))["depth"], *branches) == [True, False, False]


def test_no_step_is_no_propagation_and_the_sign_of_the_similarity_counts():
    def depth(**options):
        torch.manual_seed(0)
        return PatternAffinityNetwork(classes=5, width=1 / 16, **options).eval()(image())["depth"]

    with torch.no_grad():
        still = depth(steps=0)
        assert torch.equal(still, depth(steps=0, kind="inner_product"))
        moved = [depth(kind=kind) for kind in KINDS]
    assert all(not torch.equal(a, still) for a in moved)
    assert not torch.equal(moved[1], moved[2])


# task identity


def test_convention_ones_are_depth_and_zeros_are_semantics():
    def layers(*tasks):
        model = small(TaskIdentityNetwork, tasks)
        return {task: model.identity(task).tolist() for task in tasks}

    assert layers("depth", "semantic") == {"depth": [1.0], "semantic": [0.0]}
    assert layers(*ALL) == {"depth": [1.0, 0.0], "normals": [0.0, 1.0], "semantic": [0.0, 0.0]}
    assert layers("depth") == {"depth": []}


def agree(outputs):
    """Whether depth is the pooled semantics: the same cross-modal prediction for both tasks."""
    mean = outputs["semantic_logits"].mean(1, keepdim=True)
    return torch.allclose(outputs["depth"], (mean + 2).exp().log1p() + 1e-3, rtol=0, atol=1e-6)


@torch.no_grad()
def test_only_the_identity_tells_tasks_apart_and_a_task_does_not_care_who_else_is_asked():
    model, x = small(TaskIdentityNetwork).eval(), image()
    outputs = model(x)
    for task, name in zip(ALL, CHANNELS):
        torch.testing.assert_close(model(x, tasks=task), {name: outputs[name]})
    assert not agree(outputs)
    model.reduce[0].weight[:, -2:] = 0.0
    assert agree(model(x))
    with pytest.raises(ValueError, match="tasks: expected some of depth, semantic, each once"):
        small(TaskIdentityNetwork, ("depth", "semantic"))(x, tasks=("normals",))


@torch.no_grad()
def test_convention_a_batch_norm_over_one_task_erases_its_identity():
    """Runs of their own in training give both tasks the same prediction; in one batch the tasks differ."""
    model, x = small(TaskIdentityNetwork).train(), image()
    assert agree(model(x, tasks="depth") | model(x, tasks="semantic"))
    assert not agree(model(x))


def test_pooling_of_the_cross_modal_prediction_by_hand():
    model = small(TaskIdentityNetwork)
    y = torch.tensor([1.0, 3.0, 4.0, 6.0, 9.0]).reshape(1, 5, 1, 1)  # thirds of five channels: two, two, one
    assert model.pooled("depth", y).flatten().tolist() == pytest.approx([4.6])
    assert model.pooled("normals", y).flatten().tolist() == [2.0, 5.0, 9.0]
    assert torch.equal(model.pooled("semantic", y), y)
