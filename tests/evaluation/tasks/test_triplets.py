"""Triplets by hand, and as sentence-transformers measures them."""

import numpy as np
import pytest

from dipole.data import Pairs, Triplets
from dipole.errors import InputError
from dipole.evaluation.tasks.triplets import evaluate_triplets

VECTORS = {
    "a": [1.0, 0.0], "near": [0.9, 0.1], "far": [0.0, 1.0], "behind": [-1.0, 0.0],
    "same": [2.0, 0.0],
}  # fmt: skip


def encode(texts, role):
    return np.array([VECTORS[text] for text in texts])


def triplets(*rows):
    anchor, positive, negatives = zip(*rows, strict=True)
    return Triplets.from_columns(
        {"anchor": list(anchor), "positive": list(positive), "negatives": list(negatives)}
    )


def test_shares_by_hand():
    """Both negatives farther; one of two; none, for a tie is wrong."""
    data = triplets(
        ("a", "near", ["far", "behind"]), ("a", "far", ["near", "behind"]), ("a", "same", ["a"])
    )
    result = evaluate_triplets(encode, data)
    assert result.per_item["accuracy"].tolist() == [1.0, 0.5, 0.0]
    assert result.value("accuracy") == pytest.approx(0.5)


def test_that_of_sentence_transformers():
    from sentence_transformers.sentence_transformer.evaluation import TripletEvaluator

    rng = np.random.default_rng(0)
    names = [f"text {i}" for i in range(90)]
    table = dict(zip(names, rng.standard_normal((90, 5)).astype(np.float32), strict=True))
    a, p, n = names[:30], names[30:60], names[60:]

    class Model:
        similarity_fn_name = "cosine"
        truncate_dim = None

    evaluator = TripletEvaluator(a, p, n, write_csv=False)
    evaluator.embed_inputs = lambda model, texts, **_: np.stack([table[text] for text in texts])
    evaluator.store_metrics_in_model_card_data = lambda *_, **__: None
    expected = evaluator(Model())["cosine_accuracy"]
    data = triplets(*((x, y, [z]) for x, y, z in zip(a, p, n, strict=True)))
    found = evaluate_triplets(lambda texts, _: np.stack([table[t] for t in texts]), data)
    assert found.value("accuracy") == pytest.approx(expected)
    assert 0 < expected < 1


def test_pairs_without_negatives_are_refused():
    pairs = Pairs.from_columns({"anchor": ["a"], "positive": ["near"]})
    with pytest.raises(InputError, match="no negatives; expected a column 'negative'"):
        evaluate_triplets(encode, pairs)
    with pytest.raises(InputError, match=r"row 2 .*: found no negative; expected at least one"):
        evaluate_triplets(encode, triplets(("a", "near", ["far"]), ("a", "near", [])))
