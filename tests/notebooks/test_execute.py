"""Executing chapters: what fails says where, what is interrupted is taken up again, nothing half-made is done."""

import json
import os
import signal
import subprocess
import sys
import time

import execute
import pytest

HEADER = "---\nkernelspec: {name: python3, display_name: Python 3, language: python}\n---\n\n# Title\n\n"
CELL = "```{{code-cell}} ipython3\n{}\n```\n\n"


def cells(*codes):
    parameters = "```{code-cell} ipython3\n:tags: [parameters]\nprofile = 'none'\n```\n\n"
    return HEADER + parameters + "".join(CELL.format(code) for code in codes)


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A project of its own: chapters, pages and results in tmp_path, the scripts and sidelib as they are."""
    for name, path in {"NOTEBOOKS": "notebooks", "CHAPTERS": "book/chapters", "BUILD": "_build"}.items():
        (tmp_path / path).mkdir(parents=True)
        monkeypatch.setattr(execute, name, tmp_path / path)
    for name in ("PAGES", "GATHERED"):
        monkeypatch.setattr(execute, name, [])
    monkeypatch.setattr(execute, "ROOT", tmp_path)
    monkeypatch.setattr(execute, "parts_of", lambda source, parameters, extra=(): {"its source": source.read_text()})
    return tmp_path


def write(house, name, *codes):
    path = house / "notebooks" / f"{name}.md"
    path.write_text(cells(*codes))
    return path


def outputs(house, name):
    notebook = json.loads((house / "book/chapters" / f"{name}.ipynb").read_text())
    return ["".join(output.get("text", "")) for cell in notebook["cells"] for output in cell.get("outputs", [])]


def test_a_failing_cell_says_chapter_cell_and_error_and_the_others_complete(house, capsys):
    write(house, "01_good", "print('fine')")
    write(house, "02_bad", "print('before')", "\nvalue = 1 / 0", "print('after')")
    failures = execute.execute_all()
    assert len(failures) == 1
    assert "02_bad failed in cell 4, which begins 'value = 1 / 0'" in failures[0]
    assert "ZeroDivisionError: division by zero" in failures[0] and len(failures[0].splitlines()) <= 4
    assert outputs(house, "01_good") == ["fine\n"]
    assert not (house / "book/chapters/02_bad.ipynb").exists()
    kept = (house / "_build/failed/02_bad.ipynb").read_text()
    assert "before" in kept and '"after\\n"' not in kept
    assert not list((house / "_build/run").iterdir())


def test_a_failure_leaves_the_earlier_notebook_but_not_as_done(house):
    source = write(house, "01_x", "print('old')")
    assert execute.execute_all() == []
    source.write_text(cells("raise SystemError('new')"))
    for _ in range(2):  # still out of date the second time
        assert len(execute.execute_all()) == 1
    assert outputs(house, "01_x") == ["old\n"]


def test_nothing_is_executed_twice_and_removed_chapters_go(house, capsys):
    write(house, "01_x", "print('x')")
    removed = write(house, "02_y", "print('y')")
    assert execute.execute_all() == []
    made = (house / "book/chapters/01_x.ipynb").stat().st_mtime_ns
    removed.unlink()
    capsys.readouterr()
    assert execute.execute_all() == []
    assert capsys.readouterr().out == ""
    assert (house / "book/chapters/01_x.ipynb").stat().st_mtime_ns == made
    assert not (house / "book/chapters/02_y.ipynb").exists()


def test_a_dead_kernel_is_a_failure(house):
    write(house, "01_x", "import os; os._exit(1)")
    (failure,) = execute.execute_all()
    assert failure.startswith("01_x failed")
    assert not (house / "book/chapters/01_x.ipynb").exists()


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"metadata": {}}', '{"metadata": {"sidelib": 3}}'])
def test_a_damaged_notebook_is_made_again(house, damage):
    write(house, "01_x", "print('x')")
    (house / "book/chapters/01_x.ipynb").write_text(damage)
    assert execute.execute_all() == []
    assert outputs(house, "01_x") == ["x\n"]


def test_parameters_reach_the_chapter_and_text_stays_text(house):
    source = write(house, "01_x", "print(repr(profile), repr(data_root), repr(seed))")
    target = house / "_build/runs/01_x.ipynb"
    assert execute.execute(source, target, {"profile": "laptop", "data_root": "007", "seed": 3}) is None
    assert "'laptop' '007' 3" in target.read_text()


def test_the_same_run_gives_the_same_file_but_for_its_duration(house):
    source = write(house, "01_x", "import random; random.seed(0); print(random.random(), hash('x'))")
    texts = []
    for name in ("a", "b"):
        execute.execute(source, house / f"{name}.ipynb", {"profile": "smoke"})
        notebook = json.loads((house / f"{name}.ipynb").read_text())
        notebook["metadata"]["sidelib"].pop("seconds")
        texts.append(notebook)
    assert texts[0] == texts[1]


RUNNER = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells start background jobs deaf to it
import sys
sys.path[:0] = [{notebooks!r}, {tests!r}]
import execute
from pathlib import Path
house = Path({house!r})
execute.ROOT, execute.NOTEBOOKS, execute.BUILD = house, house / "notebooks", house / "_build"
execute.CHAPTERS, execute.PAGES, execute.GATHERED = house / "book" / "chapters", [], []
execute.parts_of = lambda source, parameters, extra=(): {{"its source": source.read_text()}}
sys.exit("\\n".join(execute.execute_all()) or 0)
"""


@pytest.mark.parametrize(
    "how, whom",
    [(signal.SIGKILL, os.killpg), (signal.SIGINT, os.killpg), (signal.SIGTERM, os.killpg), (signal.SIGINT, os.kill)],
    ids=["killed", "interrupted", "terminated", "interrupted alone"],
)
def test_interrupted_at_any_moment_it_ends_in_the_same_book(house, how, whom):
    started = house / "started"
    code = f"from pathlib import Path; import time; first = not Path({str(started)!r}).exists()"
    slow = f"Path({str(started)!r}).touch(); time.sleep(120 if first else 0); print('whole')"
    write(house, "01_slow", code, slow)
    notebooks = str(execute.WORKING_DIRECTORY)
    program = RUNNER.format(notebooks=notebooks, tests=os.path.dirname(__file__), house=str(house))
    process = subprocess.Popen([sys.executable, "-c", program], start_new_session=True, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not started.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert started.exists()
    whom(process.pid, how)
    process.wait(timeout=45)  # the cell sleeps for 120 s
    assert not list((house / "book/chapters").iterdir())
    assert execute.execute_all() == []
    assert outputs(house, "01_slow") == ["whole\n"]
    assert not list((house / "_build/run").iterdir()), "the working folder of the killed run is still there"
