"""Early layers: the model's own norm, which layers, and the one that is farthest."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon

from dipole.errors import InputError
from dipole.language.decoding.early import divergences, early_layers, farthest, final_norm


def test_the_final_norm_is_found_by_what_it_does(llama, gpt2):
    assert final_norm(llama.model) is llama.model.model.norm
    assert final_norm(gpt2.model) is gpt2.model.transformer.ln_f


def test_the_divergence_is_scipys():
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(9), size=4), rng.dirichlet(np.ones(9), size=(4, 3))
    found = divergences(torch.tensor(p).log(), torch.tensor(q).log())
    wanted = [[jensenshannon(a, b) ** 2 for b in row] for a, row in zip(p, q, strict=True)]
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_the_layer_is_chosen_for_each_row():
    rng = np.random.default_rng(1)
    last = torch.tensor(rng.dirichlet(np.ones(5), size=3)).log()
    near, far = last.clone(), last.clone()
    far[0], far[2] = far[0].flip(0), far[2].flip(0)
    near[1] = near[1].roll(1)
    assert farthest(last, [near, far]).tolist() == [1, 0, 1]


@pytest.mark.parametrize("depth", [2, 3, 4, 12, 32, 48])
@pytest.mark.parametrize("tied", [True, False])
def test_low_and_high_are_halves_without_the_last_layer(depth, tied):
    low, high = (early_layers(half, depth, tied=tied) for half in ("low", "high"))
    assert low
    assert high
    assert max(low) <= max(min(high), 20)
    assert max(high) < depth
    assert min(low) == (min(2, depth // 2) if tied else 0)


@pytest.mark.parametrize("wanted", ["middle", [], [4], [-1], [True], 7, [0.5], None])
def test_what_is_no_layer_is_refused(wanted):
    with pytest.raises(InputError, match="expected low, high, or layers from 0"):
        early_layers(wanted, 4, tied=False)
