"""The record: tidy, replaced run by run, whole at any time, and safe for two writers."""

import json
import multiprocessing
import os

import pandas as pd
import pytest

from sidelib.experiments.record import Record, replace_file


def add(record, variant, seed, settings="s", rmse=1.0):
    record.add(
        variant, seed, settings,
        rows=[{"test": "rooms", "protocol": name, "rmse": rmse} for name in ("thesis", "fcrn")],
        curves=[{"step": step, "val_loss": rmse / step} for step in (10, 20)],
        provenance={"commit": "abc", "seconds": 1.5},
    )  # fmt: skip


@pytest.fixture
def record(tmp_path):
    return Record("tiny", "scenes", "smoke", results=tmp_path / "results", work=tmp_path / "work")


def test_runs_and_curves_are_tidy_and_provenance_is_beside_them(record):
    add(record, "l2", 1)
    add(record, "l1", 0, rmse=0.1234567)
    runs, curves = record.read("runs"), record.read("curves")
    assert runs[["variant", "seed", "protocol"]].values.tolist() == [
        ["l1", 0, "thesis"], ["l1", 0, "fcrn"], ["l2", 1, "thesis"], ["l2", 1, "fcrn"],
    ]  # fmt: skip
    assert runs["rmse"].tolist()[:1] == [0.123457]
    assert curves[curves["variant"] == "l2"]["val_loss"].tolist() == [0.1, 0.05]
    found = json.loads((record.folder / "provenance" / "l1-0.json").read_text())
    assert found == {"variant": "l1", "seed": 0, "settings": "s", "commit": "abc", "seconds": 1.5}
    assert not [path for path in record.folder.rglob(".*")]


def test_a_run_is_found_by_variant_seed_and_settings(record):
    assert not record.has("l1", 0, "s")
    add(record, "l1", 0)
    assert record.has("l1", 0, "s")
    assert not record.has("l1", 1, "s") and not record.has("l2", 0, "s") and not record.has("l1", 0, "other")


def test_running_again_with_other_settings_replaces_the_run_and_keeps_the_others(record):
    add(record, "l1", 0)
    add(record, "l1", 1)
    add(record, "l1", 0, settings="new", rmse=3.0)
    runs = record.read("runs")
    assert runs[runs["seed"] == 0]["rmse"].tolist() == [3.0, 3.0] and len(runs) == 4
    assert record.has("l1", 0, "new") and not record.has("l1", 0, "s") and record.has("l1", 1, "s")


def test_settings_of_digits_stay_text(record):
    add(record, "l1", 0, settings="012345678901")
    assert record.has("l1", 0, "012345678901")


def _write(folder, variant):
    record = Record("tiny", "scenes", "smoke", results=folder / "results", work=folder / "work")
    for seed in range(6):
        add(record, variant, seed)


def test_writers_at_once_lose_nothing(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(tmp_path, variant)) for variant in ("l1", "l2", "berhu")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
        assert writer.exitcode == 0
    runs = Record("tiny", "scenes", "smoke", results=tmp_path / "results", work=tmp_path / "work").read("runs")
    assert len(runs) == 36 and not runs.duplicated(["variant", "seed", "protocol"]).any()


def test_a_panel_that_cannot_be_drawn_leaves_the_record_as_it_was(record):
    add(record, "l1", 0)
    before = {path: path.read_bytes() for path in record.folder.rglob("*") if path.is_file()}

    def fails(path):
        path.write_bytes(b"half")
        raise RuntimeError("no ink")

    with pytest.raises(RuntimeError, match="no ink"):
        record.add("l1", 0, "new", rows=[], curves=[], provenance={}, panel=fails)
    assert {path: path.read_bytes() for path in record.folder.rglob("*") if path.is_file()} == before


def test_replacing_a_file_is_all_or_nothing(tmp_path):
    path = tmp_path / "a" / "table.csv"
    with replace_file(path) as partial:
        partial.write_text("old")
    with pytest.raises(ZeroDivisionError), replace_file(path) as partial:
        partial.write_text("half")
        1 / 0  # noqa: B018
    assert path.read_text() == "old" and os.listdir(path.parent) == ["table.csv"]


def test_a_foreign_table_is_named(record):
    record.folder.mkdir(parents=True)
    pd.DataFrame({"a": [1]}).to_csv(record.folder / "runs.csv", index=False)
    with pytest.raises(ValueError, match=r"runs.csv: expected the columns variant, seed and settings, found \['a'\]"):
        record.read("runs")
