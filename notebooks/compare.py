"""A reader's run of a chapter beside the published one: its parameters, claims and tables."""

import json
import sys

from sidelib.ledger import CLAIM_MIME


def _shown(notebook):
    """Claims by id, and tables (as text) by the code that shows them, in reading order."""
    claims, tables = {}, {}
    for cell in notebook["cells"]:
        if "provenance" in cell["metadata"].get("tags", []):
            continue
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if CLAIM_MIME in data:
                claims[data[CLAIM_MIME]["id"]] = data[CLAIM_MIME]
            elif "<table" in "".join(data.get("text/html", "")):
                tables.setdefault("".join(cell["source"]), []).append("".join(data["text/plain"]))
    return claims, tables


def compare(published, mine):
    """Print both runs, claim by claim and table by table; ≠ marks what differs."""
    for path, make in ((published, "make book"), (mine, "make chapter CH=... PROFILE=...")):
        if not path.is_file():
            sys.exit(f"{path}: not there; run `{make}` first")
    notebooks = [json.loads(path.read_text(encoding="utf-8")) for path in (published, mine)]
    for name, notebook in zip(("published", "yours"), notebooks, strict=True):
        print(f"{name:>9}: {notebook['metadata']['sidelib']['parameters']}")
    (old_claims, old_tables), (new_claims, new_tables) = map(_shown, notebooks)
    print()
    for id in old_claims | new_claims:
        old, new = (
            f"{found[id]['verdict']}: {found[id]['computed']}" if id in found else "–"
            for found in (old_claims, new_claims)
        )
        print(f"  {id:5} {new}" if old == new else f"≠ {id:5} published {old}\n{'':8}yours     {new}")
    for source in old_tables | new_tables:
        old, new = ("\n".join(tables.get(source, ["–"])) for tables in (old_tables, new_tables))
        last = [line for line in source.splitlines() if line.strip()][-1].strip()
        print(f"\n{' ' if old == new else '≠'} table shown by ... {last}")
        print(new if old == new else f"published:\n{old}\nyours:\n{new}")
