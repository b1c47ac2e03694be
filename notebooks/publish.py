"""Build the HTML from the executed chapters, from scratch, and put it in place once it is complete."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from keys import ROOT, digest

BUILD, HTML = ROOT / "_build", ROOT / "_build" / "html"


def _key():
    """Everything that the HTML is made of; the tables and results are in it through the executed chapters."""
    files = sorted(path for path in (ROOT / "book").rglob("*") if path.is_file())
    files += [ROOT / "_config.yml", ROOT / "requirements.txt", Path(__file__)]
    return digest("".join(f"{path.relative_to(ROOT)} {digest(path.read_bytes())}\n" for path in files))


def publish():
    key, stamp = _key(), HTML / ".key"
    if stamp.is_file() and stamp.read_text() == key:
        print(f"The book is up to date: {HTML / 'index.html'}")
        return
    print("Building the HTML ...", flush=True)
    work = BUILD / f"book-{os.getpid()}"
    for old in BUILD.glob("book-*"):
        shutil.rmtree(old, ignore_errors=True)
    command = [Path(sys.executable).with_name("jupyter-book"), "build", ROOT / "book", "--config", ROOT / "_config.yml"]
    command += ["--toc", ROOT / "book" / "_toc.yml", "--path-output", work, "-W", "-n", "--keep-going"]
    # A fresh doctree each time: a second build over an old one does not repeat its warnings, and so would pass.
    run = subprocess.run([str(part) for part in command], capture_output=True, text=True, errors="replace")
    built = work / "_build" / "html"
    if run.returncode or not (built / "index.html").is_file():
        log = BUILD / "book.log"
        log.write_text(run.stdout + run.stderr, encoding="utf-8")
        told = [line for line in (run.stdout + run.stderr).splitlines() if "WARNING" in line or "ERROR" in line]
        sys.exit("\n".join(["The HTML was not built:", *told[:20], f"whole log: {log.relative_to(ROOT)}"]))
    (built / ".key").write_text(key)
    old = BUILD / "html.old"
    shutil.rmtree(old, ignore_errors=True)
    if HTML.exists():
        os.rename(HTML, old)
    os.rename(built, HTML)
    shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(work, ignore_errors=True)
    print(f"The book is built: {HTML / 'index.html'}")
