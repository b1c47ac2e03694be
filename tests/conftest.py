"""nbval runs the baselines exactly as papermill runs the chapters: same threads, instruction sets, seeds and folder."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "notebooks"))

import nbval.plugin  # noqa: E402
from execute import PINS, WORKING_DIRECTORY  # noqa: E402
from nbval.kernel import RunningKernel  # noqa: E402


class PinnedKernel(RunningKernel):
    """nbval's kernel, in the chapters' folder instead of the baseline's."""

    def __init__(self, kernel_name, cwd=None, startup_timeout=60):
        super().__init__(kernel_name, str(WORKING_DIRECTORY), startup_timeout)


def pytest_configure(config):
    if not config.getoption("benchmark_only"):  # benchmarks take the machine as it is
        os.environ.update(PINS)  # the kernels inherit them
    nbval.plugin.RunningKernel = PinnedKernel
