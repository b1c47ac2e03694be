"""Small pictures of what a network predicts: image, truth, prediction, for one sample of each test set."""

import torch

__all__ = ["panel"]


def panel(network, tests, device, *, index=0):
    """A function that draws the panel to a file: a row for each test set.

    Args:
        network: images to a mapping with `depth` or `score`.
        tests: from `sidelib.experiments.data.open_tests`.
        index: of the sample in each test set.
    """
    found = []
    for name, (dataset, _) in tests.items():
        sample = dataset[index]
        with torch.no_grad():
            output = network(sample["image"][None].to(device))
        key = "depth" if "depth" in output else "score"
        found.append((name, sample, key, output[key][0].float().cpu()))

    def draw(path):
        import matplotlib

        from sidelib.figures import show_depth, show_image, show_ranks

        matplotlib.use("Agg", force=False)
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots(
            len(found), 3, figsize=(6, 1.7 * len(found)), squeeze=False, layout="constrained", dpi=80
        )
        for row, (name, sample, key, predicted) in zip(axes, found):
            depth, mask = sample["depth"], sample["mask"]
            show_image(row[0], sample["image"], name)
            if key == "score":
                show_ranks(row[1], -depth, mask, "truth, by rank")
                show_ranks(row[2], predicted, title="predicted")
                continue
            limits = (depth[mask].min().item(), depth[mask].max().item())
            show_depth(row[1], depth, mask, f"truth, {limits[0]:.1f}–{limits[1]:.1f} m", limits)
            show_depth(row[2], predicted, title="predicted", limits=limits)
        figure.savefig(path, format="png")
        plt.close(figure)

    return draw
