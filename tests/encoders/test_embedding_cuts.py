"""Cuts of embeddings are what a transformer computes whose embeddings are cut."""

import pytest
import torch

from dipole.encoders import TransformerText, load_encoder
from dipole.encoders.embedding_cuts import as_cut, dimensions_kept
from dipole.encoders.layers_text import LayersText
from dipole.errors import InputError
from dipole.views.tokens import FeatureCutoff, PositionShuffle, TokenCutoff
from support.tiny_bert import save_tiny_bert

TEXTS = ["open the file and read a line of it", "close it", "write all of the lines down again"]


@pytest.fixture
def tower(tmp_path):
    return TransformerText.load(save_tiny_bert(tmp_path / "bert", TEXTS)).eval()


@pytest.fixture
def features(tower):
    torch.manual_seed(0)
    return tower.prepare(TEXTS)


def with_hook(tower, features, change):
    """The vectors where the embeddings, as they go into the first layer, are changed."""
    first = tower.transformer.encoder.layer[0]
    handle = first.register_forward_pre_hook(lambda _, inputs: (change(inputs[0]), *inputs[1:]))
    try:
        return tower(features)
    finally:
        handle.remove()


def test_dimensions_are_zero_in_the_first_layer(tower, features):
    cut = FeatureCutoff(0.25)(features)
    kept = dimensions_kept(cut, 32)
    assert kept.sum(1).tolist() == [24] * 3
    assert not torch.equal(kept[0], kept[1])
    expected = with_hook(tower, features, lambda x: x * kept[:, None])
    torch.testing.assert_close(tower(cut), expected)
    assert not torch.allclose(tower(cut), tower(features))


def test_tokens_are_zero_in_the_first_layer(tower, features):
    cut = TokenCutoff(0.5, zero=True)(features)
    assert torch.equal(cut["attention_mask"], features["attention_mask"])
    assert 0 < (1 - cut["token_kept"]).sum() < features["attention_mask"].sum()
    expected = with_hook(tower, features, lambda x: x * cut["token_kept"][:, :, None])
    torch.testing.assert_close(tower(cut), expected)


def test_positions_are_those_of_the_text_in_another_order(tower, features):
    shuffled = PositionShuffle()(features)
    lengths = features["attention_mask"].sum(1).tolist()
    for places, length in zip(shuffled["places"].tolist(), lengths, strict=True):
        assert sorted(places[:length]) == list(range(length))
        assert places[length:] == list(range(length, len(places)))
    plain = {name: x for name, x in features.items() if name != "places"}
    expected = tower.transformer(**plain, position_ids=shuffled["places"]).last_hidden_state
    mask = features["attention_mask"][:, :, None]
    pooled = (expected * mask).sum(1) / mask.sum(1)
    torch.testing.assert_close(tower(shuffled), torch.nn.functional.normalize(pooled, dim=1))


def test_positions_that_begin_behind_the_padding_token_are_shuffled_alike(tower, features):
    from transformers import RobertaConfig, RobertaModel

    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=len(tower.tokenizer), hidden_size=16, num_hidden_layers=1,
        num_attention_heads=2, intermediate_size=16, pad_token_id=tower.tokenizer.pad_token_id,
    )  # fmt: skip
    roberta = RobertaModel(config, add_pooling_layer=False).eval()
    shuffled = PositionShuffle()(features)
    with as_cut(roberta, shuffled) as plain:
        found = roberta(**plain).last_hidden_state
    places = shuffled["places"] + config.pad_token_id + 1
    expected = roberta(**features, position_ids=places).last_hidden_state
    there = features["attention_mask"].bool()
    torch.testing.assert_close(found[there], expected[there])
    assert not torch.allclose(found[there], roberta(**features).last_hidden_state[there])


@pytest.mark.parametrize("view", [FeatureCutoff(0.25), TokenCutoff(0.5, zero=True), TokenCutoff()])
def test_outputs_see_what_views_do(tower, features, view):
    cut = view(features)
    names = ("tokens", "mask", "hidden", "attention")
    found = tower.outputs(cut, names)
    torch.testing.assert_close(found["vectors"], tower(cut))
    mask = found["mask"][:, :, None]
    pooled = (found["tokens"] * mask).sum(1) / mask.sum(1)
    torch.testing.assert_close(torch.nn.functional.normalize(pooled, dim=1), tower(cut))
    torch.testing.assert_close(found["hidden"][:, -1], found["tokens"])
    assert not torch.allclose(found["tokens"], tower.outputs(features, names)["tokens"])


def test_the_gradient_is_that_of_what_is_kept(tower, features):
    cut = FeatureCutoff(0.5)(features)
    kept = dimensions_kept(cut, 32)
    table = tower.transformer.embeddings.position_embeddings.weight
    (found,) = torch.autograd.grad(tower(cut)[:, 0].sum(), table)
    wanted = with_hook(tower, features, lambda x: x * kept[:, None])[:, 0].sum()
    torch.testing.assert_close(found, torch.autograd.grad(wanted, table)[0], atol=1e-6, rtol=1e-4)


def test_a_batch_in_parts_is_the_same(tower, features, monkeypatch):
    cut = PositionShuffle()(FeatureCutoff()(features))
    whole = tower(cut)
    monkeypatch.setattr(tower, "default_budget", lambda: 12)
    torch.testing.assert_close(tower(cut), whole)


def test_a_transformer_that_was_cut_once_is_whole_again(tower, features):
    before = tower(features)
    assert not torch.allclose(tower(FeatureCutoff(0.5)(features)), before)
    torch.testing.assert_close(tower(features), before)


def test_a_transformer_without_positions_is_refused(features):
    with (
        pytest.raises(InputError, match="found Linear, which has no table of positions"),
        as_cut(torch.nn.Linear(1, 1), PositionShuffle()(features)),
    ):
        pass


@pytest.mark.parametrize(("join", "dim"), [("concat", 64), ("mean", 32)])
def test_the_last_layers_are_pooled_one_by_one(tower, features, tmp_path, join, dim):
    layers = LayersText.over(tower, 2, join).eval()
    hidden = tower.transformer(**features, output_hidden_states=True).hidden_states[-2:]
    mask = features["attention_mask"][:, :, None]
    means = [(h * mask).sum(1) / mask.sum(1) for h in hidden]
    expected = torch.cat(means, 1) if join == "concat" else sum(means) / 2
    found = layers(features)
    assert found.shape == (3, dim) == (3, layers.dim)
    torch.testing.assert_close(found, torch.nn.functional.normalize(expected, dim=1))
    shown = layers.outputs(features, ("tokens", "mask"))
    tokens = torch.cat(hidden, 2) if join == "concat" else sum(hidden) / 2
    torch.testing.assert_close(shown["vectors"], found)
    torch.testing.assert_close(shown["tokens"], tokens)
    cut = FeatureCutoff(0.5)(features)
    torch.testing.assert_close(layers.outputs(cut, ())["vectors"], layers(cut))
    layers.save(tmp_path / "saved")
    again = load_encoder(tmp_path / "saved")
    torch.testing.assert_close(again(features), found)


def test_layers_that_are_not_there(tower):
    with pytest.raises(InputError, match="'last': found 3; expected a whole number, 1 to 2"):
        LayersText.over(tower, 3)
