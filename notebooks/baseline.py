"""Turn an executed chapter into the baseline that nbval compares against: text outputs only, nothing that varies."""

import json
import os
import re

from keys import ROOT

UNSTABLE = re.compile(r"0x[0-9a-f]{6,}|" + re.escape(str(ROOT)))
VARIES = "nbval-ignore-output"  # cells whose outputs are not compared: they are not kept either


def strip(notebook):
    """A copy with what nbval compares and no more, the same for the same outputs.

    Raises:
        ValueError: an output that holds an address or this machine's path, naming the cell.
    """
    cells = []
    for number, cell in enumerate(notebook["cells"]):
        tags = cell["metadata"].get("tags", [])
        kept = {"cell_type": cell["cell_type"], "id": f"cell-{number:03d}", "metadata": {"tags": tags} if tags else {}}
        kept["source"] = "".join(cell["source"]).splitlines(keepends=True)
        if cell["cell_type"] == "code":
            # nbval takes a cell without a count for one that was never run
            kept |= {"execution_count": cell["execution_count"], "outputs": []}
            if VARIES not in tags:
                kept["outputs"] = [_strip_output(output, number) for output in _joined(cell["outputs"])]
        cells.append(kept)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def _joined(outputs):
    """Outputs with neighbouring pieces of one stream as one: where a kernel flushes depends on timing."""
    found = []
    for output in outputs:
        if output["output_type"] == "stream" and found and found[-1].get("name") == output["name"]:
            text = "".join(found[-1]["text"]) + "".join(output["text"])
            found[-1] = found[-1] | {"text": text.splitlines(keepends=True)}
        else:
            found.append(output)
    return found


def _strip_output(output, number):
    kept = dict(output)
    if "data" in output:
        kept["data"] = {kind: value for kind, value in output["data"].items() if not kind.startswith("image/")}
        kept["metadata"] = {}
    found = UNSTABLE.search(json.dumps(kept))
    if found:
        raise ValueError(
            f"cell {number}: its output holds {found[0]!r}, which differs from run to run or machine to machine"
        )
    return kept


def record(executed, target):
    """Write the baseline of an executed chapter; no change in the outputs gives no change in the file."""
    notebook = json.loads(executed.read_text(encoding="utf-8"))
    try:
        text = json.dumps(strip(notebook), indent=1, ensure_ascii=False) + "\n"
    except ValueError as error:
        raise SystemExit(f"{executed.name}: {error}") from None
    target.parent.mkdir(parents=True, exist_ok=True)
    changed = not target.exists() or target.read_text(encoding="utf-8") != text
    temporary = target.with_suffix(".new")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, target)
    print(f"{target.relative_to(ROOT)}: {'recorded' if changed else 'unchanged'}")
