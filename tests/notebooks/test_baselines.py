"""Tests of the tests: a baseline holds what does not vary, and nbval really fails when what a chapter says changes."""

import json
import subprocess
import sys

import baseline
import execute
import pytest

CHAPTER = """---
kernelspec: {name: python3, display_name: Python 3, language: python}
---

# A small chapter

```{code-cell} ipython3
import matplotlib.pyplot as plt

from sidelib.ledger import claim
from sidelib.papers import table

print("a number:", 40 + 2)
```

```{code-cell} ipython3
claim("T82", printed="0.9907", computed=35 / 36)
```

```{code-cell} ipython3
table("thesis", "4.3")
```

```{code-cell} ipython3
plt.plot([0, 1])
plt.show()
```

```{code-cell} ipython3
:tags: [nbval-ignore-output]
import time

print(time.time(), object())
```
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("baselines")
    (folder / "small.md").write_text(CHAPTER)
    assert execute.execute(folder / "small.md", folder / "small.ipynb", {}) is None
    return baseline.strip(json.loads((folder / "small.ipynb").read_text()))


def nbval(notebook, folder):
    path = folder / "small.ipynb"
    path.write_text(json.dumps(notebook))
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q", "-p", "no:cacheprovider"]
    command += ["-p", "no:xdist", "-o", "addopts=", str(path)]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return run.returncode, run.stdout


def altered(notebook, old, new):
    text = json.dumps(notebook, ensure_ascii=False)
    assert old in text
    return json.loads(text.replace(old, new))


def test_an_unchanged_baseline_passes(recorded, tmp_path):
    code, said = nbval(recorded, tmp_path)
    assert code == 0, said


@pytest.mark.parametrize(
    ("what", "old", "new"),
    [
        ("a printed number", "a number: 42", "a number: 43"),
        ("a claim's verdict", "erratum", "confirmed"),
        ("a claim's computed value", "0.9722", "0.9723"),
        ("a cell of a table", "16.71%", "16.72%"),
    ],
)
def test_nbval_fails_when_it_changes(recorded, tmp_path, what, old, new):
    code, said = nbval(altered(recorded, old, new), tmp_path)
    assert code == 1, f"nbval did not notice that {what} changed:\n{said}"


def test_nbval_fails_when_an_output_is_missing(recorded, tmp_path):
    notebook = json.loads(json.dumps(recorded))
    for cell in notebook["cells"]:
        if "claim(" in "".join(cell["source"]) and cell["cell_type"] == "code" and cell["outputs"]:
            cell["outputs"] = [output for output in cell["outputs"] if "data" not in output]
    assert nbval(notebook, tmp_path)[0] == 1


def test_a_baseline_holds_text_only_and_nothing_that_varies(recorded):
    text = json.dumps(recorded)
    assert "image/png" not in text and "timestamp" not in text and '"execution":' not in text
    assert str(execute.ROOT) not in text
    varying = [cell for cell in recorded["cells"] if "nbval-ignore-output" in cell["metadata"].get("tags", [])]
    assert varying and all(cell["outputs"] == [] for cell in varying)
    assert [cell["id"] for cell in recorded["cells"]] == [f"cell-{k:03d}" for k in range(len(recorded["cells"]))]


@pytest.mark.parametrize("text", ["<function f at 0x7f1234567890>", f"read {execute.ROOT}/x.csv"])
def test_outputs_that_vary_are_refused(text):
    output = {"output_type": "stream", "name": "stdout", "text": text}
    cell = {"cell_type": "code", "metadata": {}, "source": "x", "execution_count": 1, "outputs": [output]}
    with pytest.raises(ValueError, match="cell 0: its output holds"):
        baseline.strip({"cells": [cell]})


def test_a_stream_that_was_flushed_in_pieces_is_recorded_as_one():
    piece = {"name": "stdout", "output_type": "stream"}
    outputs = [piece | {"text": ["a\n"]}, piece | {"text": ["b\n", "c\n"]}, {"output_type": "display_data", "data": {}}]
    cell = {"cell_type": "code", "metadata": {}, "source": [], "execution_count": 1}
    whole, pieces = (
        baseline.strip({"cells": [cell | {"outputs": [*first, outputs[2], outputs[0]]}]})
        for first in ([piece | {"text": ["a\n", "b\n", "c\n"]}], outputs[:2])
    )
    assert pieces == whole and len(whole["cells"][0]["outputs"]) == 3


def test_recording_again_without_a_change_gives_the_same_bytes(recorded, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(baseline, "ROOT", tmp_path)
    executed = tmp_path / "executed.ipynb"
    executed.write_text(json.dumps(recorded))
    for said in ("recorded", "unchanged"):
        baseline.record(executed, tmp_path / "b.ipynb")
        assert said in capsys.readouterr().out
    assert not list(tmp_path.glob("*.new"))


def test_every_chapter_has_a_baseline_of_its_present_source():
    """A chapter without one, or edited since, would not be checked at all."""
    for source in execute.chapters():
        recorded = json.loads((execute.ROOT / "tests" / "baselines" / f"{source.stem}.ipynb").read_text())
        executed = json.loads((execute.CHAPTERS / f"{source.stem}.ipynb").read_text())
        old, new = (["".join(cell["source"]) for cell in notebook["cells"]] for notebook in (recorded, executed))
        same = old == new  # said in one line: pytest would print both chapters
        assert same, f"{source.stem} was edited since its baseline: run make baseline and look at the diff"
