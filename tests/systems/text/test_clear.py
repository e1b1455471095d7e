"""CLEAR's edits leave what they should, and its masked words are the share that is asked for."""

import numpy as np
import pytest
import torch

from dipole.data import Inputs, Pairs
from dipole.encoders import StaticText, TransformerText
from dipole.errors import InputError
from dipole.systems.text.clear import (
    LEFT_OUT,
    DeletedAndReordered,
    DeletedSpans,
    reordered,
    without,
)
from dipole.training.parts.masked_words import MaskedWords
from support.parts import bound
from support.tiny_bert import save_tiny_bert

WORDS = [f"w{i}" for i in range(100)]
TEXTS = ["open the file and read a line of it", "close it", "write all of the lines down again"]


def test_runs_of_words_left_out_are_one_mark():
    stays = np.array([False, False, True, False, True])
    assert without(list("abcde"), stays) == [LEFT_OUT, "c", LEFT_OUT, "e"]


def test_spans_change_places_and_nothing_is_lost():
    found = reordered(WORDS, 5, 0.05, np.random.default_rng(0))
    assert sorted(found) == sorted(WORDS)
    assert found != WORDS
    assert reordered(["a"], 5, 0.05, np.random.default_rng(0)) == ["a"]


def test_seven_in_ten_words_are_left_out_and_two_stay_at_least():
    generator = np.random.default_rng(0)
    view = DeletedAndReordered()
    kept = [len([w for w in view.edit(WORDS, generator) if w != LEFT_OUT]) for _ in range(200)]
    assert 28 < np.mean(kept) < 32
    short = [view.edit(["a", "b", "c"], generator) for _ in range(50)]
    assert all(len([w for w in words if w != LEFT_OUT]) >= 2 for words in short)


def test_five_spans_of_a_twentieth_are_left_out():
    found = DeletedSpans().edit(WORDS, np.random.default_rng(0))
    kept = [word for word in found if word != LEFT_OUT]
    assert 75 <= len(kept) <= 90
    assert found.count(LEFT_OUT) <= 5
    assert kept == [word for word in WORDS if word in kept]


@pytest.fixture
def masked(tmp_path):
    encoder = TransformerText.load(save_tiny_bert(tmp_path / "bert", TEXTS))
    examples = Inputs.from_columns({"input": TEXTS})
    part = bound(MaskedWords(0.5), {"masked_losses": True}, encoder=encoder, examples=examples)
    return part, encoder


def test_inner_tokens_are_masked_by_the_share(masked):
    part, encoder = masked
    torch.manual_seed(0)
    features = encoder.prepare(TEXTS * 40)
    changed, asked = part._masked(features, encoder)
    length = features["attention_mask"].sum(1)
    assert asked.sum(1).tolist() == ((length - 2) * 0.5).round().clamp(min=1).int().tolist()
    assert not asked[:, 0].any()
    assert torch.equal(changed["input_ids"][~asked], features["input_ids"][~asked])
    mask = changed["input_ids"][asked] == encoder.tokenizer.mask_token_id
    assert 0.7 < mask.float().mean() < 0.9


def test_the_loss_reaches_the_tower_and_the_head(masked):
    part, encoder = masked
    losses = part.before({"rows": torch.tensor([2, 0])})["masked_losses"]
    losses.mean().backward()
    assert encoder.transformer.get_input_embeddings().weight.grad.abs().sum() > 0
    assert part.head[0].weight.grad.abs().sum() > 0
    assert part.bias.grad.abs().sum() > 0


def test_a_bag_of_words_has_no_masks():
    encoder = StaticText.from_texts(TEXTS, TEXTS, dim=8)
    pairs = Pairs.from_columns({"anchor": TEXTS, "positive": TEXTS})
    with pytest.raises(InputError, match="found StaticText; expected a transformer"):
        bound(MaskedWords(), {"masked_losses": True}, encoder=encoder, examples=pairs)
