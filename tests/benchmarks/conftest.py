"""Benchmarks run with `make bench` (`pytest tests/benchmarks --benchmark-only`) and are left out of every other run."""

import statistics
import time

import pytest
import torch

TABLES = []  # (title, [row, ...]), printed when all benchmarks are done


def pytest_ignore_collect(collection_path, config):
    return None if config.getoption("benchmark_only") else True


def pytest_terminal_summary(terminalreporter):
    for title, rows in TABLES:
        terminalreporter.write_line("")
        terminalreporter.write_line(title)
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            cells = (cell.ljust(width) if not at else cell.rjust(width) for at, (cell, width) in enumerate(zip(row, widths)))
            terminalreporter.write_line("  " + "  ".join(cells))


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
