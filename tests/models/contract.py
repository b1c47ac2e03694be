"""What the tests of all networks over one image ask alike."""

import torch

# what is not a batch of images of at least 32×32 pixels, and the error that says so
WRONG_IMAGES = [
    (torch.rand(3, 64, 64), ValueError),
    (torch.rand(1, 1, 64, 64), ValueError),
    (torch.rand(0, 3, 64, 64), ValueError),
    (torch.rand(1, 3, 31, 64), ValueError),
    (torch.zeros(1, 3, 64, 64, dtype=torch.uint8), TypeError),
]


def assert_takes_autocast_and_channels_last(model, x, *, rtol, atol):
    """`depth` of a network in eval: under bfloat16 near, and in channels-last nearly the same."""
    expected = model(x)["depth"]
    with torch.autocast("cpu", torch.bfloat16):
        depth = model(x)["depth"]
    assert depth.dtype == torch.float32
    torch.testing.assert_close(depth, expected, rtol=rtol, atol=atol)
    model.to(memory_format=torch.channels_last)
    depth = model(x.to(memory_format=torch.channels_last))["depth"]
    torch.testing.assert_close(depth, expected, rtol=1e-4, atol=1e-4)
