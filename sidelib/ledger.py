"""Claims: what a paper states, what we computed, and the verdict, gathered from the chapters into one ledger."""

import csv
import html
import json
import re
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

from sidelib.papers import BOOK

__all__ = ["CLAIM_MIME", "VERDICTS", "Claim", "ClaimRenderer", "claim", "collect", "settle", "statements"]

CLAIM_MIME = "application/vnd.sidelib.claim+json"

VERDICTS = {
    "confirmed": "what is printed is right",
    "erratum": "what is printed is wrong",
    "inconsistent": "the paper contradicts itself or another, or its own numbers do not support the statement",
    "ambiguous": "too little is said to decide; we say what we chose",
    "holds here": "a statement about training that our paired runs support, on our data",
    "does not hold here": "a statement about training that our paired runs contradict, on our data",
    "cannot tell": "our runs do not decide it",
}


@dataclass(frozen=True)
class Claim:
    """One settled claim; displays itself as text, as HTML, and as JSON that the ledger page gathers."""

    id: str
    paper: str
    where: str
    statement: str
    printed: str
    computed: str
    verdict: str
    because: str

    def __repr__(self):
        reason = f" ({self.because})" if self.because else ""
        return f"{self.id} {self.verdict}: printed {self.printed} → computed {self.computed}{reason}"

    def _repr_html_(self):
        text = {name: html.escape(value) for name, value in asdict(self).items()}
        kind = self.verdict.replace(" ", "-")
        reason = f'<p class="claim-because">{text["because"]}</p>' if self.because else ""
        return (
            f'<div class="claim" id="claim-{text["id"]}">'
            f'<p class="claim-head"><span class="claim-id">{text["id"]}</span> '
            f'<span class="claim-where">{text["paper"]}, {text["where"]}</span> '
            f'<span class="verdict verdict-{kind}">{text["verdict"]}</span></p>'
            f'<p class="claim-statement">{text["statement"]}</p>'
            f'<p class="claim-numbers"><b>Printed:</b> {text["printed"]} <b>Computed:</b> {text["computed"]}</p>'
            f"{reason}</div>"
        )

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {CLAIM_MIME: asdict(self), "text/html": self._repr_html_(), "text/plain": repr(self)}


class ClaimRenderer:
    """Registers the claims' output type with the book builder: the JSON itself shows nothing, the claim's HTML does."""

    mime_priority_overrides = ()

    @staticmethod
    def handle_mime(renderer, data, inline):
        return [] if data.mime_type == CLAIM_MIME else None


