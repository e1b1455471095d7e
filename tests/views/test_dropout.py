"""A view by rates of dropout: what it tells the encoder, and what encoders make of it."""

import pytest
import torch

from dipole.encoders import StaticText, TransformerText
from dipole.encoders.dropout import rate_of
from dipole.errors import InputError
from dipole.kernels.draws import keys
from dipole.views import build_views
from dipole.views.dropout import DropoutRates
from support.tiny_bert import save_tiny_bert

TEXTS = ["open the file and read a line of it", "close it", "write all of the lines down again"]


@pytest.fixture
def tower(tmp_path):
    return TransformerText.load(save_tiny_bert(tmp_path / "bert", TEXTS)).train()


@pytest.fixture
def bag():
    torch.manual_seed(0)
    return StaticText.from_texts(TEXTS, TEXTS, dim=16).train()


def test_a_rendering_for_each_rate():
    (view,) = build_views(["dipole.views.dropout:DropoutRates"], rates=[0.3, 0.0, 0.1])
    assert view.count == 3
    found = view({"attention_mask": torch.ones(2, 5), "input_ids": torch.zeros(2, 5)})
    assert [rate_of(features) for features in found] == [0.3, 0.0, 0.1]
    assert [features["dropout"].shape for features in found] == [(2, 1)] * 3
    assert DropoutRates().rates == [0.1, 0.0, 0.05, 0.2]


def test_rate_0_is_the_text_as_it_is_used(tower, bag):
    for encoder in (tower, bag):
        plain = encoder.prepare(TEXTS)
        (none,) = DropoutRates([0.0])(plain)
        assert not torch.allclose(encoder(plain), encoder(none), atol=1e-4)
        torch.testing.assert_close(encoder(none), encoder.eval()(plain))
        torch.testing.assert_close(encoder(none), encoder(plain))  # eval drops nothing anyway


def test_a_transformer_drops_that_share_everywhere(tower, monkeypatch):
    """Every dropout and every attention of a pass is given the rate."""
    seen = []
    attend, drop = torch.nn.functional.scaled_dot_product_attention, torch.nn.functional.dropout
    stand_ins = {attend: ("attention", 4, "dropout_p"), drop: ("dropout", 1, "p")}
    for name, place, given in stand_ins.values():
        own = getattr(__import__("dipole.encoders.dropout", fromlist=[name]), name)

        def told(*args, _own=own, _place=place, _given=given, **kwargs):
            seen.append(kwargs[_given] if _given in kwargs else args[_place])
            return _own(*args, **kwargs)

        monkeypatch.setattr(f"dipole.encoders.dropout.{name}", told)
    (features,) = DropoutRates([0.4])(tower.prepare(TEXTS))
    tower(features)
    layers = tower.layers
    assert seen == [0.4] * (1 + 3 * layers)  # embeddings; attention and two outputs a layer
    seen.clear()
    tower(tower.prepare(TEXTS))
    assert seen == [0.1] * (1 + 3 * layers)  # the model's own
    shown = tower.outputs(features, ("attention",))["attention"]
    assert (shown == 0).sum() > 0.3 * shown.numel() * 0.5


def test_a_bag_leaves_out_that_share_of_tokens(bag):
    texts = ["open the file and read a line of it"] * 500
    plain = bag.keyed(bag.prepare(texts), keys((0,), torch.arange(500).numpy()))
    for rate, features in zip([0.1, 0.5], DropoutRates([0.1, 0.5])(plain), strict=True):
        left_out = (bag._weights(features) == 0).double().mean()
        assert abs(left_out - rate) < 5 * (rate * (1 - rate) / len(plain["tokens"])) ** 0.5


def test_renderings_draw_apart(bag):
    plain = bag.keyed(bag.prepare(TEXTS * 40), keys((0,), torch.arange(120).numpy()))
    one, other = (bag._weights(features) == 0 for features in DropoutRates([0.5, 0.5])(plain))
    assert 0.4 < (one == other).double().mean() < 0.6


@pytest.mark.parametrize("rates", [[], [1.0], [-0.1, 0.1]])
def test_wrong_rates(rates):
    with pytest.raises(InputError, match=r"rates: found .* from 0 up to below 1"):
        DropoutRates(rates)


def test_features_of_images_are_refused():
    with pytest.raises(InputError, match="found features image; expected those of an encoder of t"):
        DropoutRates()({"image": torch.zeros(1, 3, 8, 8)})
