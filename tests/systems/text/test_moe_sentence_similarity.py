"""Experts that are copies are the dense layer; each domain moves its own alone."""

import torch

from dipole.studies.benches.frozen import Frozen
from dipole.studies.benches.texts import minilm
from dipole.systems.text.moe_sentence_similarity import LastLayer

TEXTS = ["red cat", "the old house falls", "blue dog runs on the new tree"]


def test_copies_are_the_tower_and_domains_train_apart():
    tower = minilm(quick=True)
    frozen = Frozen(tower, TEXTS, layers=[tower.layers - 1], dtype="float32")
    states = frozen.states_of(frozen.rows(TEXTS))
    experts, dense = LastLayer(tower, 3), LastLayer(tower)
    expected = torch.from_numpy(tower.encode(TEXTS, dtype="float32"))
    for model in (experts, dense):
        torch.testing.assert_close(model(states, [2, 0, 2]), expected, atol=1e-5, rtol=0)
    experts(states, [2, 0, 2])[:, 0].sum().backward()
    moved = [any(p.grad is not None for p in e.parameters()) for e in experts.map.experts]
    assert moved == [True, False, True]
