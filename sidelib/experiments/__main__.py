"""The experiments from the command line: `python -m sidelib.experiments list | run NAME --profile P | show NAME`."""

import argparse
import sys

from sidelib.experiments.catalogue import EXPERIMENTS
from sidelib.experiments.experiment import PROFILES
from sidelib.experiments.record import RESULTS, Record
from sidelib.experiments.runner import missing, run
from sidelib.experiments.summary import summary

__all__ = ["main"]


def _parser():
    parser = argparse.ArgumentParser(prog="python -m sidelib.experiments", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="the experiments, what they ask, and what is recorded of them")
    runs = commands.add_parser("run", help="train, judge and record what is missing")
    runs.add_argument("name", choices=sorted(EXPERIMENTS))
    runs.add_argument("--profile", choices=PROFILES, default="laptop")
    runs.add_argument("--data", help="one of the experiment's choices of data; scenes by default")
    runs.add_argument("--data-root", metavar="DIR", help="folder of data on disk")
    runs.add_argument("--seeds", type=int, metavar="N", help="those of the profile by default")
    runs.add_argument("--only", nargs="+", metavar="VARIANT", help="some of the variants")
    runs.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    runs.add_argument("--threads", type=int, metavar="N", help="on the CPU; two runners at once want one each")
    runs.add_argument("--devices", metavar="N", help="Lightning's: how many, or which, such as 0,1")
    runs.add_argument("--num-nodes", type=int, metavar="N", help="Lightning's")
    runs.add_argument("--strategy", help="Lightning's, such as ddp")
    runs.add_argument("--precision", help="Lightning's, such as bf16-mixed")
    shows = commands.add_parser("show", help="tables of what is recorded: mean and spread over seeds")
    shows.add_argument("name", choices=sorted(EXPERIMENTS))
    return parser


def main(arguments=None):
    """Run one command; 0 if all went well, 2 for arguments that do not fit."""
    given = _parser().parse_args(arguments)
    try:
        return {"list": _list, "run": _run, "show": _show}[given.command](given)
    except (ValueError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2


def _list(_):
    for name, experiment in EXPERIMENTS.items():
        print(f"{name}: {experiment.about}")
        print(f"    variants: {', '.join(variant.name for variant in experiment.variants)}")
        for data in experiment.plans:
            for profile, sizes in experiment.sizes.items():
                left = len(missing(experiment, Record(name, data, profile), data, profile))
                whole = len(experiment.variants) * sizes.seeds
                if left < whole:
                    print(f"    {data}-{profile}: {whole - left} of {whole} runs recorded")
    return 0


def _run(given):
    flags = {
        name: value
        for name in ("devices", "num_nodes", "strategy", "precision")
        if (value := getattr(given, name)) is not None
    }
    if given.threads is not None:
        import torch

        torch.set_num_threads(given.threads)
    done, left = run(
        EXPERIMENTS[given.name], profile=given.profile, data=given.data, data_root=given.data_root, seeds=given.seeds,
        only=given.only, device=given.device, flags=flags,
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )  # fmt: skip
    print(f"{done} run(s) done" + (f", {left} left to another runner" if left else ""))
    return 0


def _show(given):
    folders = sorted((RESULTS / given.name).glob("*/runs.csv"))
    if not folders:
        print(f"{RESULTS / given.name}: nothing is recorded yet", file=sys.stderr)
        return 2
    for path in folders:
        print(f"\n{path.parent.name}")
        data, _, profile = path.parent.name.rpartition("-")
        print(summary(Record(given.name, data, profile).read("runs")).to_string())
    return 0


if __name__ == "__main__":
    sys.exit(main())
