"""The ledger's verdicts follow from numbers by one rounding rule, and each claim is settled once."""

import json
import re
from fractions import Fraction
from importlib.metadata import entry_points

import pytest

from sidelib import ledger
from sidelib.ledger import CLAIM_MIME, VERDICTS, ClaimRenderer, collect, settle, statements
from sidelib.statistics import paired_comparison


@pytest.mark.parametrize(
    ("printed", "computed", "verdict"),
    [
        ("0.9907", 0.99074, "confirmed"),
        ("0.9907", 0.99076, "erratum"),
        ("0.9907", 0.9906, "erratum"),
        ("0.9907", 0.99065, "confirmed"),  # a tie rounds either way
        ("0.9907", 0.99075, "confirmed"),
        ("16.28%", 16.284, "confirmed"),
        ("16.28%", 16.29, "erratum"),
        ("16.28%", 0.1628, "erratum"),  # a share is not a percentage
        ("35/36", 35 / 36, "confirmed"),
        ("35/36", Fraction(35, 36), "confirmed"),
        ("35/36", 0.9722, "erratum"),  # a fraction is exact
        ("-0.5", -0.5, "confirmed"),
        ("\N{MINUS SIGN}0.5", -0.5, "confirmed"),
        ("12", 12.4, "confirmed"),
        ("12", 12.6, "erratum"),
        ("1", float("nan"), "erratum"),
        ("1", float("inf"), "erratum"),
    ],
)
def test_a_printed_number_is_confirmed_when_the_computed_one_rounds_to_it(printed, computed, verdict):
    assert settle("T82", printed=printed, computed=computed).verdict == verdict


def test_sequences_are_confirmed_only_as_a_whole():
    assert settle("T79", printed=["1", "1/2"], computed=[1, 0.5]).verdict == "confirmed"
    wrong = settle("T78", printed=["1"] * 8, computed=[1] * 7 + [2])
    assert (wrong.verdict, wrong.computed) == ("erratum", "7 of 8 agree")


def test_otherwise_names_what_a_wrong_number_is():
    assert settle("T82", printed="1.0", computed=2.0, otherwise="inconsistent").verdict == "inconsistent"
    assert settle("T84", printed="better", holds=False, otherwise="inconsistent").verdict == "inconsistent"
    assert settle("T84", printed="better", holds=True).verdict == "confirmed"


@pytest.mark.parametrize(
    ("better", "words"),
    [([2.0, 2.1, 2.2], "holds here"), ([0.0, 0.1, 0.2], "does not hold here"), ([0.0, 1.1, 2.2], "cannot tell")],
)
def test_a_claim_about_training_gets_the_words_of_its_comparison(better, words):
    comparison = paired_comparison(better, [1.0, 1.1, 1.2])
    claim = settle("T90", printed="helps", comparison=comparison, data="on one photograph")
    assert claim.verdict == words and "on one photograph" in claim.computed and "3 paired runs" in claim.computed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(id="T999", printed="1", computed=1), "T999"),
        (dict(id="T82", printed="a statement"), "T82: give numbers"),
        (dict(id="T82", printed="a statement", holds=True, verdict="confirmed"), "T82: give numbers"),
        (dict(id="T82", printed="a statement", verdict="ambiguous"), "because"),
        (dict(id="T82", printed="a statement", verdict="probably", because="x"), "probably"),
        (dict(id="T82", printed="1.0", computed=2, otherwise="wrong"), "wrong"),
        (dict(id="T82", printed=["1", "2"], computed=[1]), "expected 2 values"),
        (dict(id="T82", printed=["1", "two"], computed=[1, 2]), "two"),
        (dict(id="T82", printed="x", comparison=paired_comparison([1.0], [0.0])), "data"),
    ],
)
def test_unclear_claims_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        settle(arguments.pop("id"), **arguments)


def test_a_claim_shows_as_text_html_and_json():
    claim = settle("T82", printed="<script>1</script>", holds=True, because="a < b & c")
    bundle = claim._repr_mimebundle_()
    assert set(bundle) == {CLAIM_MIME, "text/html", "text/plain"}
    assert "<script>" not in bundle["text/html"] and "a &lt; b &amp; c" in bundle["text/html"]
    assert 'id="claim-T82"' in bundle["text/html"]
    assert json.loads(json.dumps(bundle[CLAIM_MIME]))["verdict"] == "confirmed"
    assert bundle["text/plain"].startswith("T82 confirmed")


def notebook(folder, name, *claims):
    outputs = [{"output_type": "display_data", "data": claim._repr_mimebundle_()} for claim in claims]
    cells = [{"cell_type": "markdown", "source": ""}, {"cell_type": "code", "source": "", "outputs": outputs}]
    (folder / f"{name}.ipynb").write_text(json.dumps({"cells": cells}))


def test_collect_gathers_the_claims_of_executed_chapters(tmp_path):
    notebook(tmp_path, "01_a", settle("T82", printed="1", computed=1))
    notebook(tmp_path, "02_b", settle("T83", printed="1", computed=2))
    settled = collect(tmp_path)
    assert {id: (claim["verdict"], claim["chapter"]) for id, claim in settled.items()} == {
        "T82": ("confirmed", "01_a"),
        "T83": ("erratum", "02_b"),
    }


def test_a_claim_settled_twice_is_an_error_that_names_both_places(tmp_path):
    for name in ("01_a", "02_b"):
        notebook(tmp_path, name, settle("T82", printed="1", computed=1))
    with pytest.raises(ValueError, match="T82: settled in 01_a and in 02_b"):
        collect(tmp_path)


def test_the_statements_are_complete_and_unique(tmp_path):
    found = statements()
    assert all(re.fullmatch(r"[TDSGHX]\d{2,3}", id) for id in found)
    assert all(row["statement"].strip() and row["where"].strip() for row in found.values())
    papers = {"thesis", "ds_sidenet", "sid_segmentation", "unet_report", "hqmd", "across"}
    assert {row["paper"] for row in found.values()} == papers
    numbers = {letter: sorted(int(id[1:]) for id in found if id[0] == letter) for letter in "TDSGHX"}
    assert all(seen == list(range(1, len(seen) + 1)) for seen in numbers.values()), "an id is missing"
    twice = tmp_path / "claims.csv"
    twice.write_text("id,paper,where,statement\nT1,a,b,c\nT1,a,b,d\n")
    with pytest.raises(ValueError, match="claims.csv"):
        statements(twice)


def test_the_book_builder_knows_the_claims_output_type():
    (registered,) = [point for point in entry_points(group="myst_nb.mime_renderers") if point.name == "sidelib-claim"]
    assert registered.load() is ClaimRenderer

    class Data:
        mime_type = CLAIM_MIME

    assert ClaimRenderer.handle_mime(None, Data, False) == []
    Data.mime_type = "text/html"
    assert ClaimRenderer.handle_mime(None, Data, False) is None


def test_every_verdict_has_a_colour():
    css = (ledger.BOOK / "_static" / "book.css").read_text()
    assert all(f".verdict-{verdict.replace(' ', '-')}" in css for verdict in VERDICTS)
