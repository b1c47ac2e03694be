"""Tables are read cell by cell as printed."""

import csv

import pytest

from sidelib import papers

KEYS = ("thesis", "ds_sidenet", "sid_segmentation", "unet_report", "hqmd")


def test_cells_stay_the_text_that_was_printed(tmp_path, monkeypatch):
    monkeypatch.setattr(papers, "BOOK", tmp_path)
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "thesis_9.9.csv").write_text("a,b\n1/2,NA\n0.10,\n")
    assert papers.table("thesis", "9.9").values.tolist() == [["1/2", "NA"], ["0.10", ""]]


def test_a_missing_table_names_itself_and_those_that_there_are():
    with pytest.raises(FileNotFoundError, match=r"thesis_9\.9\.csv.*4\.1, 4\.2"):
        papers.table("thesis", "9.9")
    with pytest.raises(FileNotFoundError, match="'no_paper': none"):
        papers.table("no_paper", "1")


def test_results_are_read_by_experiment_data_and_profile(tmp_path, monkeypatch):
    monkeypatch.setattr(papers, "BOOK", tmp_path)
    folder = tmp_path / "results" / "losses" / "scenes-laptop"
    folder.mkdir(parents=True)
    (folder / "runs.csv").write_text("seed,rmse\n0,0.5\n")
    assert papers.results("losses", "scenes", "laptop")["rmse"].tolist() == [0.5]
    with pytest.raises(FileNotFoundError, match="recorded are: losses/scenes-laptop"):
        papers.results("losses", "nyu", "gpu")


def test_curves_and_panels_of_a_record(tmp_path, monkeypatch):
    monkeypatch.setattr(papers, "BOOK", tmp_path)
    folder = tmp_path / "results" / "losses" / "scenes-laptop"
    (folder / "panels").mkdir(parents=True)
    (folder / "curves.csv").write_text("step,val_loss\n10,0.5\n")
    (folder / "panels" / "l1-0.png").write_bytes(b"picture")
    assert papers.results("losses", "scenes", "laptop", table="curves")["step"].tolist() == [10]
    assert papers.panel("losses", "scenes", "laptop", "l1-0") == b"picture"
    with pytest.raises(FileNotFoundError, match="l2-0.png: no such picture; there are: l1-0"):
        papers.panel("losses", "scenes", "laptop", "l2-0")


@pytest.mark.parametrize("path", sorted((papers.BOOK / "tables").glob("*.csv")), ids=lambda path: path.stem)
def test_every_transcribed_table_is_well_formed(path):
    with open(path, encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    assert path.stem.startswith(tuple(f"{key}_" for key in KEYS))
    assert all(header) and len(set(header)) == len(header)
    assert rows and all(len(row) == len(header) for row in rows)


def test_table_4_1_is_there_cell_by_cell():
    cells = papers.table("thesis", "4.1")
    blocks = cells.groupby(["relevant", "ranker"])
    assert len(blocks) == 6 and all(block["i"].tolist() == list("1234") for _, block in blocks)
    for (relevant, _), block in blocks:  # the printed signs mark the relevant documents in the ranking
        signs = ["+" if name in relevant.split() else "-" for name in block["ranking"].iloc[0].split()]
        assert block["label"].tolist() == signs
