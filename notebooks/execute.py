"""Execute the chapters that are out of date, and publish the book.

    python notebooks/execute.py book                         every chapter, then the HTML
    python notebooks/execute.py chapter 06_ranking --profile laptop --data NAME --data-root DIR
    python notebooks/execute.py baseline                     re-record tests/baselines
    python notebooks/execute.py compare 06_ranking           the reader's last run beside the published one

Each chapter goes through jupytext and papermill into a folder of its own, and takes its place by one rename once it
is complete: whatever is interrupted, at whatever moment, what stands in book/chapters is whole.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from keys import ROOT, changes, parts_of

NOTEBOOKS, CHAPTERS, BUILD = ROOT / "notebooks", ROOT / "book" / "chapters", ROOT / "_build"
PAGES = [ROOT / "book" / "intro.md"]  # executed like chapters, without parameters
GATHERED = [ROOT / "book" / "ledger.md", ROOT / "book" / "status.md"]  # executed last: they read the chapters

# Sums differ between one thread and two, and between instruction sets; papermill and nbval get the same (smoke only:
# larger profiles take the machine as it is).
PINS = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_CBWR": "COMPATIBLE",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "PYTHONHASHSEED": "0",
    "CUDA_VISIBLE_DEVICES": "",
}
# Threads that spin while they wait make short operations many times slower as soon as another process has a core.
EVERYWHERE = {"OMP_WAIT_POLICY": "PASSIVE"}
WORKING_DIRECTORY = NOTEBOOKS

_print_lock = threading.Lock()
_running = set()  # papermill's processes


def say(text):
    with _print_lock:
        print(text, flush=True)


def chapters():
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.md"))


def recorded_parts(path):
    """What a finished notebook was made from; nothing for one that is missing or not ours."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))["metadata"]["sidelib"]["parts"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def out_of_date(source, target, parameters, extra=()):
    """Why `target` must be executed again (names of what changed), or nothing."""
    return changes(recorded_parts(target), parts_of(source, parameters, extra=extra))


def _clean_up_after_the_dead():
    """Remove the working folders of runs that were killed."""
    for folder in (BUILD / "run").glob("*-*"):
        try:
            os.kill(int(folder.name.rpartition("-")[2]), 0)
        except (ValueError, ProcessLookupError):
            shutil.rmtree(folder, ignore_errors=True)
        except PermissionError:
            pass  # somebody else's, and alive


