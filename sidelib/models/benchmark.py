"""Record what the networks of `sidelib.models` cost on this machine: `python -m sidelib.models.benchmark`.

Each network is one step: its rows are written as soon as it is measured, and a run that is started again goes on with
the networks that are missing. DS-SIDENet, DORN and torchvision's DeepLabv3 are also timed in turns, in one run, for the
ratios of the model zoo.
"""

import argparse
import csv
import os
import platform
import sys
from pathlib import Path

import torch

from sidelib import provenance
from sidelib.models.measure import multiply_adds, parameters, peak_memory
from sidelib.models.receptive import receptive_field
from sidelib.models.timing import latencies

__all__ = ["COLUMNS", "REFERENCE", "TURNS", "facts", "main", "measure", "read", "write"]

REFERENCE = "torchvision deeplabv3_resnet50"
# DS-SIDENet's paper compares itself with DORN (and MS-CRF, which is not in this book); the yardstick is DeepLabv3.
TURNS = ("ds-sidenet-low", "ds-sidenet-high", "dorn", REFERENCE)

_WHAT = ("network", "taken", "height", "width", "batch", "dtype", "compiled", "channels_last")
_TIMES = ("seconds", "low", "high", "rounds", "images_per_second")
_FACTS = (
    "parameters", "multiply_adds", "weight_bytes", "activation_bytes",
    "field_height", "field_width", "field_reaches_border", "field_effective",
)  # fmt: skip
_ORIGIN = ("processor", "threads", "commit", "lock", "python", "torch", "device", "seed")
COLUMNS = (*_WHAT, *_TIMES, *_FACTS, *_ORIGIN)


def read(path):
    """The recorded rows, all values text; none if the file is not there.

    Raises:
        ValueError: naming the file, if its columns are others.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            if tuple(rows.fieldnames or ()) != COLUMNS:
                raise ValueError(f"{path}: line 1: expected the columns {', '.join(COLUMNS)}, found {rows.fieldnames}")
            return list(rows)
    except FileNotFoundError:
        return []


def write(path, rows):
    """Write all rows to a temporary file beside `path`, and rename it: a run that is killed leaves a whole file."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with open(partial, "w", encoding="utf-8", newline="") as file:
        made = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        made.writeheader()
        made.writerows(rows)
    os.replace(partial, path)


def _processor(device):
    if device == "cuda":
        return torch.cuda.get_device_name()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def facts(model, size, *, seed=0):
    """What does not depend on the clock: parameters, multiply-adds, memory, receptive field; a dict with text or numbers.

    The receptive field stays empty for a network that has none in the usual sense (no output with a gradient), and the
    measured one also for a network whose output is dead with these random weights.
    """
    memory = peak_memory(model, size)
    found = {
        "parameters": parameters(model)[0],
        "multiply_adds": multiply_adds(model, size),
        "weight_bytes": memory["weights"],
        "activation_bytes": memory["activations"],
    }
    try:
        field = receptive_field(model, size, seed=seed)
    except ValueError as error:
        print(f"  no receptive field: {error}", file=sys.stderr)
        return found
    return found | {
        "field_height": field.height,
        "field_width": field.width,
        "field_reaches_border": field.reaches_border,
        "field_effective": field.effective,
    }


def _key(row):
    return tuple(str(row[name]) for name in _WHAT)


def _settings(taken, size, batches, dtypes, modes, layouts):
    """The rows that one step has to give, without names and numbers."""
    return [
        dict(zip(_WHAT[1:], (taken, *size, batch, dtype, compiled, last)))
        for compiled in modes for last in layouts for dtype in dtypes for batch in batches
    ]  # fmt: skip


def measure(models, settings, *, device, rounds, budget, origin, known):
    """Rows of one step: the networks timed in every setting, in turns if there are several; `known` holds their facts."""
    rows = []
    for setting in settings:
        times = latencies(
            models,
            (setting["height"], setting["width"]),
            device=device,
            dtype=getattr(torch, setting["dtype"]),
            compiled=setting["compiled"],
            channels_last=setting["channels_last"],
            batch=setting["batch"],
            rounds=rounds,
            budget=budget,
        )
        for name, found in times.items():
            row = {"network": name, **setting, "rounds": found.rounds, **known.get(name, {}), **origin}
            for column in ("seconds", "low", "high", "images_per_second"):
                row[column] = f"{getattr(found, column):.6g}"
            rows.append(row)
    return rows


