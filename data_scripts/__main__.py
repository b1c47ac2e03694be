"""List the data sets that have a command: `python -m data_scripts`."""

import importlib

import data_scripts

__all__ = ["main"]


def main():
    """Print each name with the first line of its module, and how to go on; the exit status is 0."""
    for name in data_scripts.__all__:
        module = importlib.import_module(f"data_scripts.{name}")
        print(f"{name:<12} {module.__doc__.splitlines()[0]}")
    print("\npython -m data_scripts.NAME --help   says more; --out DIR fetches and verifies; --check only verifies")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