def execute(source, target, parameters, extra=()):
    """Execute one notebook into `target`. Returns None, or a few lines that say what failed where."""
    name, started = source.stem, time.monotonic()
    work = BUILD / "run" / f"{name}-{os.getpid()}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    parts = parts_of(source, parameters, extra=extra)  # before running: a change made meanwhile is not in the outputs
    plain, done = work / "plain.ipynb", work / f"{name}.ipynb"
    _convert(source, plain)
    command = [sys.executable, "-m", "papermill", plain, done, "--cwd", WORKING_DIRECTORY, "--kernel", "python3"]
    # Saved after each of its cells, a long chapter would spend a fifth of its time on that; half a minute is often enough.
    command += ["--no-progress-bar", "--log-output", "--no-request-save-on-cell-execute", "--autosave-cell-every", "30"]
    for key, value in parameters.items():
        command += ["-r" if isinstance(value, str) else "-p", key, value]  # -r: text stays text
    environment = os.environ | EVERYWHERE | (PINS if parameters.get("profile", "smoke") == "smoke" else {})
    log = _run_and_report(name, command, environment)
    notebook = json.loads(done.read_text(encoding="utf-8")) if done.exists() else {"cells": []}
    failure = _failure(notebook, log)
    if failure:
        kept = BUILD / "failed" / done.name
        kept.parent.mkdir(parents=True, exist_ok=True)
        if done.exists():
            os.replace(done, kept)
        shutil.rmtree(work)
        return f"{name} failed {failure}\n  kept up to there: {kept.relative_to(ROOT)}"
    seconds = round(time.monotonic() - started, 1)
    notebook["metadata"]["sidelib"] = {
        "parts": parts,
        "parameters": parameters,
        "seconds": seconds,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    done.write_text(json.dumps(_tidy(notebook), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(done, target)
    shutil.rmtree(work)
    say(f"{name}: done in {seconds:.0f} s")
    return None


def _convert(source, target):
    import jupytext

    notebook = jupytext.read(source)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:03d}"  # jupytext would make random ones
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    jupytext.write(notebook, target)


def _run_and_report(name, command, environment):
    """Run papermill and show its progress: every cell on a terminal, every ten seconds elsewhere."""
    command = [str(part) for part in command]
    log, spoke = [], time.monotonic()
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        _running.add(process)
        for line in process.stderr:
            log.append(line)
            cell = re.search(r"Executing Cell (\d+)", line)
            if cell and (sys.stdout.isatty() or time.monotonic() - spoke > 10):
                spoke = time.monotonic()
                say(f"{name}: cell {cell[1]}")
    _running.discard(process)
    return log if process.returncode else None


def _written(notebook):
    """The chapter's own cells: papermill puts others before one that fails."""
    return [cell for cell in notebook["cells"] if "papermill-error-cell-tag" not in cell["metadata"].get("tags", [])]


def _failure(notebook, log):
    for number, cell in enumerate(_written(notebook)):
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                lines = [line for line in "".join(cell["source"]).splitlines() if line.strip()]
                return f"in cell {number}, which begins {lines[0]!r}:\n  {output['ename']}: {output['evalue']}"
    return None if log is None else "outside its cells:\n  " + "  ".join(log[-5:])


def _tidy(notebook):
    """Drop papermill's timings, fix the ids of the cells that it made, and hide the parameters it put in."""
    for key in ("papermill", "jupytext"):
        notebook["metadata"].pop(key, None)
    for number, cell in enumerate(notebook["cells"]):
        cell["id"] = f"cell-{number:03d}"
        for key in ("papermill", "execution"):
            cell["metadata"].pop(key, None)
        if "injected-parameters" in cell["metadata"].get("tags", []):
            cell["metadata"]["tags"].append("remove-cell")
    return notebook


def execute_all():
    """Execute what is out of date, the chapters side by side and then the pages that gather them."""
    _clean_up_after_the_dead()
    failures = _execute_stale([(source, ()) for source in [*chapters(), *PAGES]])
    done = tuple(CHAPTERS / f"{source.stem}.ipynb" for source in chapters())
    if not failures:
        failures = _execute_stale([(page, done) for page in GATHERED])
        known = {path.stem for path in [*chapters(), *PAGES, *GATHERED]}
        for stray in CHAPTERS.glob("*.ipynb"):
            if stray.stem not in known:  # a chapter that was renamed or removed
                stray.unlink()
    return failures


def _execute_stale(sources):
    stale = []
    for source, extra in sources:
        given = {"profile": "smoke"} if source.parent == NOTEBOOKS else {}
        why = out_of_date(source, CHAPTERS / f"{source.stem}.ipynb", given, extra)
        if why:
            say(f"{source.stem}: executing" + (f" (changed: {', '.join(why)})" if len(why) < 5 else ""))
            stale.append((source, CHAPTERS / f"{source.stem}.ipynb", given, extra))
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        try:
            return [failure for failure in pool.map(lambda job: execute(*job), stale) if failure]
        except KeyboardInterrupt:
            for process in list(_running):
                process.terminate()  # it can miss an interrupt, or not be sent one, and the pool waits for it
            raise


def command_book(arguments):
    failures = execute_all()
    if failures:
        sys.exit("\n".join(["", *failures, "", "The book was not built."]))
    import publish

    publish.publish()


def _source(name):
    if name not in [path.stem for path in chapters()]:
        sys.exit(f"CH: no chapter {name!r}; there are: {', '.join(path.stem for path in chapters())}")
    return NOTEBOOKS / f"{name}.md"


def command_chapter(arguments):
    given = {key: value for key in ("profile", "data", "data_root", "device") if (value := getattr(arguments, key))}
    if arguments.seed is not None:
        given["seed"] = arguments.seed
    if "data_root" in given:
        given["data_root"] = str(Path(given["data_root"]).resolve())
    source = _source(arguments.name)
    _clean_up_after_the_dead()
    target = BUILD / "runs" / f"{arguments.name}.ipynb"
    failure = execute(source, target, given)
    if failure:
        sys.exit(failure)
    print(target)


def command_baseline(arguments):
    import baseline

    failures = execute_all()
    if failures:
        sys.exit("\n".join(failures))
    for source in chapters():
        baseline.record(CHAPTERS / f"{source.stem}.ipynb", ROOT / "tests" / "baselines" / f"{source.stem}.ipynb")


def command_compare(arguments):
    import compare

    _source(arguments.name)
    compare.compare(CHAPTERS / f"{arguments.name}.ipynb", BUILD / "runs" / f"{arguments.name}.ipynb")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    for name in ("book", "baseline"):
        commands.add_parser(name).set_defaults(run=globals()[f"command_{name}"])
    chapter = commands.add_parser("chapter")
    chapter.add_argument("name", nargs="?", default="")
    for option in ("profile", "data", "data-root", "device"):
        chapter.add_argument(f"--{option}", default="")
    chapter.add_argument("--seed", type=int)
    chapter.set_defaults(run=command_chapter)
    compared = commands.add_parser("compare")
    compared.add_argument("name", nargs="?", default="")
    compared.set_defaults(run=command_compare)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
