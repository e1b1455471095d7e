from __future__ import annotations

import torch

from dipole.encoders.resnet import Block, ResNetImage


def test_stages_halve_the_map_and_double_the_width() -> None:
    for side, end in ((8, 2), (14, 4), (28, 7), (32, 8)):
        encoder = ResNetImage(size=(side, side), channels=3, width=8, blocks=2)
        assert encoder.maps({"image": torch.rand(2, 3, side, side)}).shape == (2, 32, end, end)


def test_a_block_begins_as_its_shortcut() -> None:
    x = torch.rand(2, 16, 4, 4)
    torch.testing.assert_close(Block(16, 16, stride=1)(x), x)


def test_depth_is_that_of_the_paper() -> None:
    """Three blocks of two convolutions in three stages, and the first convolution: 19 of 20."""
    encoder = ResNetImage(size=(32, 32), channels=3, blocks=3)
    kernels = [p for p in encoder.parameters() if p.ndim == 4]
    assert sum(kernel.shape[2] == 3 for kernel in kernels) == 19