def statements(path=BOOK / "claims.csv"):
    """The statements to settle, by id: `book/claims.csv` with the columns id, paper, where, statement."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {row["id"]: row for row in rows}
    if len(found) != len(rows):
        raise ValueError(f"{path}: an id stands twice")
    return found


def _number(text):
    """Value and decimals of a printed number ("16.28%", "35/36", "0.9907"), or None if it is something else."""
    text = str(text).strip().replace("\N{MINUS SIGN}", "-")
    if re.fullmatch(r"-?\d+/\d+", text):
        return Fraction(text), None
    if re.fullmatch(r"-?\d*\.?\d+ ?%?", text):
        digits = text.rstrip("% ")
        return Fraction(digits), len(digits.partition(".")[2])
    return None


def _agrees(printed, computed):
    value, decimals = _number(printed)
    tolerance = Fraction(1, 10**9)
    if decimals is not None:  # rounds to the printed digits, a tie either way
        tolerance += Fraction(1, 2 * 10**decimals)
    try:
        return abs(Fraction(computed) - value) <= tolerance
    except (ValueError, OverflowError):  # NaN and infinity agree with nothing
        return False


def _shown(computed, printed):
    if isinstance(computed, str):
        return computed
    number = _number(printed)
    if number is None:
        return f"{float(computed):.4f}"
    _, decimals = number
    if decimals is None:  # printed as a fraction, so shown as one if it is one
        fraction = Fraction(computed).limit_denominator(1000)
        return str(fraction) if abs(fraction - Fraction(computed)) < Fraction(1, 10**9) else f"{float(computed):.4f}"
    return f"{float(computed):.{decimals}f}" + ("%" if str(printed).endswith("%") else "")


def settle(
    id, *, printed, computed=None, holds=None, comparison=None, verdict=None, otherwise="erratum", because="", data=""
):
    """Settle one claim and return it as a `Claim`; `claim` is the same and shows it.

    Exactly one thing decides the verdict:

    - `computed` numbers against `printed` numbers: *confirmed* if every computed value rounds to its printed digits,
      else `otherwise`. Both may be sequences of equal length.
    - `holds`: a bool that the chapter computed: *confirmed* if true, else `otherwise`; `computed` says it in words.
    - `comparison`: a `sidelib.statistics.PairedComparison` of training runs, whose words are *holds here*,
      *does not hold here*, *cannot tell*; `data` must then say on which data.
    - `verdict`: typed, for what no number decides (a missing definition, a clash of symbols); needs `because`.

    Raises:
        ValueError: an unknown id or verdict, nothing or more than one thing that decides, unequal lengths, or a
            missing `because` or `data`.

    >>> settle("T82", printed="0.9907", computed=35 / 36)
    T82 erratum: printed 0.9907 → computed 0.9722
    >>> settle("T79", printed=["1", "1/2", "1", "1"], computed=[1, 0.5, 1, 1]).verdict
    'confirmed'
    """
    known = statements()
    if id not in known:
        raise ValueError(f"id: {id!r} is not in book/claims.csv")
    numbers = isinstance(printed, (list, tuple)) or _number(printed) is not None
    by_numbers = numbers and holds is None and comparison is None and verdict is None
    if sum([by_numbers, holds is not None, comparison is not None, verdict is not None]) != 1:
        raise ValueError(f"{id}: give numbers to compare, or one of holds, comparison and verdict")
    if by_numbers:
        decided, printed, computed = _compare_numbers(id, printed, computed, otherwise)
    elif holds is not None:
        decided = "confirmed" if holds else otherwise
    elif comparison is not None:
        if not data:
            raise ValueError(f"{id}: data: say on which data the runs were compared")
        decided, computed = comparison.verdict, f"{computed + ': ' if computed else ''}{comparison}, {data}"
    else:
        decided = verdict
        if not because:
            raise ValueError(f"{id}: because: a typed verdict needs its reason")
    if decided not in VERDICTS:
        raise ValueError(f"{id}: verdict: expected one of {', '.join(VERDICTS)}, found {decided!r}")
    shown = "–" if computed is None else _shown(computed, printed)
    return Claim(**known[id], printed=str(printed), computed=shown, verdict=decided, because=because)


def _compare_numbers(id, printed, computed, otherwise):
    if not isinstance(printed, (list, tuple)):
        printed, computed = [printed], [computed]
    if len(printed) != len(computed) or not printed:
        raise ValueError(f"{id}: computed: expected {len(printed)} values as printed, found {len(computed)}")
    unread = [text for text in printed if _number(text) is None]
    if unread:
        raise ValueError(f"{id}: printed: not a number: {unread[0]!r}")
    agree = [_agrees(text, value) for text, value in zip(printed, computed)]
    decided = "confirmed" if all(agree) else otherwise
    if len(printed) == 1:
        return decided, printed[0], _shown(computed[0], printed[0])
    if len(printed) <= 6:
        return decided, ", ".join(printed), ", ".join(_shown(c, p) for c, p in zip(computed, printed))
    return decided, f"{len(printed)} values", f"{sum(agree)} of {len(agree)} agree"


def claim(id, **how):
    """Settle one claim and show it: *printed → computed → verdict*. See `settle` for the arguments."""
    from IPython.display import display

    display(settle(id, **how))


def collect(folder):
    """All claims settled in the executed notebooks of a folder, each with `chapter` (the file's stem) added.

    Raises:
        ValueError: a claim settled twice, naming both places.
    """
    settled = {}
    for path in sorted(Path(folder).glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            for output in cell.get("outputs", []):
                found = output.get("data", {}).get(CLAIM_MIME)
                if found is None:
                    continue
                if found["id"] in settled:
                    raise ValueError(f"{found['id']}: settled in {settled[found['id']]['chapter']} and in {path.stem}")
                settled[found["id"]] = found | {"chapter": path.stem}
    return settled
