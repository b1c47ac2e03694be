"""A reader's run of a chapter beside the published one: its parameters, claims and tables."""

import io
import json
import sys

from sidelib.ledger import CLAIM_MIME

WIDTH = 46


def _cells(notebook):
    """Claims by id and tables by the cell that shows them, in reading order."""
    claims, tables = {}, {}
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if CLAIM_MIME in data:
                claims[data[CLAIM_MIME]["id"]] = data[CLAIM_MIME]
            elif "<table" in "".join(data.get("text/html", "")) and "provenance" not in cell["metadata"].get("tags", []):
                source = [line for line in "".join(cell["source"]).splitlines() if line.strip()]
                tables.setdefault(source[-1] if source else "", []).append("".join(data["text/html"]))
    return claims, tables


def _frames(pages):
    import pandas as pd

    return [frame for page in pages for frame in pd.read_html(io.StringIO(page))]


def compare(published, mine):
    """Print both runs side by side, marking what differs."""
    for path, make in ((published, "make book"), (mine, "make chapter CH=... PROFILE=...")):
        if not path.is_file():
            sys.exit(f"{path}: not there; run `{make}` first")
    notebooks = [json.loads(path.read_text(encoding="utf-8")) for path in (published, mine)]
    for name, notebook in zip(("published", "yours"), notebooks):
        print(f"{name:>9}: {notebook['metadata']['sidelib']['parameters']}")
    (old_claims, old_tables), (new_claims, new_tables) = map(_cells, notebooks)
    print(f"\n{'claim':6}   {'published':{WIDTH}}  yours")
    for id in old_claims | new_claims:
        old, new = (
            f"{found[id]['verdict']}: {found[id]['computed']}" if id in found else "–" for found in (old_claims, new_claims)
        )
        print(f"{id:6} {' ' if old == new else '≠'} {old[:WIDTH]:{WIDTH}}  {new[:WIDTH]}")
    for source in old_tables | new_tables:
        old, new = _frames(old_tables.get(source, [])), _frames(new_tables.get(source, []))
        same = len(old) == len(new) and all(a.equals(b) for a, b in zip(old, new))
        print(f"\n{'the same in both' if same else '≠ differs'}: {source}")
        if not same:
            for name, frames in (("published", old), ("yours", new)):
                for frame in frames:
                    print(f"{name}:\n{frame.to_string(index=False)}")
