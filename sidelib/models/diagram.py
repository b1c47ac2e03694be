"""Diagrams of networks, drawn from what their modules return when they run: nothing is placed by hand.

One box a stage, from the image downwards: as wide as its feature map, as high as its number of channels on a
logarithmic scale. The lines between boxes are those of the autograd graph, so skip connections show where they are.
"""

import hashlib
import math
from html import escape

from sidelib.models.measure import example_inputs
from sidelib.models.stages import stages

__all__ = ["diagram"]

_WIDTH, _LEFT, _BAR, _TOP = 400, 40, 130, 26


def diagram(model, size, *, title=None, limit=16):
    """An SVG of the network, as text: the same for the same network, with a title and a description for screen readers.

    Text and lines take the colour of the surrounding text, so that it reads on light and on dark pages; it is narrow
    enough for a phone.

    Args:
        model, size, limit: see `stages`.
        title: of the drawing; the class's name if None.
    """
    found = stages(model, size, limit=limit)
    title = title or type(model).__name__
    inputs = example_inputs(model, size)[0]
    boxes = [("image", tuple(inputs.shape[1:]), []), *((stage.label, stage.shape, stage.reads) for stage in found)]
    y, rows = _TOP, []
    for label, (channels, height, width), reads in boxes:
        thick = round(5 + 2.2 * math.log2(channels), 1)
        wide = round(min(1.15, max(0.03, width / size[1])) * _BAR, 1)
        step = max(thick, 15) + 11
        rows.append((label, f"{channels} × {height} × {width}", reads, wide, thick, round(y + step / 2, 1)))
        y += step
    height = round(y + 8)
    said = "; ".join(f"{label}: {shape}" for label, shape, *_ in rows)
    skips = sum(1 for i, row in enumerate(rows) for read in row[2] if read + 1 < i - 1)
    described = (
        f"{len(found)} stages from top to bottom, each with channels, height and width. {said}. "
        f"{skips} {'line leads' if skips == 1 else 'lines lead'} past a stage."
    )
    key = "d" + hashlib.sha256(f"{title}{described}".encode()).hexdigest()[:10]
    centre = _LEFT + 1.15 * _BAR / 2
    style = f"width:100%;max-width:{_WIDTH + 80}px;height:auto"
    frame = f'viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="{key}-t {key}-d" style="{style}"'
    text = 'font-family="system-ui,sans-serif" font-size="12" fill="currentColor"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {frame} {text}>',
        f'<title id="{key}-t">{escape(title)}</title>',
        f'<desc id="{key}-d">{escape(described)}</desc>',
        f'<text x="6" y="16" font-weight="600">{escape(_short(title, 48))}</text>',
    ]
    for index, (_, _, reads, wide, thick, middle) in enumerate(rows):
        for read in reads:
            parts.append(_line(rows[read + 1], (wide, thick, middle), index - read - 1, centre))
    for label, shape, _, wide, thick, middle in rows:
        parts.append(
            f'<rect x="{centre - wide / 2:.1f}" y="{middle - thick / 2:.1f}" width="{wide}" height="{thick}" rx="2" '
            'fill="#1f8a8a" fill-opacity="0.55" stroke="currentColor" stroke-width="0.8"/>'
        )
        x = _LEFT + 1.15 * _BAR + 10
        parts.append(f'<text x="{x:.0f}" y="{middle - 1:.1f}">{escape(_short(label, 28))}</text>')
        parts.append(f'<text x="{x:.0f}" y="{middle + 11:.1f}" font-size="10.5">{shape}</text>')
    return "\n".join([*parts, "</svg>"])


def _short(text, most):
    return text if len(text) <= most else f"{text[: most // 2 - 1]}…{text[-(most - most // 2) :]}"


def _line(source, target, span, centre):
    """From a box to the next straight down, to a later one round the left side."""
    wide, thick, middle = target
    if span == 1:
        ends = f"M{centre:.1f} {source[5] + source[4] / 2:.1f}V{middle - thick / 2:.1f}"
    else:
        start, stop = centre - source[3] / 2, centre - wide / 2
        bulge = max(4, min(start, stop) - 14 - 4 * min(span, 8))
        ends = (
            f"M{start:.1f} {source[5]:.1f}C{bulge:.1f} {source[5]:.1f} {bulge:.1f} {middle:.1f} {stop:.1f} {middle:.1f}"
        )
    return f'<path d="{ends}" fill="none" stroke="currentColor" stroke-width="1" stroke-opacity="0.75"/>'
