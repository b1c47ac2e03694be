"""Training: the data, the modules and what happens to a sample on its way."""

__all__ = []
