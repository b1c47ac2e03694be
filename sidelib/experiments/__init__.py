"""What was trained with what, and recorded: declarative experiments, and the runner behind `python -m sidelib.experiments`."""

__all__ = []
