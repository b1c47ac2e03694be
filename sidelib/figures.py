"""One look for every figure and table: type sizes, colours, the depth colour map, how invalid pixels show."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb

__all__ = [
    "COLOURS", "DEPTH_COLOURS", "INVALID", "depth_bar", "show_depth", "show_image", "show_ranks", "show_table", "use_style",
]  # fmt: skip

# Perceptually uniform, readable in greyscale and by colour-blind readers; near is bright, far is dark.
DEPTH_COLOURS = plt.get_cmap("viridis_r").with_extremes(bad="#c4c4c4")
INVALID = to_rgb("#c4c4c4")  # light grey: on no point of the depth colour map

# Okabe and Ito's colours, told apart by colour-blind readers, each with a meaning in the whole book.
COLOURS = {
    "pairwise": "#0072b2",
    "listmle": "#d55e00",
    "weighted": "#009e73",
    "full": "#a8528a",
    "baseline": "#666666",
    "highlight": "#e69f00",
}


def use_style():
    """Set the book's figure style; call it once, in a chapter's first code cell."""
    plt.rcParams.update(
        {
            "figure.dpi": 110,
            "figure.facecolor": "white",
            "savefig.bbox": "tight",
            "font.size": 10,
            "axes.titlesize": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": False,
            "grid.color": "#dddddd",
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "svg.hashsalt": "sidelib",
        }
    )


def _array(value, ndim=2):
    """A NumPy array of `ndim` axes, from a tensor or array with leading axes of length one."""
    value = value.detach().cpu().numpy() if hasattr(value, "detach") else np.asarray(value)
    return value.reshape(value.shape[value.ndim - ndim :])


def _bare(ax, title):
    ax.set_title(title)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)


def show_image(ax, image, title=""):
    """Draw an RGB image `(3, H, W)` or `(1, 3, H, W)` in [0, 1]."""
    drawn = ax.imshow(np.moveaxis(_array(image, ndim=3), 0, -1), interpolation="nearest")
    _bare(ax, title)
    return drawn


def show_depth(ax, depth, mask=None, title="", limits=None):
    """Draw a depth map in metres, `(H, W)` up to leading ones; invalid pixels are light grey. Returns the image."""
    depth = _array(depth).astype(float)
    valid = np.isfinite(depth) if mask is None else _array(mask).astype(bool)
    low, high = limits if limits is not None else (depth[valid].min(), depth[valid].max())
    drawn = ax.imshow(
        np.ma.masked_where(~valid, depth), cmap=DEPTH_COLOURS, vmin=low, vmax=high, interpolation="nearest"
    )
    _bare(ax, title)
    return drawn


def show_ranks(ax, scores, mask=None, title=""):
    """Draw scores (larger = closer) by their rank alone, 0 = closest to 1 = farthest: all that a ranking says."""
    scores = _array(scores).astype(float)
    valid = np.ones_like(scores, dtype=bool) if mask is None else _array(mask).astype(bool)
    values, inverse = np.unique(-scores[valid], return_inverse=True)
    ranks = np.full(scores.shape, np.nan)
    ranks[valid] = inverse / max(len(values) - 1, 1)
    return show_depth(ax, ranks, valid, title, limits=(0, 1))


def depth_bar(drawn, axes, label="depth (m)"):
    """A colour bar with its unit; near at the top, as near things are bright."""
    bar = drawn.figure.colorbar(drawn, ax=axes, label=label, shrink=0.85, pad=0.02)
    bar.ax.invert_yaxis()
    bar.outline.set_visible(False)
    return bar


def show_table(table, caption, key, digits=2):
    """Show a table with a caption that screen readers and text outputs have too.

    Args:
        table: a pandas DataFrame.
        caption: what the table is.
        key: a word, unlike any other table's of the page; it keeps the HTML the same in every build.
        digits: after the point of floats. What is missing shows as a dash.
    """
    from IPython.display import display

    styled = table.style.format(precision=digits, na_rep="–").set_caption(caption).set_uuid(key)
    styled = styled.set_table_attributes('class="dataframe"')
    text = f"{caption}\n{table.round(digits).to_string()}"
    display({"text/html": styled.to_html(), "text/plain": text}, raw=True)
