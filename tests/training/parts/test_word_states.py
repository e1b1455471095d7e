"""States of words and the links that they suggest: by loops over words, and by dipole align."""

import pytest

from dipole.aligning.words import align_words
from dipole.encoders import StaticText
from dipole.encoders.masked_text import MaskedText
from dipole.errors import InputError
from dipole.training.outputs import encode_outputs
from dipole.training.parts.word_states import WordStates, starting
from support.parts import bound
from support.tiny_bert import save_tiny_bert

FIRST = ["open the file and read", "close it"]
SECOND = ["file open", "the lines again"]


@pytest.fixture
def encoder(tmp_path):
    folder = save_tiny_bert(tmp_path / "bert", [*FIRST, *SECOND, "opened unclosed"], masked=True)
    return MaskedText.from_inputs(model=str(folder)).train()


def given(encoder, first, second, part):
    columns = {"anchor": [encoder.prepare(first)], "positive": [encoder.prepare(second)]}
    batch = part.encode(columns)
    for name, pieces in columns.items():
        batch |= encode_outputs(encoder, name, pieces, ("mask", "hidden"))
    return part.before(batch)


@pytest.mark.parametrize("threshold", [0.05, 0.2])
def test_the_guide_is_the_links_of_dipole_align(encoder, threshold):
    part = bound(WordStates(layer=1, threshold=threshold), {"guide": True}, encoder=encoder)
    found = given(encoder, FIRST, SECOND, part)
    links = align_words(
        list(zip(FIRST, SECOND, strict=True)), "softmax", encoder=encoder, layer=1,
        threshold=threshold,
    )  # fmt: skip
    for row, expected in enumerate(links):
        sides = [encoder.tokenizer(text[row]).word_ids() for text in (FIRST, SECOND)]
        pieces = {
            (i, j)
            for i, word in enumerate(sides[0]) for j, other in enumerate(sides[1])
            if (word, other) in expected
        }  # fmt: skip
        assert {tuple(x) for x in found["guide"][row].nonzero().tolist()} == pieces
    assert found["anchor_pieces"].sum(1).tolist() == [
        len(encoder.tokenizer(text, add_special_tokens=False)["input_ids"]) for text in FIRST
    ]


def test_without_a_guide_no_second_pass(encoder):
    part = bound(WordStates(layer=1), {}, encoder=encoder)
    assert "guide" not in given(encoder, FIRST, SECOND, part)


def test_pieces_say_where_words_begin():
    class Marked:
        def get_vocab(self):
            return {"\u2581open": 0, "ed": 1, "<s>": 2}

    assert starting(Marked()).tolist() == [True, False, False]


def test_what_has_no_layers_is_refused(encoder):
    static = StaticText.from_texts(FIRST, SECOND, dim=8)
    with pytest.raises(InputError, match="word states: found StaticText"):
        bound(WordStates(layer=1), {}, encoder=static)
    with pytest.raises(InputError, match="word states: found layer 8; expected 0 to 2"):
        bound(WordStates(layer=8), {}, encoder=encoder)
