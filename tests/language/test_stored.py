"""Log-probabilities of a data set: made once, by content."""

import numpy as np
import pytest
import torch

from dipole.data.preferences import Preferences
from dipole.language.causal import CausalLM
from dipole.language.stored import entry_of, log_probs_of, make_entry, read_entry

ROWS = {
    "prompt": ["a: ", "a longer one: ", "b: "],
    "answers": [["1", "22"], ["333"], ["4", "55", "666"]],
    "ratings": [[1.0, 0.0], [1.0], [0.9, 0.5, 0.1]],
}


@pytest.fixture
def model(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("DIPOLE_CACHE", str(tmp_path / "cache"))
    model = CausalLM.load(tiny)
    model.dtype = "float32"  # where the processor is quicker in bfloat16, numbers are rounded
    return model


def test_an_entry_has_the_numbers_of_the_model(model):
    examples = Preferences.from_columns(ROWS)
    entry = entry_of(model, examples)
    make_entry(entry, model, examples)
    stored = read_entry(entry, examples)
    wanted = model.log_probs(model.prepare(examples.read([2, 0]))).detach()
    found, lengths = stored.of_rows([2, 0])
    torch.testing.assert_close(found, wanted)
    assert lengths.tolist() == [2, 3, 4, 2, 3], "with the end of each answer"
    assert stored.sums().shape == (6,)
    np.testing.assert_allclose(stored.sums()[3:], wanted[:3].sum(1).numpy(), rtol=1e-6)


def test_it_is_named_by_model_and_texts_alone(model, tiny):
    examples = Preferences.from_columns(ROWS)
    entry = entry_of(model, examples)
    rated = Preferences.from_columns(ROWS | {"ratings": [[0.0, 1.0], [0.0], [1.0, 2.0, 3.0]]})
    assert entry_of(model, rated) == entry
    other = Preferences.from_columns(ROWS | {"prompt": ["a: ", "another one: ", "b: "]})
    assert entry_of(model, other) != entry
    assert entry_of(CausalLM.load(tiny, max_length=50), examples) != entry


def test_it_is_made_once(model, monkeypatch):
    examples = Preferences.from_columns(ROWS)
    entry = entry_of(model, examples)
    make_entry(entry, model, examples)
    monkeypatch.setattr("dipole.language.stored.log_probs_of", None)
    make_entry(entry, model, examples)


def test_batches_of_one_row_give_the_same(model, monkeypatch):
    examples = Preferences.from_columns(ROWS)
    together = log_probs_of(model, examples)
    monkeypatch.setattr(type(model), "default_budget", lambda self: 1)
    for one, other in zip(together, log_probs_of(model, examples), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
