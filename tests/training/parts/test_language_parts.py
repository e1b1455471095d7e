"""Vectors of an inner layer of a language model, and its next words, against transformers."""

import pytest
import torch

from dipole.encoders import StaticText
from dipole.errors import InputError
from dipole.language.causal import CausalLM
from dipole.training.outputs import encode_outputs
from dipole.training.parts.layer_vectors import LayerVectors
from dipole.training.parts.next_words import NextWords
from support.parts import bound
from support.tiny_llama import save_tiny_llama

TEXTS = ["a man plays", "no", "it is a file"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return CausalLM.load(save_tiny_llama(tmp_path_factory.mktemp("llama") / "llama"))


def batch_of(model):
    made = {}
    for name in ("anchor", "positive"):
        made |= encode_outputs(model, name, [model.prepare(TEXTS)], ("tokens", "mask", "hidden"))
    return made


def test_states_of_a_layer_stand_in_for_vectors(model):
    part = bound(LayerVectors(layer=1, pooling="last"), {}, encoder=model)
    found = part.before(batch_of(model))["anchor"]
    for row, text in enumerate(TEXTS):
        ids = model.tokenizer(text, return_tensors="pt")["input_ids"]
        states = model.model(input_ids=ids, output_hidden_states=True).hidden_states[1][0]
        torch.testing.assert_close(found[row], states[-1], rtol=1e-4, atol=1e-5)


def test_a_layer_that_is_not_there(model):
    part = bound(LayerVectors(layer=3), {}, encoder=model)
    with pytest.raises(InputError, match="found layer 3; expected 0 to 2"):
        part.before(batch_of(model))


@pytest.mark.parametrize("columns", ["anchor+positive", "positive"])
def test_next_words_are_those_of_transformers(columns, model):
    part = bound(NextWords(columns=columns), {}, encoder=model)
    batch = batch_of(model) | part.encode(
        {name: [model.prepare(TEXTS)] for name in ("anchor", "positive")}
    )
    found = part.before(batch)["next_losses"]
    sums, count = 0.0, 0
    for text in TEXTS * len(columns.split("+")):
        ids = model.tokenizer(text, return_tensors="pt")["input_ids"]
        own = len(ids[0]) - 1
        sums, count = sums + own * model.model(input_ids=ids, labels=ids).loss, count + own
    assert len(found) == count
    torch.testing.assert_close(found.sum(), sums, rtol=1e-4, atol=1e-4)


def test_other_towers_and_columns_are_refused():
    static = StaticText.from_texts(TEXTS, TEXTS, dim=8)
    with pytest.raises(InputError, match="layer vectors: found StaticText"):
        bound(LayerVectors(layer=1), {}, encoder=static)
    with pytest.raises(InputError, match="next words: found StaticText"):
        bound(NextWords(), {}, encoder=static)
    with pytest.raises(InputError, match="columns: found 'answers'"):
        NextWords(columns="answers")
