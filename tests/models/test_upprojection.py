"""Up-projection: the interleaved form is the plain one, its padding has a side, and un-pooling fills the top left."""

import pytest
import torch
from torch.nn import functional as F

from sidelib.models.upprojection import UnpoolConvolution, UpProjection, interleave, unpool


def rand(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def settled(module):
    """In evaluation, with batch norms that do something."""
    generator = torch.Generator().manual_seed(1)
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            for values in (part.weight.data, part.bias.data, part.running_mean, part.running_var):
                values.copy_(0.5 + torch.rand(values.shape, generator=generator))
    return module.double().eval()


def test_convention_unpooling_puts_each_value_at_the_top_left_of_its_cell():
    x = rand(2, 3, 4, 5)
    y = unpool(x, 3)
    assert y.shape == (2, 3, 12, 15)
    assert torch.equal(y[..., ::3, ::3], x)
    assert torch.count_nonzero(y) == x.numel()


def test_interleaving_weaves_inside_a_channel_where_pixel_shuffle_on_joined_maps_mixes_channels():
    a, b, c, d = (rand(1, 2, 3, 4) + 10 * k for k in range(4))
    y = interleave(a, b, c, d)
    for found, expected in (
        (y[..., ::2, ::2], a),
        (y[..., ::2, 1::2], b),
        (y[..., 1::2, ::2], c),
        (y[..., 1::2, 1::2], d),
    ):
        assert torch.equal(found, expected)
    assert not torch.equal(F.pixel_shuffle(torch.cat((a, b, c, d), 1), 2), y)


@pytest.mark.parametrize("size", [(1, 1), (1, 4), (5, 7), (6, 6)])
@pytest.mark.parametrize("bias", [False, True])
def test_the_fast_form_equals_unpooling_and_a_5x5_convolution(size, bias):
    fast = UnpoolConvolution(3, 4, bias=bias).double()
    if bias:
        fast.bias.data += rand(4, 1, 1)
    plain = UnpoolConvolution(3, 4, plain=True, bias=bias).double()
    plain.load_state_dict(fast.state_dict())
    x = rand(2, 3, *size)
    by_hand = F.conv2d(unpool(x), plain.whole.weight, plain.bias.flatten() if bias else None, padding=2)
    assert by_hand.abs().max() > 0.1
    torch.testing.assert_close(plain(x), by_hand)
    torch.testing.assert_close(fast(x), by_hand)


def test_both_forms_equal_a_transposed_convolution_with_the_flipped_kernel():
    """A reference that shares neither `unpool` nor `interleave`; one changed weight must break the equality."""
    fast, plain = UnpoolConvolution(3, 4).double(), UnpoolConvolution(3, 4, plain=True).double()
    plain.load_state_dict(fast.state_dict())
    x, kernel = rand(2, 3, 5, 7), plain.whole.weight.detach().flip(2, 3).transpose(0, 1)
    expected = F.conv_transpose2d(x, kernel, stride=2, padding=2, output_padding=1)
    torch.testing.assert_close(fast(x), expected)
    torch.testing.assert_close(plain(x), expected)
    fast.odd_even.weight.data[0, 0, 0, 0] += 0.5
    assert (fast(x) - expected).abs().max() > 0.1


def test_each_part_of_the_kernel_by_hand():
    """One pixel of value 1: output (p, q) is the kernel at (2 - p, 2 - q), as a convolution is a correlation."""
    fast = UnpoolConvolution(1, 1).double()
    plain = UnpoolConvolution(1, 1, plain=True).double()
    plain.load_state_dict(fast.state_dict())
    kernel = plain.whole.weight[0, 0]
    torch.testing.assert_close(fast(torch.ones(1, 1, 1, 1, dtype=torch.float64))[0, 0], kernel[1:3, 1:3].flip(0, 1))


@pytest.mark.parametrize("train", [False, True])
def test_both_forms_of_the_block_agree_in_values_and_gradients(train):
    fast, plain = UpProjection(6, 4), UpProjection(6, 4, plain=True)
    plain.load_state_dict(settled(fast).state_dict())
    plain.double()
    fast.train(train), plain.train(train)
    x, y = (rand(2, 6, 5, 7).requires_grad_() for _ in range(2))
    a, b = fast(x), plain(y)
    assert a.shape == (2, 4, 10, 14)
    torch.testing.assert_close(a, b)
    weight = rand(*a.shape)
    (a * weight).sum().backward(), (b * weight).sum().backward()
    torch.testing.assert_close(x.grad, y.grad)
    whole, even = plain.branch1[0].whole.weight.grad, fast.branch1[0].even_even.weight.grad
    torch.testing.assert_close(whole[:, :, ::2, ::2], even)
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in (*fast.parameters(), *plain.parameters()))


def test_state_dicts_go_both_ways_and_keep_their_numbers():
    plain = UpProjection(4, 2, plain=True)
    fast = UpProjection(4, 2)
    fast.load_state_dict(plain.state_dict())
    again = UpProjection(4, 2, plain=True)
    again.load_state_dict(fast.state_dict())
    for key, value in plain.state_dict().items():
        assert torch.equal(again.state_dict()[key], value), key
    with pytest.raises(RuntimeError, match="size mismatch"):
        UpProjection(4, 3).load_state_dict(plain.state_dict())
    with pytest.raises(RuntimeError, match="Missing"):
        fast.load_state_dict({})


def test_convention_official_padding_is_top_left_and_is_no_unpooling():
    """The known wrong reading: with the official padding, odd rows and columns look back instead of ahead."""
    right, left = UnpoolConvolution(2, 3).double(), UnpoolConvolution(2, 3, corner="top-left").double()
    left.load_state_dict(right.state_dict())
    x = rand(1, 2, 6, 6)
    a, b = right(x), left(x)
    torch.testing.assert_close(a[..., ::2, ::2], b[..., ::2, ::2])
    assert not torch.allclose(a[..., 1::2, ::2], b[..., 1::2, ::2])
    # The same values one cell later: row 2i + 1 of the one is row 2i + 3 of the other.
    torch.testing.assert_close(a[..., 1:-2:2, ::2], b[..., 3::2, ::2])
    torch.testing.assert_close(a[..., 1:-2:2, 1:-2:2], b[..., 3::2, 3::2])
    with pytest.raises(ValueError, match="plain form"):
        UpProjection(2, 2, plain=True, corner="top-left")


def test_scale_one_keeps_the_size_with_the_same_parameters():
    one, two = UpProjection(8, 4, scale=1), UpProjection(8, 4)
    assert one(torch.rand(2, 8, 5, 7)).shape == (2, 4, 5, 7)
    count = [sum(p.numel() for p in block.parameters()) for block in (one, two)]
    assert count == [50 * 8 * 4 + 9 * 16 + 6 * 4] * 2


@pytest.mark.parametrize("options", [{"scale": 3}, {"corner": "left"}])
def test_unknown_options_are_named(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        UpProjection(2, 2, **options)


@pytest.mark.parametrize("plain", [False, True])
def test_it_compiles_and_takes_autocast_and_channels_last(plain):
    block = settled(UpProjection(8, 4, plain=plain)).float()
    x = rand(2, 8, 6, 5).float()
    expected = block(x)
    torch.testing.assert_close(torch.compile(block, backend="eager", fullgraph=True)(x), expected)
    torch.testing.assert_close(
        block.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last)), expected
    )
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(block(x).float(), expected, rtol=0.1, atol=0.1)
