"""Diagrams: the stages are those of the module, the lines those of its graph, the drawing is accessible and stable."""

import re
import xml.etree.ElementTree as ET

import pytest
import torch
from torch import nn

from sidelib.models.diagram import diagram
from sidelib.models.stages import stages
from sidelib.models.trunks import DenseNetTrunk, ResNetTrunk

SVG = "{http://www.w3.org/2000/svg}"


class Skipping(nn.Module):
    """Three steps down, three up, two skips between them and one from the image to the head."""

    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList(nn.Conv2d(i, o, 3, 2, 1) for i, o in ((3, 4), (4, 8), (8, 16)))
        self.up = nn.ModuleList(nn.ConvTranspose2d(i, o, 2, 2) for i, o in ((16, 8), (16, 4), (8, 4)))
        self.head = nn.Conv2d(7, 1, 3, padding=1)

    def forward(self, image):
        features, x = [], image
        for part in self.down:
            x = part(x).relu_()
            features.append(x)
        x = self.up[1](torch.cat([self.up[0](x), features[1]], 1))
        x = self.up[2](torch.cat([x, features[0]], 1))
        return {"depth": self.head(torch.cat([x, image], 1)).exp()}


def test_stages_are_the_modules_features_and_reads_are_its_skips():
    found = stages(Skipping(), (32, 48))
    assert [stage.label for stage in found] == ["down.0", "down.1", "down.2", "up.0", "up.1", "up.2", "head"]
    assert [stage.shape for stage in found][2:4] == [(16, 4, 6), (8, 8, 12)]
    assert [stage.reads for stage in found] == [[-1], [0], [1], [2], [1, 3], [0, 4], [-1, 5]]


def test_lists_are_opened_and_equal_neighbours_share_a_box():
    found = stages(ResNetTrunk(18, width=1 / 8), (64, 96))
    assert [(stage.label, stage.shape) for stage in found] == [
        ("conv1 … relu", (8, 32, 48)),
        ("maxpool … layer1", (8, 16, 24)),
        ("layer2", (16, 8, 12)),
        ("layer3", (32, 4, 6)),
        ("layer4", (64, 2, 3)),
    ]
    assert "features.transition1" in [stage.label for stage in stages(DenseNetTrunk(width=1 / 8), (64, 96))]


def test_what_does_nothing_in_evaluation_is_no_stage():
    network = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.Dropout(), nn.Identity(), nn.Conv2d(8, 1, 1))
    found = stages(network, (8, 8))
    assert [(stage.label, stage.reads) for stage in found] == [("0", [-1]), ("3", [0])]


def test_a_small_limit_gives_fewer_boxes_and_parallel_branches_read_the_same_stage():
    model = nn.Sequential(*(nn.Sequential(*(nn.Conv2d(3, 3, 3, 2, 1) for _ in range(3))) for _ in range(2)))
    assert len(stages(model, (64, 64))) == 6
    assert len(stages(model, (64, 64), limit=3)) == 2

    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.a, self.b = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 5, 1), nn.Conv2d(4, 6, 1)

        def forward(self, image):
            x = self.stem(image)
            return torch.cat([self.a(x), self.b(x)], 1)

    assert [stage.reads for stage in stages(Branches(), (8, 8))] == [[-1], [0], [0]]


def test_a_box_ends_where_a_skip_leaves_it():
    class Tapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c, self.d = (nn.Conv2d(n, 3, 1) for n in (3, 3, 3, 6))

        def forward(self, image):
            tapped = self.b(self.a(image))
            return self.d(torch.cat([self.c(tapped), tapped], 1))

    found = [(stage.label, stage.reads) for stage in stages(Tapped(), (8, 8))]
    assert found == [("a … b", [-1]), ("c", [0]), ("d", [0, 1])]


def test_the_drawing_is_valid_named_described_and_stable():
    torch.manual_seed(0)
    drawn = diagram(Skipping(), (32, 48), title="A <net> & more")
    torch.manual_seed(1)
    assert drawn == diagram(Skipping().to("meta"), (32, 48), title="A <net> & more")  # weights and device play no part
    root = ET.fromstring(drawn)
    title, described = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert root.get("role") == "img"
    assert root.get("aria-labelledby").split() == [title.get("id"), described.get("id")]
    assert title.text == "A <net> & more"
    assert "down.2: 16 × 4 × 6" in described.text and described.text.endswith("3 lines lead past a stage.")
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {"up.1", "4 × 16 × 24", "image", "3 × 32 × 48"} <= set(texts)
    assert len(list(root.iter(f"{SVG}path"))) == 10  # one line a read


def test_boxes_are_as_wide_as_their_maps_and_higher_with_more_channels():
    root = ET.fromstring(diagram(Skipping(), (32, 48)))
    boxes = [(float(box.get("width")), float(box.get("height"))) for box in root.iter(f"{SVG}rect")]
    assert boxes[0][0] == pytest.approx(2 * boxes[1][0]) == pytest.approx(4 * boxes[2][0], abs=0.5)
    assert boxes[1][1] < boxes[2][1] < boxes[3][1]


def test_it_reads_on_dark_pages_and_on_a_phone():
    drawn = diagram(ResNetTrunk(50, width=1 / 8).to("meta"), (480, 640))
    assert float(ET.fromstring(drawn).get("viewBox").split()[2]) <= 400
    assert set(re.findall(r'stroke="([^"]+)"', drawn)) == {"currentColor"} and 'fill="currentColor"' in drawn
    assert "width:100%" in drawn
    assert not re.search(r'(fill|stroke)="(#000|#fff|black|white)', drawn)


def test_the_network_is_left_as_it_was_and_one_without_maps_is_refused():
    model = Skipping().train()
    stages(model, (32, 48))
    assert model.training and not any(part._forward_hooks for part in model.modules())
    with pytest.raises(ValueError, match="no part of Flatten returns a feature map"):
        stages(nn.Flatten(), (8, 8))
