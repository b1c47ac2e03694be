"""How fast the exact ranking measures and ListMLE are, and against what. Nothing is asserted: the numbers are printed.

All ratios compare medians of the same run, taken in turn. "extrapolated" marks what would not finish.
"""

import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau
from sklearn.metrics import average_precision_score

from sidelib.losses import listmle
from sidelib.metrics import mean_average_precision, order_from_depth, whdr

IMAGE = 640 * 480
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
ON_EACH_DEVICE = pytest.mark.parametrize("device", DEVICES)


def ranking(size, device="cpu", seed=0):
    """A true order of `size` items and scores that follow it with noise."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(size, generator=generator)
    scores = torch.empty(size)
    scores[order] = -torch.linspace(0, 4, size) + torch.randn(size, generator=generator)
    return scores.to(device), order.to(device)


def duration(seconds):
    units = ((1e-3, 1e6, "µs"), (1, 1e3, "ms"), (120, 1, "s"), (7200, 1 / 60, "min"), (172800, 1 / 3600, "h"))
    scale, unit = next(((scale, unit) for limit, scale, unit in units if seconds < limit), (1 / 86400, "days"))
    return f"{seconds * scale:.3g} {unit}"


def against(ours, rows):
    """Rows of (name, seconds) with a last column: how many times as long as ours."""
    return [("", "median", "ratio"), *((name, duration(time), f"{time / ours:,.2f}") for name, time in rows)]


def cuts_by_scikit_learn(scores, order, cuts):
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return [average_precision_score(rank < cut, scores) for cut in cuts]


@ON_EACH_DEVICE
def test_map_of_an_image(medians, print_table, device):
    scores, order = ranking(IMAGE, device)
    in_numpy, cuts = (scores.cpu().numpy(), order.cpu().numpy()), np.linspace(1, IMAGE - 1, 20).astype(int)
    times = medians(
        {
            "ours": lambda: mean_average_precision(scores, order),
            "cuts": lambda: cuts_by_scikit_learn(*in_numpy, cuts),
        },
    )
    one_cut = times["cuts"] / len(cuts)
    rows = [
        ("mean_average_precision, exact, all cuts", times["ours"]),
        ("scikit-learn, one cut (mean of 20)", one_cut),
        (f"scikit-learn, all {IMAGE - 1} cuts (extrapolated)", one_cut * (IMAGE - 1)),
    ]
    print_table(f"MAP of 640x480 pixels, {device}", against(times["ours"], rows))


def test_map_by_its_definition_where_that_finishes(medians, print_table):
    sizes = (300, 1000, 3000)
    contenders = {}
    for size in sizes:
        scores, order = ranking(size)
        in_numpy = scores.numpy(), order.numpy(), range(1, size)
        contenders["ours", size] = lambda pair=(scores, order): mean_average_precision(*pair)
        contenders["definition", size] = lambda all_cuts=in_numpy: np.mean(cuts_by_scikit_learn(*all_cuts))
    times = medians(contenders, rounds=3)
    rows = [("items", "ours", "scikit-learn, every cut", "ratio")]
    for size in sizes:
        ours, definition = times["ours", size], times["definition", size]
        rows.append((size, duration(ours), duration(definition), f"{definition / ours:,.0f}"))
    print_table("MAP in full, cpu", rows)


@ON_EACH_DEVICE
def test_whdr_of_an_image(medians, print_table, device):
    scores, order = ranking(IMAGE, device)
    levels = torch.arange(IMAGE, device=device) * 256 // IMAGE
    truth, ranked, tied_truth = -np.arange(IMAGE), scores[order].cpu().numpy(), -levels.cpu().numpy()
    times = medians(
        {
            "whdr": lambda: whdr(scores, order),
            "scipy.stats.kendalltau": lambda: kendalltau(truth, ranked),
            "whdr, 256 levels": lambda: whdr(scores, order, levels),
            "scipy.stats.kendalltau, 256 levels": lambda: kendalltau(tied_truth, ranked),
        }
    )
    print_table(f"WHDR of 640x480 pixels, {device}", against(times["whdr"], times.items()))


def textbook_listmle(scores, order):
    ranked = scores[order]
    return sum(ranked[k:].logsumexp(0) - ranked[k] for k in range(len(order)))


def float32_cumulative_sum(scores, order):
    ranked = scores[order]
    peak = ranked.detach().max()
    return ((ranked - peak).exp().flip(0).cumsum(0).flip(0).log() + peak - ranked).sum()


def value_and_gradient(loss, scores, order):
    scores = scores.detach().requires_grad_()
    value = loss(scores, order)
    return value.detach(), *torch.autograd.grad(value, scores)


def forward_and_backward(loss, scores, order):
    return lambda: value_and_gradient(loss, scores, order)


@ON_EACH_DEVICE
def test_listmle_of_an_image(medians, print_table, device):
    scores, order = ranking(IMAGE, device)
    contenders = {
        "listmle": forward_and_backward(listmle, scores, order),
        "float32 cumulative sum, autograd": forward_and_backward(float32_cumulative_sum, scores, order),
        "torch.sort of the same size": lambda: torch.sort(scores),
    }
    sizes = (1000, 2000, 4000)
    for size in sizes:
        contenders[f"textbook loop, {size} items"] = forward_and_backward(textbook_listmle, *ranking(size, device))
    times = medians(contenders)
    # Each step costs a launch and a slice: time = a N + b N², fitted to relative errors.
    loop = np.array([times[f"textbook loop, {size} items"] for size in sizes])
    powers = np.array([[size, size**2] for size in sizes])
    fitted = np.linalg.lstsq(powers / loop[:, None], np.ones(len(sizes)), rcond=None)[0]
    times["textbook loop, 307200 items (extrapolated)"] = fitted @ [IMAGE, IMAGE**2]
    title = f"ListMLE of 640x480 pixels, order given, forward and backward, {device}"
    print_table(title, against(times["listmle"], times.items()))
    exact = value_and_gradient(listmle, scores.double(), order)
    rows = [("", "value, relative", "gradient, largest")]
    for loss in (listmle, float32_cumulative_sum):
        value, gradient = value_and_gradient(loss, scores, order)
        wrong = abs(value / exact[0] - 1).item(), (gradient - exact[1]).abs().max().item()
        rows.append((loss.__name__, *(f"{error:.0e}" for error in wrong)))
    print_table("... and the errors against float64", rows)


@ON_EACH_DEVICE
def test_time_against_length(medians, print_table, device):
    sizes = [10**power for power in range(3, 8)]
    contenders = {}
    for size in sizes:
        pair = ranking(size, device)
        contenders["mean_average_precision", size] = lambda pair=pair: mean_average_precision(*pair)
        contenders["whdr", size] = lambda pair=pair: whdr(*pair)
        contenders["listmle, forward and backward", size] = forward_and_backward(listmle, *pair)
    times = medians(contenders, rounds=3)
    rows = [("items", *(f"{size:.0e}" for size in sizes), "slope, all", "slope, last two")]
    for name in dict.fromkeys(name for name, _ in times):
        seconds = [times[name, size] for size in sizes]
        slope = np.polyfit(np.log10(sizes), np.log10(seconds), 1)[0]
        rows.append((name, *map(duration, seconds), f"{slope:.2f}", f"{np.log10(seconds[-1] / seconds[-2]):.2f}"))
    print_table(f"Time against number of items, log-log slope, {device}", rows)


PEAK_MEMORY = """
import sys, torch
sys.path.insert(0, "tests/benchmarks")
from test_ranking_speed import *
def kilobytes(field):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(field))
pair = ranking(int(sys.argv[2]))
before = kilobytes("VmRSS")
eval(sys.argv[1])
print(1024 * (kilobytes("VmHWM") - before))
"""  # not getrusage: its maximum survives exec, and so would be that of pytest itself


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_peak_memory(benchmark, print_table, pytestconfig):
    calls = ["mean_average_precision(*pair)", "whdr(*pair)", "forward_and_backward(listmle, *pair)()"]
    rows = [("peak beyond the inputs", "1e6 items", "1e7 items", "bytes an item")]

    def peak(call, size):
        command = [sys.executable, "-c", PEAK_MEMORY, call, str(size)]
        return int(subprocess.check_output(command, cwd=pytestconfig.rootpath))

    def measure():
        for call in calls:
            small, large = peak(call, 10**6), peak(call, 10**7)
            rows.append((call, f"{small / 1e6:.0f} MB", f"{large / 1e6:.0f} MB", f"{(large - small) / 9e6:.0f}"))

    benchmark.pedantic(measure, rounds=1)
    print_table("Peak memory, cpu", rows)


def test_order_of_an_image(medians, print_table):
    depth = 1 + torch.rand(1, 1, 480, 640, generator=torch.Generator().manual_seed(0))
    times = medians({"order_from_depth": lambda: order_from_depth(depth), "torch.sort": lambda: depth.flatten().sort()})
    print_table("order_from_depth of 640x480 pixels, cpu", against(times["order_from_depth"], times.items()))
