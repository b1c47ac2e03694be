"""What every command of this package does: fetch what may be fetched, say what is to be done by hand, then verify."""

import argparse
import ast
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["DataSet", "File", "drive_url", "run"]


@dataclass(frozen=True)
class File:
    """A file to fetch: `url`, `sha256` and `size` in bytes (None where nobody gives them), its `name` if the address
    does not end in it, and for an archive the path that unpacking it `makes`."""

    url: str
    sha256: str | None = None
    size: int | None = None
    name: str | None = None
    makes: str | None = None


@dataclass(frozen=True)
class DataSet:
    """One data set: its `command`, the module's name here; its `name` for `sidelib.data.load`; its `splits` as `_check.check` takes them; `by_hand`, the steps
    that a person must do, or can do where fetching fails; the `files` that are fetched; `options` of its loader."""

    command: str
    name: str
    splits: Mapping
    by_hand: str
    files: Sequence[File] = ()
    options: Mapping = field(default_factory=dict)


def drive_url(identity):
    """The address that serves a file of Google Drive without the page that asks whether one is sure."""
    return f"https://drive.usercontent.google.com/download?id={identity}&export=download&confirm=t"


def run(data_set, description, argv=None, *, extend=None, more_files=None):
    """Run a data set's command and return its exit status: 0 if the folder is verified and indexed.

    Args:
        data_set: what to fetch and verify.
        description: for `--help`; the module's docstring.
        argv: arguments; None for the command line's.
        extend: called with the argument parser, to add arguments.
        more_files: called with the parsed arguments; the further files that they ask for.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m data_scripts.{data_set.command}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", metavar="DIR", required=True, help="the data set's folder")
    parser.add_argument("--check", action="store_true", help="fetch nothing: only verify and index the folder")
    parser.add_argument("--all", action="store_true", help="read every sample, not only three of a split")
    parser.add_argument("--split", help="verify this split only")
    parser.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", type=_option, help="an option for the loader"
    )
    if extend:
        extend(parser)
    arguments = parser.parse_args(argv)
    root = Path(arguments.out)
    problem = None
    if not arguments.check:
        problem = _fetch_all([*data_set.files, *(more_files(arguments) if more_files else ())], root)
    if not problem and not any(any(root.glob(pattern)) for pattern in data_set.splits.values()):
        problem = f"{root}: expected {' or '.join(sorted(set(data_set.splits.values())))} there"
    if problem:
        steps = data_set.by_hand.strip().replace("DIR", str(root))
        print(f"problem: {problem}\n", file=sys.stderr)
        print(f"By hand:\n{steps}\nThen: {parser.prog} --out {root} --check")
        return 1
    from data_scripts._check import check  # loads torch: not for --help and not before it is needed

    options = dict(data_set.options) | dict(arguments.option)
    return check(data_set.name, root, data_set.splits, options=options, only=arguments.split, every=arguments.all)


def _fetch_all(files, root):
    """Fetch and unpack what is not there yet; what went wrong, or nothing."""
    from data_scripts._archives import unpack
    from data_scripts._fetch import FetchError, fetch

    for file in files:
        if file.makes and (root / file.makes).exists():
            print(f"{root / file.makes}: there already")
            continue
        try:
            path = fetch(file.url, root, name=file.name, sha256=file.sha256, size=file.size)
            if file.makes:
                made = unpack(path, root, file.makes)
                print(f"{made}: unpacked; {path.name} is no longer needed ({path.stat().st_size / 1e9:.3g} GB)")
        except (FetchError, ValueError, OSError) as error:
            return str(error)
    return None


def _option(text):
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, found {text!r}")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value
