"""Verify a data set's folder through its loader, compare its counts with the published ones, and index it."""

import json
import os
import sys
from pathlib import Path

from tqdm import tqdm

import sidelib.data

__all__ = ["INDEX", "check"]

INDEX = "index.json"
_OURS = (INDEX, "checksums.json")
_SHOWN = 20  # problems; with a wrong scale every sample has one
_ROW = "{:<18} {:>9} {:>9}  {:<24} {}"


def check(name, root, splits, *, options=None, only=None, every=False):
    """Open every split that is there, count it, read samples, print a table, and write `index.json` if all is well.

    Args:
        name: the data set's name for `sidelib.data.load`.
        root: its folder.
        splits: mapping of each split (None for a data set without) to a glob pattern, relative to the folder: what it
            matches shows that the split is there. A split that is not there is said to be absent, and is no problem as
            long as another one is there.
        options: further options for the loader.
        only: one split, which must be there.
        every: read all samples, not only the first, the middle and the last.

    Returns:
        0 if each split there can be read and has the published count (where there is one); otherwise 1, with one line
        for each problem on the standard error stream, and no index.
    """
    root, options = Path(root), dict(options or {})
    published = sidelib.data.published(name)
    chosen = splits if only is None else {only: splits.get(only, "*")}
    problems, index = [], {}
    print(_ROW.format("split", "found", "published", "verdict", "depth of the samples read"))
    for split, pattern in chosen.items():
        expected = published.get(split or "all")
        there = root.is_dir() and any(root.glob(pattern))
        found, depth, wrong = _look(name, root, split, options, expected, every) if there else (None, "", [])
        verdict = ("as published" if expected else "counted") if there else "absent"
        verdict = f"{len(wrong)} problem{'s' if len(wrong) > 1 else ''}" if wrong else verdict
        print(_ROW.format(split or "all", _text(found), _text(expected), verdict, depth))
        problems += [f"{split or 'all'}: {line}" for line in wrong]
        if there:
            index[split or "all"] = {"samples": found, "published": expected}
    if not index:
        patterns = " or ".join(sorted({str(root / pattern) for pattern in chosen.values()}))
        problems.append(f"{root}: found no split of {name}; expected {patterns}")
    for line in problems[:_SHOWN]:
        print(f"problem: {line}", file=sys.stderr)
    if len(problems) > _SHOWN:
        print(f"problem: and {len(problems) - _SHOWN} more", file=sys.stderr)
    _index(root, None if problems else {"name": name, "options": options, "splits": index})
    return 1 if problems else 0


def _look(name, root, split, options, expected, every):
    """The number of samples, the range of depth in words, and what is wrong."""
    try:
        data = sidelib.data.load(name, root, **options, **({} if split is None else {"split": split}))
        count = len(data)
    except (OSError, ValueError, TypeError) as error:
        return None, "", [str(error)]
    wrong = [] if expected in (None, count) else [f"expected {expected:,} samples, as published, found {count:,}"]
    wrong += [] if count else ["found no sample"]
    places = range(count) if every else sorted({0, count // 2, count - 1} if count else ())
    low, high, relative = float("inf"), 0.0, 0
    for place in tqdm(places, desc=f"{name} {split or ''}", unit=" samples", disable=None if every else True):
        try:
            sample = data[place]
        except (OSError, ValueError, TypeError) as error:
            wrong.append(str(error))
            continue
        if "depth" not in sample:
            relative += 1
        elif sample["mask"].any():
            depth = sample["depth"][sample["mask"]]
            low, high = min(low, depth.min().item()), max(high, depth.max().item())
    return count, f"{low:.2f} to {high:.2f} m" if high else "relative" if relative else "", wrong


def _index(root, content):
    """Write the index, or remove an earlier one that no longer holds."""
    path = root / INDEX
    try:
        if content is None:
            path.unlink(missing_ok=True)
            return
        sizes = [
            os.path.getsize(os.path.join(place, file))
            for place, _, files in os.walk(root)
            for file in files
            if file not in _OURS and not file.endswith((".part", ".part.json"))
        ]
        content |= {"files": len(sizes), "bytes": sum(sizes)}
        temporary = path.with_name(f"{INDEX}.new")
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        os.replace(temporary, path)
        print(f"wrote {path}: {content['files']:,} files, {content['bytes'] / 1e9:.3g} GB")
    except OSError as error:  # somebody else's folder may be read-only, and whole
        if content is not None:
            print(f"no {INDEX} was written: {error}")


def _text(number):
    return "-" if number is None else f"{number:,}"
