"""Without its bottlenecks an adapted encoder is its base, whatever they have learnt."""

import copy

import numpy as np
import torch

from dipole.encoders.adapters import AdaptedText
from dipole.studies.benches.texts import minilm
from dipole.systems.text.embedding_adapters_domain import removed

TEXTS = ["red cat", "the old house falls"]


def test_removed_is_the_base():
    base = minilm(quick=True)
    adapted = AdaptedText.add(copy.deepcopy(base), "base", "bottleneck")
    with torch.no_grad():
        for parameter in adapted.addition().values():
            torch.nn.init.normal_(parameter)
    before, after = (e.encode(TEXTS, dtype="float32") for e in (base, adapted))
    assert np.abs(after - before).max() > 1e-3
    bare = removed(adapted)
    np.testing.assert_allclose(bare.encode(TEXTS, dtype="float32"), before, atol=1e-6)
    weights, known = bare.transformer.state_dict(), base.transformer.state_dict()
    assert weights.keys() == known.keys()
    assert all(torch.equal(weights[name], known[name]) for name in known)
