"""Where a result came from: commit, lock, device, versions, profile, seed, duration."""

import hashlib
import platform
import subprocess
import time
from pathlib import Path

__all__ = ["collect", "show"]

ROOT = Path(__file__).resolve().parent.parent
_STARTED = time.monotonic()  # a chapter imports sidelib in its first cell


def _commit():
    try:
        run = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return run.stdout.strip() or "unknown"


def _processor(device):
    import torch

    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.system()} {platform.machine()}, {torch.get_num_threads()} thread(s)"


def collect(*, profile, data, device, seed):
    """Everything needed to trace a run, as a dict of text; `seconds` counts from the import of this module."""
    import torch

    lock = ROOT / "requirements.txt"
    return {
        "commit": _commit(),
        "lock": hashlib.sha256(lock.read_bytes()).hexdigest()[:12] if lock.is_file() else "unknown",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": f"{device} ({_processor(device)})",
        "profile": profile,
        "data": data,
        "seed": str(seed),
        "seconds": f"{time.monotonic() - _STARTED:.0f}",
    }


def show(**parameters):
    """The provenance of a chapter as a table; call it in the chapter's last cell."""
    import pandas as pd
    from IPython.display import display

    facts = collect(**parameters)
    display(pd.DataFrame({"": facts.values()}, index=list(facts)).style.hide(axis="columns").set_uuid("provenance"))
