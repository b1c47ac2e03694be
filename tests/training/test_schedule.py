"""Learning rates by hand, and the optimiser that a schedule makes."""

import pytest
import torch

from sidelib.models import build
from sidelib.training.schedule import Schedule


@pytest.mark.parametrize(
    ("shape", "expected"),
    [("constant", [1.0, 1.0, 1.0]), ("cosine", [1.0, 0.5, 0.0]), ("poly", [1.0, 0.5**0.9, 0.0])],
)
def test_shapes_at_the_start_the_middle_and_the_end(shape, expected):
    schedule = Schedule(shape=shape)
    assert [schedule.factor(step, 200) for step in (0, 100, 200)] == pytest.approx(expected)


def test_the_warm_up_rises_in_equal_steps():
    schedule = Schedule(warm_up=4)
    assert [schedule.factor(step, 100) for step in range(6)] == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])


@pytest.mark.parametrize(("name", "kind"), [("adam", "Adam"), ("adamw", "AdamW"), ("sgd", "SGD")])
def test_the_rate_of_each_step_is_the_schedules(name, kind):
    schedule = Schedule(optimiser=name, lr=0.2, shape="cosine", weight_decay=0.01)
    optimiser, scheduler = schedule.make(torch.nn.Linear(1, 1), 10)
    assert type(optimiser).__name__ == kind
    rates = []
    for _ in range(10):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    assert rates == pytest.approx([0.2 * schedule.factor(step, 10) for step in range(10)])
    assert optimiser.param_groups[0]["weight_decay"] == 0.01


def test_parts_learn_at_their_own_rate_when_asked():
    network = build("encdec-resnet", width=1 / 16)
    alike, _ = Schedule(lr=0.5).make(network, 10)
    apart, _ = Schedule(lr=0.5, by_parts=True).make(network, 10)
    assert [group["initial_lr"] for group in alike.param_groups] == [0.5]
    assert [group["initial_lr"] for group in apart.param_groups] == [0.05, 0.5]


@pytest.mark.parametrize(("name", "value"), [("optimiser", "lion"), ("shape", "step"), ("lr", 0.0)])
def test_bad_values_are_named(name, value):
    with pytest.raises(ValueError, match=f"{name}: expected .* found {value!r}"):
        Schedule(**{name: value})