def _reference():
    from torchvision.models.segmentation import deeplabv3_resnet50

    return deeplabv3_resnet50(weights=None, weights_backbone=None)


def _arguments(arguments):
    parser = argparse.ArgumentParser(prog="python -m sidelib.models.benchmark", description=__doc__.splitlines()[0])
    parser.add_argument("--record", type=Path, help="book/results/model-zoo/<device>-<H>x<W>/runs.csv by default")
    parser.add_argument("--size", type=int, nargs=2, default=(480, 640), metavar=("H", "W"))
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--names", nargs="+", metavar="NAME", help="only these networks; all by default")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 4], help="images a pass; several for throughput")
    parser.add_argument(
        "--dtype", nargs="+", default=["float32", "bfloat16"], choices=("float32", "bfloat16", "float16")
    )
    parser.add_argument("--compiled", action="store_true", help="also through torch.compile (needs a C++ compiler)")
    parser.add_argument("--rounds", type=int, default=10, help="timed passes")
    parser.add_argument("--budget", type=float, default=15, help="seconds after which a measurement stops early")
    parser.add_argument("--threads", type=int, help="on the CPU; what torch takes by itself by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--again", action="store_true", help="measure also what is recorded, and replace it")
    return parser.parse_args(arguments)


def _steps(given, all_names):
    chosen = given.names or all_names
    unknown = sorted(set(chosen) - set(all_names))
    if unknown:
        raise SystemExit(f"--names: no such network: {', '.join(unknown)}; there are {', '.join(all_names)}")
    modes = [False, True] if given.compiled else [False]
    alone = _settings("alone", given.size, given.batch, given.dtype, modes, [False])
    steps = [((name,), alone) for name in chosen]
    together = tuple(name for name in TURNS if name in chosen or name == REFERENCE)
    if len(together) > 1:
        steps.append((together, _settings("in turns", given.size, [1], ["float32"], modes, [False, True])))
    return steps


def main(arguments=None):
    """Measure what is missing in the record; 0 if all of it is there now, 1 if a network failed (the others are kept)."""
    from sidelib.models import build, names

    given = _arguments(arguments)
    if given.threads is not None:
        torch.set_num_threads(given.threads)
    device = given.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    folder = "{}-{}x{}".format(device, *given.size)
    path = given.record or provenance.ROOT / "book" / "results" / "model-zoo" / folder / "runs.csv"
    rows, failed, known = read(path), [], {}
    steps = _steps(given, list(names()))
    for number, (step, settings) in enumerate(steps, 1):
        wanted = {_key({"network": name, **setting}) for name in step for setting in settings}
        if not given.again and wanted <= {_key(row) for row in rows}:
            continue
        print(f"[{number}/{len(steps)}] {', '.join(step)}", file=sys.stderr, flush=True)
        try:
            torch.manual_seed(given.seed)
            models = {name: (_reference() if name == REFERENCE else build(name)).eval().to(device) for name in step}
            for name in step:
                known[name] = known.get(name) or facts(models[name], tuple(given.size), seed=given.seed)
            origin = {"processor": _processor(device), "threads": torch.get_num_threads()} | {
                name: value
                for name, value in provenance.collect(profile="", data="", device=device, seed=given.seed).items()
                if name in _ORIGIN
            }
            made = measure(
                models,
                settings,
                device=device,
                rounds=given.rounds,
                budget=given.budget,
                origin=origin,
                known=known,
            )
        except Exception as error:  # noqa: BLE001 one network must not cost the others their measurement
            failed.append(f"{', '.join(step)}: {type(error).__name__}: {error}")
            continue
        rows = [row for row in rows if _key(row) not in wanted] + made
        write(path, rows)
    for line in failed:
        print(line, file=sys.stderr)
    print(path)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
