import numpy as np
import torch

from dipole.objectives.maths import unit
from dipole.studies.benches.tiny_text import tiny_text
from dipole.systems.text.clrcmd import matched

PAIRS = [("a dog runs", "the dog runs far away"), ("a cat sleeps", "a cat sleeps")]


def test_the_score_is_the_mean_of_best_matches_both_ways():
    texts = [text for pair in PAIRS for text in pair]
    encoder = tiny_text(texts, seed=0, vocabulary=60).eval()
    expected = []
    for pair in PAIRS:
        with torch.no_grad():
            a, b = (
                unit(encoder.outputs(encoder.prepare([t]), ("tokens",))["tokens"][0]) for t in pair
            )
        c = (a @ b.T).numpy()
        expected.append((c.max(1).mean() + c.max(0).mean()) / 2)
    found = matched(encoder, PAIRS)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found[1] > 1 - 1e-5
