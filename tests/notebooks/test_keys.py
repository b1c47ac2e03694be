"""What is out of date: following imports by name, and what each kind of change touches."""

import ast

import pytest
from keys import Reach, changes, code_of, parts_of

PACKAGE = {
    "sidelib/__init__.py": '"""Nothing but a docstring."""\n',
    "sidelib/losses/__init__.py": (
        '"""Losses."""\nfrom sidelib.losses.regression import berhu, l1\nfrom .ranking import listmle\n__all__ = ["l1"]\n'
    ),
    "sidelib/losses/regression.py": "from sidelib import _checks\n\ndef l1(): ...\ndef berhu(): ...\n",
    "sidelib/losses/ranking.py": "def listmle():\n    from ..metrics import order\n    return order\n",
    "sidelib/metrics/__init__.py": "from sidelib.metrics.ordering import order\n",
    "sidelib/metrics/ordering.py": "order = 1\n",
    "sidelib/_checks.py": "import math\n",
    "sidelib/busy/__init__.py": "from sidelib.metrics import order\nREGISTRY = {}\nREGISTRY['x'] = order\n",
    "notebooks/execute.py": "",
    "notebooks/keys.py": "",
    "requirements.txt": "torch==1\n",
    "book/claims.csv": "id,paper,where,statement\nT1,thesis,x,one\nT2,thesis,y,two\n",
    "book/tables/thesis_1.csv": "a\n1\n",
    "book/tables/thesis_2.csv": "a\n1\n",
    "book/results/exp/scenes-laptop/runs.csv": "a\n1\n",
}


@pytest.fixture
def project(tmp_path):
    for name, text in PACKAGE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def reached(project, code):
    reach = Reach(project)
    reach.visit(ast.parse(code))
    return {path.relative_to(project / "sidelib").as_posix() for path in reach.files}


@pytest.mark.parametrize(
    ("code", "files"),
    [
        ("from sidelib.losses import berhu", {"losses/regression.py", "_checks.py"}),
        ("from sidelib.losses import listmle as f", {"losses/ranking.py", "metrics/ordering.py"}),
        ("def f():\n    from sidelib.metrics import order", {"metrics/ordering.py"}),
        ("from sidelib.losses.regression import l1", {"losses/regression.py", "_checks.py"}),
        ("from sidelib import _checks", {"_checks.py"}),
        ("import numpy, torch.nn", set()),
        ("import sidelib.metrics", {"metrics/__init__.py", "metrics/ordering.py"}),
        ("from sidelib.metrics import *", {"metrics/__init__.py", "metrics/ordering.py"}),
        ("from sidelib import metrics", {"metrics/__init__.py", "metrics/ordering.py"}),
        ("from sidelib.metrics import no_such_name", {"metrics/__init__.py", "metrics/ordering.py"}),
        ("from sidelib.busy import order", {"busy/__init__.py", "metrics/ordering.py"}),
        ("from sidelib.busy import REGISTRY", {"busy/__init__.py", "metrics/ordering.py"}),
    ],
)
def test_imports_are_followed_by_name(project, code, files):
    assert reached(project, code) == files


def chapter(project, code):
    path = project / "notebooks" / "01_x.md"
    path.write_text(f"# Title\n\n```{{code-cell}} ipython3\n:tags: [x]\n{code}\n```\n")
    return path


@pytest.mark.parametrize(
    ("code", "changed", "stale"),
    [
        ("from sidelib.losses import l1", "sidelib/losses/regression.py", True),
        ("from sidelib.losses import l1", "sidelib/losses/ranking.py", False),
        ("from sidelib.losses import l1", "sidelib/losses/__init__.py", False),
        ("from sidelib.losses import l1", "sidelib/_checks.py", True),
        ("from sidelib.losses import l1", "requirements.txt", True),
        ("from sidelib.losses import l1", "notebooks/execute.py", True),
        ("table('thesis', '1')", "book/tables/thesis_1.csv", True),
        ("table('thesis', '1')", "book/tables/thesis_2.csv", False),
        ("table('thesis', name)", "book/tables/thesis_2.csv", True),
        ("results('exp', 'scenes', 'laptop')", "book/results/exp/scenes-laptop/runs.csv", True),
        ("panel('exp', 'scenes', 'laptop', 'l1-0')", "book/results/exp/scenes-laptop/runs.csv", True),
        ("results(name, 'scenes', 'laptop')", "book/results/exp/scenes-laptop/runs.csv", True),
        ("1", "book/tables/thesis_1.csv", False),
        ("claim('T1', holds=True)", "book/claims.csv", False),  # the row added is another claim's
        ("claim(id, holds=True)", "book/claims.csv", True),
    ],
)
def test_only_what_is_reached_makes_a_chapter_stale(project, code, changed, stale):
    source = chapter(project, code)
    before = parts_of(source, {"profile": "smoke"}, project)
    with open(project / changed, "a") as file:
        file.write("# T9,thesis,z,three\n")
    assert bool(changes(before, parts_of(source, {"profile": "smoke"}, project))) is stale


def test_a_changed_statement_concerns_its_own_claim_only(project):
    source = chapter(project, "claim('T1')")
    before = parts_of(source, {}, project)
    claims = project / "book" / "claims.csv"
    claims.write_text(claims.read_text().replace("two", "two, corrected"))
    assert not changes(before, parts_of(source, {}, project))
    claims.write_text(claims.read_text().replace("one", "one, corrected"))
    assert changes(before, parts_of(source, {}, project)) == ["claim T1"]


def test_results_that_appear_or_vanish_count_as_changed(project):
    source = chapter(project, "results('exp', 'scenes', 'gpu')")
    before = parts_of(source, {}, project)
    runs = project / "book/results/exp/scenes-gpu/runs.csv"
    runs.parent.mkdir()
    runs.write_text("a\n2\n")
    assert changes(before, parts_of(source, {}, project)) == ["results exp scenes gpu"]


def test_parameters_and_source_count(project):
    source = chapter(project, "1")
    before = parts_of(source, {"profile": "smoke"}, project)
    assert changes(before, parts_of(source, {"profile": "laptop"}, project)) == ["its parameters"]
    chapter(project, "2")
    assert changes(before, parts_of(source, {"profile": "smoke"}, project)) == ["its source"]


def test_broken_code_is_left_to_the_execution_to_report(project):
    assert "its source" in parts_of(chapter(project, "def ("), {}, project)


def test_code_of_takes_code_cells_without_options_and_magics():
    source = """---
title: x
---
import not_code
```{code-cell} ipython3
:tags: [hide-input]
import a
%matplotlib inline
```
```python
import not_executed
```
```{code-cell} ipython3
---
tags: [x]
mystnb:
  image: {alt: it's free text}
---
import b

!ls
x = {"k":
:1}
```
"""
    assert code_of(source).split("\n") == ["import a", "import b", "", 'x = {"k":', ":1}"]


def test_the_real_chapters_reach_the_losses_that_they_use():
    from execute import chapters

    parts = {path.stem: parts_of(path, {}) for path in chapters()}
    assert "sidelib/losses/listwise.py" in parts["06_ranking"]
    assert "table thesis 4.1" in parts["06_ranking"] and "claim T82" in parts["06_ranking"]
