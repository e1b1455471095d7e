from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from dipole.errors import InputError
from dipole.evaluation import encoding, evaluate_knn, evaluate_retrieval, evaluate_sts
from dipole.evaluation.encoding import differing, encode_function, finite, unit, vectors_of


def test_an_encoder_is_asked_with_role_and_progress():
    seen = []

    def encode(inputs, role, *, show_progress=False):
        seen.append((inputs, role, show_progress))

    encode_function(SimpleNamespace(encode=encode), show_progress=True)(["a"], "query")
    assert seen == [(["a"], "query", True)]


def test_a_sentence_transformers_model_is_asked_by_role():
    class Model:
        def encode(self, sentences, show_progress_bar=None):
            raise AssertionError

        def encode_query(self, sentences, show_progress_bar=None):
            return ["query", sentences, show_progress_bar]

        def encode_document(self, sentences, show_progress_bar=None):
            return ["document", sentences, show_progress_bar]

    encode = encode_function(Model())
    assert encode(("a", "b"), "query") == ["query", ["a", "b"], False]
    assert encode(["a"], "document") == ["document", ["a"], False]


def test_anything_with_encode():
    assert encode_function(SimpleNamespace(encode=lambda x: x))(["a"], "query") == ["a"]


def test_functions():
    def two(inputs, role):
        return role

    assert encode_function(two) is two
    assert encode_function(max) is max
    assert encode_function(len)(["a", "b"], "query") == 2
    assert encode_function(lambda inputs: inputs)(["a"], "query") == ["a"]


def test_a_real_sentence_transformers_model(tmp_path):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import BoW

    model = SentenceTransformer(modules=[BoW(vocab=["cat", "dog", "bird"])], device="cpu")
    found = vectors_of(encode_function(model), ["a cat", "dog dog"], "query", ["1", "2"], "t", "m")
    np.testing.assert_array_equal(found > 0, [[True, False, False], [False, True, False]])


def test_neither():
    with pytest.raises(InputError, match=r"found str; expected an encoder, a function"):
        encode_function("runs/first")


def test_blocks_do_not_change_the_vectors(monkeypatch):
    monkeypatch.setattr(encoding, "ENCODE_ROWS", 3)
    sizes = []

    def encode(inputs, role):
        sizes.append(len(inputs))
        return np.array([[float(x)] for x in inputs])

    ids = [str(i) for i in range(8)]
    np.testing.assert_array_equal(
        vectors_of(encode, ids, "query", ids, "text", "mine"), np.arange(8.0)[:, None]
    )
    assert sizes == [3, 3, 2]
    with pytest.raises(InputError, match="mine: no text to encode"):
        vectors_of(encode, [], "query", [], "text", "mine")


def test_finite():
    assert finite([[1.0, 2.0]], ["a"], "query", "mine").shape == (1, 2)
    found = finite(torch.ones(1, 2, requires_grad=True, dtype=torch.bfloat16), ["a"], "q", "mine")
    assert found.dtype == np.float32
    with pytest.raises(InputError, match=r"mine: the vectors of 1 inputs have shape \(2,\)"):
        finite([1.0, 2.0], ["a"], "query", "mine")
    with pytest.raises(InputError, match="1 of 2 query vectors are not finite, first of query 'b'"):
        finite([[1.0], [np.inf]], ["a", "b"], "query", "mine")


def test_unit():
    rows = np.array([[3.0, 4.0], [0.0, 0.0], [3e-200, 4e-200], [-3e200, 0.0]])
    expected = [[0.6, 0.8], [0, 0], [0.6, 0.8], [-1, 0]]
    np.testing.assert_allclose(unit(rows), expected, atol=1e-15)
    assert rows[0, 0] == 3  # not in place
    assert unit(np.array([[1, 1]])).dtype == np.float32


def test_differing():
    differing(np.array([[1.0, 2.0], [1.0, 2.1]]), "texts", "mine")
    differing(np.array([[1e-9, 0.0], [0.0, 1e-9]]), "texts", "mine")
    differing(np.ones((1, 2)), "texts", "mine")
    with pytest.raises(InputError, match="mine: all 3 texts have the same vector"):
        differing(np.full((3, 2), 0.3), "texts", "mine")


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("sts", "Scored"),
        ("pair_classification", "Scored"),
        ("reranking", "Ranked"),
        ("bitext", "Pairs or Triplets"),
        ("retrieval", "RetrievalData"),
        ("clustering", "Labeled"),
        ("duplicates", "Labeled"),
        ("few_shot", "Labeled"),
        ("zero_shot", "Labeled"),
        ("knn", "Labeled"),
        ("probe", "Labeled"),
    ],
)
@pytest.mark.parametrize("given", [None, "data.csv", 3])
def test_data_of_another_type_are_named(task: str, expected: str, given: object) -> None:
    import dipole.evaluation

    measure = getattr(dipole.evaluation, f"evaluate_{task}")
    data = [given, given] if task in ("knn", "probe") else [given]
    with pytest.raises(InputError, match=rf": found .*; expected {expected}, or a table$"):
        measure(lambda inputs: np.eye(len(inputs)), *data)


@pytest.mark.parametrize("given", [["a text"], {"a": "b"}, {"a": [1, 2]}])
def test_tables_without_the_columns_are_named(given: object) -> None:
    for measure in (evaluate_sts, evaluate_knn, evaluate_retrieval):
        data = [given, given] if measure is evaluate_knn else [given]
        with pytest.raises(InputError, match=r"^(list|dict) \(1 (row|column)\): "):
            measure(lambda inputs: np.eye(len(inputs)), *data)


def test_tables_in_memory_are_measured() -> None:
    """By the columns that a file would be measured by."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(30, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = {"anchor": vectors, "positive": vectors + 0.01}
    found = evaluate_retrieval(lambda inputs: np.stack(inputs), pairs)
    assert found.value("Recall@1") == 1
    kinds = rng.integers(0, 2, 30)
    both = pd.DataFrame({"x": list(vectors - 5 + 10 * kinds[:, None]), "label": kinds})
    found = evaluate_knn(lambda inputs: np.stack(inputs), both[:15], both[15:], k=3)
    assert found.value("accuracy") == 1
