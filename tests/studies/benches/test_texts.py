"""Made phrases have the score they say; frozen states lead where the tower leads."""

import numpy as np
import torch

from dipole.studies.benches.frozen import Frozen, mean, padded, unseen
from dipole.studies.benches.texts import debian, minilm, phrases

TEXTS = ["red cat runs", "a", "the old house falls on the new tree", "blue dog"]


def test_phrases_are_scored_by_their_common_words():
    made = phrases(50, seed=0)
    for first, second, score in zip(*(made.column(c) for c in made.FIELDS), strict=True):
        assert len(set(first.split()) & set(second.split())) == 4 * score


def test_quick_pairs_need_no_data(monkeypatch):
    monkeypatch.delenv("DIPOLE_DATA", raising=False)
    assert len(debian("de", quick=True)) == len(debian("long", quick=True)) > 0


def test_frozen_states_and_the_layers_above_are_the_tower():
    tower = minilm(quick=True)
    frozen = Frozen(tower, [*TEXTS, *TEXTS], layers=[4], means=[-1], dtype="float32")
    rows = frozen.rows(TEXTS[::-1])
    assert len(frozen.states) == len(TEXTS)
    states, mask = padded(frozen.states_of(rows))
    with torch.no_grad():
        for layer in tower.transformer.encoder.layer[4:]:
            found = layer(states, attention_mask=unseen(mask))
            states = found[0] if isinstance(found, tuple) else found
    vectors = torch.nn.functional.normalize(mean(states, mask), dim=-1).numpy()
    expected = tower.encode(TEXTS[::-1], dtype="float32")
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    means = torch.nn.functional.normalize(frozen.means[rows], dim=-1).numpy()
    np.testing.assert_allclose(means, expected, atol=1e-5)
