"""A network with bins around it: decoded as `decode_classes` and as DORN do, and wrong counts are named."""

import pytest
import torch
from torch import nn

from sidelib.bins import DECODINGS, decode_classes, sid_edges, uniform_edges
from sidelib.models.binned import Binned
from sidelib.models.dorn import DORN
from sidelib.models.fcrn import FCRN


class Gives(nn.Module):
    """A network that gives the same output for any image."""

    def __init__(self, **output):
        super().__init__()
        self.output = output

    def forward(self, image):
        return self.output


def logits(channels, seed=0):
    return 3 * torch.randn(2, channels, 4, 5, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("decode", DECODINGS)
def test_classes_are_decoded_as_everywhere(decode):
    edges, given = sid_edges(1, 80, 7), logits(7)
    found = Binned(Gives(logits=given, more=1), edges, decode)(torch.rand(2, 3, 4, 5))
    assert torch.equal(found["depth"], decode_classes(given, edges, decode))
    assert found["logits"] is given and found["more"] == 1 and torch.equal(found["edges"], edges)


@torch.no_grad()
def test_ordinal_heads_are_decoded_as_dorn_does():
    torch.manual_seed(0)
    dorn, image = DORN(k=9, trunk_depth=18, width=1 / 8).eval(), torch.rand(2, 3, 48, 64)
    expected = dorn(image)
    found = Binned(Gives(logits=expected["logits"].flatten(1, 2)), dorn.edges, "ordinal")(image)
    assert torch.equal(found["logits"], expected["logits"])
    assert torch.equal(found["depth"], expected["depth"]) and expected["label"].unique().numel() > 1


def test_convention_votes_by_hand():
    """Heads 0 and 1 say "farther", head 2 "nearer": bin 2, from 3 to 4 m. Three votes take the last bin."""
    edges = torch.tensor([1.0, 2.0, 3.0, 4.0])
    given = torch.tensor([[0.0, 1, 0, 1, 1, 0], [0, 1, 0, 1, 0, 1], [1, 0, 1, 0, 1, 0]])[..., None, None]
    found = Binned(Gives(logits=given), edges, "ordinal")(torch.rand(3, 3, 1, 1))
    assert found["depth"].flatten().tolist() == [3.5, 3.5, 1.5]
    assert found["logits"].shape == (3, 3, 2, 1, 1)


def test_any_network_with_logits_trains_under_it_and_bins_travel_with_the_weights():
    torch.manual_seed(0)
    one = Binned(FCRN(outputs=5, width=1 / 8, dropout=0.0), sid_edges(2, 20, 5))
    image = torch.rand(2, 3, 32, 48)
    found = one(image)
    found["depth"].mean().backward()
    assert found["depth"].shape == (2, 1, 32, 48) and all(p.grad.any() for p in one.parameters())
    other = Binned(FCRN(outputs=5, width=1 / 8), sid_edges(1, 10, 5))
    other.load_state_dict(one.state_dict())
    assert torch.equal(other.edges, sid_edges(2, 20, 5))


@pytest.mark.parametrize("decode", [*DECODINGS, "ordinal"])
def test_another_number_of_logits_is_named(decode):
    k = 14 if decode == "ordinal" else 7
    for channels in (k - 1, k + 1, 7 if decode == "ordinal" else 14):
        network = Binned(Gives(logits=logits(channels)), sid_edges(1, 80, 7), decode)
        with pytest.raises(
            ValueError, match=rf"logits: expected shape \(B, {k}, H, W\).*found \(2, {channels}, 4, 5\)"
        ):
            network(torch.rand(2, 3, 4, 5))
    with pytest.raises(ValueError, match="network: expected one that gives logits, found depth"):
        Binned(Gives(depth=1), sid_edges(1, 80, 7), decode)(torch.rand(2, 3, 4, 5))


@pytest.mark.parametrize(
    ("edges", "decode", "error", "message"),
    [
        ([1.0, 2.0], "expectation", TypeError, "edges: .*list"),
        (torch.tensor([1, 2, 3]), "expectation", TypeError, "edges: .*int64"),
        (torch.ones(2, 2), "expectation", ValueError, "edges: expected K . 1 values in one dimension"),
        (torch.ones(1), "ordinal", ValueError, "edges: expected K . 1"),
        (torch.tensor([1.0, 1.0, 2.0]), "ordinal", ValueError, "edges: expected increasing"),
        (torch.tensor([4.0, 2.0, 1.0]), "expectation-log", ValueError, "edges: expected increasing"),
        (torch.tensor([1.0, float("nan"), 3.0]), "expectation", ValueError, "edges: expected increasing"),
        (uniform_edges(0, 10, 4), "argmax-geometric", ValueError, "edges: expected more than 0 m"),
        (uniform_edges(0, 10, 4), "expectation-log", ValueError, "edges: expected more than 0 m"),
        (sid_edges(1, 80, 7), "mean", ValueError, "decode: .*mean"),
    ],
)
def test_what_are_no_bins_is_refused(edges, decode, error, message):
    with pytest.raises(error, match=message):
        Binned(Gives(), edges, decode)
