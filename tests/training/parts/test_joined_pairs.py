"""Two texts as one: against the tokenizer's own joint, and what hidden words of it cost."""

import pytest
import torch
import torch.nn.functional as F

from dipole.encoders import StaticText
from dipole.encoders.masked_text import MaskedText
from dipole.errors import InputError
from dipole.training.parts.joined_pairs import MaskedPairs, joined_pairs
from support.parts import bound
from support.tiny_bert import save_tiny_bert

FIRST = ["open the file and read a line of it", "close it"]
SECOND = ["read it", "write all of the lines down again"]


@pytest.fixture
def encoder(tmp_path):
    folder = save_tiny_bert(tmp_path / "bert", FIRST + SECOND, masked=True)
    return MaskedText.from_inputs(model=str(folder)).eval()


def test_the_joint_is_the_tokenizers_own(encoder):
    (found,) = joined_pairs(encoder, [encoder.prepare(FIRST)], [encoder.prepare(SECOND)])
    for row, first, second in zip(range(2), FIRST, SECOND, strict=True):
        expected = encoder.tokenizer(first, second)["input_ids"]
        there = found["attention_mask"][row].bool()
        assert found["input_ids"][row][there].tolist() == expected
        assert there.sum() == there.nonzero().max() + 1  # padding stands behind


def test_a_long_joint_is_cut_at_the_last_position(encoder):
    long = encoder.prepare(["open " * 60])
    (found,) = joined_pairs(encoder, [long], [long])
    assert found["input_ids"].shape == (1, 64)


@pytest.mark.parametrize("both", [False, True])
def test_every_word_is_told_by_both_texts(encoder, both):
    part = bound(MaskedPairs(share=1.0, both=both), {}, encoder=encoder)
    sides = {"anchor": [encoder.prepare(FIRST)], "positive": [encoder.prepare(SECOND)]}
    torch.manual_seed(0)
    losses = part.encode(sides)["translation_losses"]
    words = sum(len(encoder.tokenizer(t, add_special_tokens=False)["input_ids"])
                for t in FIRST + SECOND)  # fmt: skip
    assert losses.shape == (words * (1 + both),)
    losses.mean().backward()
    assert encoder.word_head.dense.weight.grad.abs().sum() > 0


def test_a_tower_without_words_is_refused():
    static = StaticText.from_texts(FIRST, SECOND, dim=8)
    with pytest.raises(InputError, match="masked pairs: found StaticText"):
        bound(MaskedPairs(), {}, encoder=static)


def test_losses_are_cross_entropies_of_the_hidden_text(encoder, monkeypatch):
    from dipole.training.parts import joined_pairs as room

    def all_asked(pieces, *_):
        return pieces, [piece["attention_mask"].bool() for piece in pieces]

    monkeypatch.setattr(room, "masked", all_asked)
    (piece,) = joined_pairs(encoder, [encoder.prepare(FIRST)], [encoder.prepare(SECOND)])
    there = piece["attention_mask"].bool()
    expected = F.cross_entropy(
        encoder.logits(piece)[there], piece["input_ids"][there], reduction="none"
    )
    torch.testing.assert_close(room.word_losses(encoder, [piece], 0.15), expected)
