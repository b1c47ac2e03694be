"""Small pictures of what a network predicts: image, truth, prediction, for a few samples of the test sets."""

import torch

__all__ = ["panel"]

_LOOKED_AT = 100  # samples of a test set, among which those that are shown are chosen


def _typical(dataset, count):
    """Places of `count` samples, evenly spread from the nearest to the farthest by their median depth."""
    medians = {}
    for index in range(min(_LOOKED_AT, len(dataset))):
        sample = dataset[index]
        if sample["mask"].any():
            medians[index] = sample["depth"][sample["mask"]].median().item()
    order = sorted(medians, key=medians.get)
    count = min(count, len(order))
    return [order[len(order) * (2 * place + 1) // (2 * count)] for place in range(count)]


def panel(network, tests, device, *, rows=4):
    """A function that draws the panel to a file; where only the order of depths is judged, it shows ranks.

    Args:
        network: images to a mapping with `depth` or `score`.
        tests: from `sidelib.experiments.data.open_tests`.
        rows: how many at most, shared by the test sets; each gets one at least.
    """
    each = max(1, rows // len(tests))
    found = []
    for name, (dataset, judgement) in tests.items():
        for index in _typical(dataset, each):
            sample = dataset[index]
            with torch.no_grad():
                output = network(sample["image"][None].to(device))
            scores = output["score"] if "score" in output else -output["depth"]
            ranked = "score" in output or not judgement.protocols
            found.append((name, sample, ranked, scores[0].float().cpu()))

    def draw(path):
        import matplotlib

        from sidelib.figures import show_depth, show_image, show_ranks

        matplotlib.use("Agg", force=False)
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots(
            len(found), 3, figsize=(6, 1.7 * len(found)), squeeze=False, layout="constrained", dpi=75
        )
        for row, (name, sample, ranked, scores) in zip(axes, found):
            depth, mask = sample["depth"], sample["mask"]
            show_image(row[0], sample["image"][:3], name)
            if ranked:
                show_ranks(row[1], -depth, mask, "truth, by rank")
                show_ranks(row[2], scores, title="predicted, by rank")
                continue
            limits = (depth[mask].min().item(), depth[mask].max().item())
            show_depth(row[1], depth, mask, f"truth, {limits[0]:.1f}–{limits[1]:.1f} m", limits)
            show_depth(row[2], -scores, title="predicted", limits=limits)
        figure.savefig(path, format="png")
        plt.close(figure)

    return draw
