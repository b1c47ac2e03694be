"""The recording command, on two small networks in place of the zoo."""

import csv

import pytest
import torch
from torch import nn

import sidelib.models
from sidelib.models import benchmark

SMALL = ["--size", "16", "24", "--device", "cpu", "--rounds", "1", "--batch", "1", "--dtype", "float32"]


@pytest.fixture
def zoo(monkeypatch):
    """`build` and `names` of two networks; returns the list of what was built."""
    built = []

    def build(name):
        built.append(name)
        if name == "broken":
            raise RuntimeError("cannot be built")
        return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 1))

    def names():
        return ["dorn", "fcrn"]

    monkeypatch.setattr(sidelib.models, "build", build, raising=False)
    monkeypatch.setattr(sidelib.models, "names", names, raising=False)
    monkeypatch.setattr(benchmark, "_reference", lambda: nn.Conv2d(3, 2, 3, padding=1))
    return built


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_it_records_every_network_alone_and_the_rivals_in_turns(zoo, tmp_path, capsys):
    path = tmp_path / "model-zoo" / "cpu.csv"
    assert benchmark.main(["--record", str(path), *SMALL]) == 0
    assert capsys.readouterr().out.strip() == str(path)
    found = rows(path)
    assert tuple(found[0]) == benchmark.COLUMNS
    alone = [row for row in found if row["taken"] == "alone"]
    assert [row["network"] for row in alone] == ["dorn", "fcrn"]
    turns = [(row["network"], row["channels_last"]) for row in found if row["taken"] == "in turns"]
    assert turns == [(name, last) for last in ("False", "True") for name in ("dorn", benchmark.REFERENCE)]
    row = alone[0]
    assert (row["height"], row["width"], row["batch"], row["dtype"], row["compiled"]) == (
        "16",
        "24",
        "1",
        "float32",
        "False",
    )
    assert int(row["parameters"]) == 112 + 5 and int(row["multiply_adds"]) == 16 * 24 * (108 + 4)
    assert (row["field_height"], row["field_width"], row["field_effective"]) == ("3", "3", "3")
    assert float(row["images_per_second"]) == pytest.approx(1 / float(row["seconds"]), rel=1e-4)
    assert int(row["threads"]) == torch.get_num_threads()
    assert row["torch"] and row["commit"] and row["device"].startswith("cpu") and row["processor"]
    assert [found.name for found in path.parent.iterdir()] == ["cpu.csv"]  # no temporary file is left


def test_it_goes_on_where_it_stopped(zoo, tmp_path):
    path = tmp_path / "cpu.csv"
    assert benchmark.main(["--record", str(path), *SMALL, "--names", "fcrn"]) == 0
    first = rows(path)
    zoo.clear()
    assert benchmark.main(["--record", str(path), *SMALL]) == 0
    assert zoo == ["dorn", "dorn"]  # alone, and in turns; fcrn was there
    assert rows(path)[: len(first)] == first
    zoo.clear()
    before = path.read_bytes()
    assert benchmark.main(["--record", str(path), *SMALL]) == 0
    assert not zoo and path.read_bytes() == before
    assert benchmark.main(["--record", str(path), *SMALL, "--names", "fcrn", "--again"]) == 0
    assert zoo == ["fcrn"] and len(rows(path)) == len(before.splitlines()) - 1


def test_another_setting_adds_rows(zoo, tmp_path):
    path = tmp_path / "cpu.csv"
    small = ["--record", str(path), *SMALL, "--names", "fcrn"]
    benchmark.main(small)
    benchmark.main([*small, "--batch", "1", "2", "--dtype", "float32", "bfloat16"])
    assert [(row["batch"], row["dtype"]) for row in rows(path)] == [
        ("1", "float32"),
        ("2", "float32"),
        ("1", "bfloat16"),
        ("2", "bfloat16"),
    ]


def test_a_network_that_fails_does_not_cost_the_others(zoo, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sidelib.models, "names", lambda: ["broken", "fcrn"])
    path = tmp_path / "cpu.csv"
    assert benchmark.main(["--record", str(path), *SMALL]) == 1
    assert "broken: RuntimeError: cannot be built" in capsys.readouterr().err
    assert [row["network"] for row in rows(path)] == ["fcrn"]


def test_wrong_names_and_foreign_files_are_refused(zoo, tmp_path):
    with pytest.raises(SystemExit, match="no such network: nosuch; there are dorn, fcrn"):
        benchmark.main(["--record", str(tmp_path / "a.csv"), *SMALL, "--names", "nosuch"])
    foreign = tmp_path / "b.csv"
    foreign.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ValueError, match="b.csv: line 1: expected the columns network"):
        benchmark.main(["--record", str(foreign), *SMALL])
    assert foreign.read_text(encoding="utf-8") == "a,b\n1,2\n"
