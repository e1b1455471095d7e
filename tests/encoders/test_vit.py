from __future__ import annotations

import numpy as np
import pytest
import torch

from dipole.encoders.vit import ViTImage, _sines
from dipole.errors import InputError


def vit(**options: int) -> ViTImage:
    torch.manual_seed(0)
    return ViTImage(size=(8, 8), channels=1, **{"patch": 2, "dim": 32, "depth": 3} | options)


def test_all_hidden_states_end_in_the_tokens() -> None:
    encoder, features = vit(), {"image": torch.rand(2, 1, 8, 8)}
    states = encoder.hidden_states(features)
    assert [tuple(state.shape) for state in states] == [(2, 16, 32)] * 4
    torch.testing.assert_close(encoder.norm(states[-1]), encoder.tokens(features))


def test_layers_above_do_not_run() -> None:
    encoder, features = vit(), {"image": torch.rand(2, 1, 8, 8)}
    ran: list[int] = []
    for number, layer in enumerate(encoder.layers):
        layer.register_forward_hook(lambda *_, n=number: ran.append(n))
    states = encoder.hidden_states(features, layer=1)
    assert ran == [0]
    for found, expected in zip(states, encoder.hidden_states(features), strict=False):
        torch.testing.assert_close(found, expected)
    assert len(encoder.hidden_states(features, layer=0)) == 1
    with pytest.raises(InputError, match="layer: found 4; expected 0 to 3"):
        encoder.hidden_states(features, layer=4)


def test_a_layer_is_torch_s_own() -> None:
    """The same weights in torch's TransformerEncoderLayer."""
    mine = vit().layers[0]
    theirs = torch.nn.TransformerEncoderLayer(
        32, 2, 128, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    with torch.no_grad():
        theirs.self_attn.in_proj_weight.copy_(mine.parts.weight)
        theirs.self_attn.in_proj_bias.copy_(mine.parts.bias)
        theirs.self_attn.out_proj.load_state_dict(mine.out.state_dict())
        theirs.norm1.load_state_dict(mine.before_attention.state_dict())
        theirs.norm2.load_state_dict(mine.before_mlp.state_dict())
        theirs.linear1.load_state_dict(mine.mlp[0].state_dict())
        theirs.linear2.load_state_dict(mine.mlp[2].state_dict())
    x = torch.randn(2, 5, 32)
    torch.testing.assert_close(mine(x), theirs(x), atol=1e-5, rtol=1e-5)


def test_places_are_sines_of_row_and_column() -> None:
    found = _sines(2, 3, 16, torch.device("cpu"))
    rates = [10000 ** (-k / 3) for k in range(4)]
    row, column = 1, 2
    expected = np.concatenate(
        [f([place * r for r in rates]) for place in (row, column) for f in (np.sin, np.cos)]
    )
    np.testing.assert_allclose(found[row * 3 + column], expected, atol=1e-6)


def test_crops_of_other_sizes_are_taken() -> None:
    encoder = vit()
    assert encoder({"image": torch.rand(2, 1, 4, 6)}).shape == (2, 32)
    with pytest.raises(InputError, match="patch: found 2 for images of 5x6 pixels; expected"):
        encoder({"image": torch.rand(2, 1, 5, 6)})


@pytest.mark.parametrize(("side", "patch"), [(8, 2), (14, 2), (16, 2), (28, 4), (32, 4)])
def test_the_patch_follows_the_size(side: int, patch: int) -> None:
    assert ViTImage(size=(side, side), channels=1).patch == patch


def test_a_dimension_that_heads_do_not_divide_is_refused() -> None:
    with pytest.raises(InputError, match="dim is 32; expected a multiple of 4 and of 3"):
        vit(heads=3)
    with pytest.raises(InputError, match="patch: found 3 for images of 8x8 pixels"):
        vit(patch=3)


def test_cropped_positions_place_the_patches_of_every_image_in_a_box():
    """In training only; drawn by row; the box of everything is the plain grid."""
    from dipole.encoders.vit import _boxes, _sines

    torch.manual_seed(0)
    image = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)
    encoder = ViTImage.from_images([image], patch=2, dim=8, depth=1, cropped_positions=True)
    features = encoder.keyed(encoder.prepare([image] * 4), torch.arange(4))
    plain = encoder.eval()(features)
    assert torch.allclose(plain[0], plain[1])
    cropped = encoder.train()(features)
    assert not torch.allclose(cropped[0], cropped[1], atol=1e-4)
    torch.testing.assert_close(cropped[2:], encoder({k: v[2:] for k, v in features.items()}))
    whole = _sines(4, 4, 8, torch.device("cpu"), torch.tensor([[0.0, 0, 1, 1]]))[0]
    torch.testing.assert_close(whole, _sines(4, 4, 8, torch.device("cpu")))
    boxes = _boxes(torch.arange(1000), 1000, torch.device("cpu"))
    area = boxes[:, 2] * boxes[:, 3]
    assert 0.05 < area.min() < 0.15
    assert area.max() > 0.9
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= 1 + 1e-6).all()
