"""Benchmarks run with `make bench` (`pytest tests/benchmarks --benchmark-only`) and are left out of every other run."""

import os
import statistics
import time

# Before torch loads OpenMP: threads that spin while they wait slow our short loops thirtyfold on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pytest  # noqa: E402
import torch  # noqa: E402

TABLES = []  # (title, [row, ...]), printed when all benchmarks are done


def pytest_ignore_collect(collection_path, config):
    return None if config.getoption("benchmark_only") else True


def pytest_terminal_summary(terminalreporter):
    for title, rows in TABLES:
        terminalreporter.write_line("")
        terminalreporter.write_line(title)
        name_width, *widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for name, *cells in rows:
            right = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
            terminalreporter.write_line("  ".join(["", name.ljust(name_width), *right]))
    if TABLES:
        load = " ".join(f"{average:.1f}" for average in os.getloadavg())
        threads = f"{torch.get_num_threads()} threads on {os.cpu_count()} cores"
        terminalreporter.write_line(f"\n{threads}; load average {load} (above the cores: others were at work)")


def synchronise():
    if torch.cuda.is_available():
        torch.cuda.synchronize()


@pytest.fixture
def medians(benchmark):
    """Time contenders in turn, round after round, so that a slow moment of the machine meets all of them alike."""

    def measure(contenders, rounds=5):
        seconds = {name: [] for name in contenders}

        def one_round():
            for name, contender in contenders.items():
                synchronise()
                start = time.perf_counter()
                contender()
                synchronise()
                seconds[name].append(time.perf_counter() - start)

        benchmark.pedantic(one_round, rounds=rounds, warmup_rounds=1)
        result = {name: statistics.median(times[1:]) for name, times in seconds.items()}  # without the warm-up
        benchmark.extra_info.update({str(name): value for name, value in result.items()})
        return result

    return measure


@pytest.fixture(scope="session")
def print_table():
    return lambda title, rows: TABLES.append((title, [[str(cell) for cell in row] for row in rows]))
