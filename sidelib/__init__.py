"""Losses, metrics and figures behind the reproducible companion to five works on single-image depth estimation.

Lower layers never import upper ones; the chapters in `notebooks/` import this package, never the reverse.
"""
