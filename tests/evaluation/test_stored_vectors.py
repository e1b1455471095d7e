import numpy as np
import pytest

from dipole.data import Labeled
from dipole.errors import InputError
from dipole.evaluation.stored_vectors import StoredVectors, load_vectors
from dipole.evaluation.tasks.neighbours import evaluate_knn

VECTORS = np.arange(6.0).reshape(3, 2)


def test_by_id_or_by_text():
    by_id, by_text = (
        StoredVectors(["1", "2", "3"], VECTORS),
        StoredVectors(["x", "y", "z"], VECTORS),
    )
    for stored in (by_id, by_text):
        np.testing.assert_array_equal(
            stored.of_items(["3", "1"], ["z", "x"], "test"), VECTORS[[2, 0]]
        )
    np.testing.assert_array_equal(by_text(["y"], "document"), VECTORS[[1]])
    np.testing.assert_array_equal(StoredVectors.of({"y": [2, 3]})(["y"], "query"), VECTORS[[1]])


def test_files(tmp_path):
    np.savez(tmp_path / "a.npz", ids=["x", "y", "z"], vectors=VECTORS)
    np.save(tmp_path / "b.npy", VECTORS)
    (tmp_path / "b.txt").write_text("x\ny\nz\n")
    for name in ("a.npz", "b.npy"):
        np.testing.assert_array_equal(load_vectors(tmp_path / name)(["z"], "query"), VECTORS[[2]])


def test_it_is_measured_as_a_model_is():
    rows = np.array([[1.0, 0], [1, 0.1], [0, 1], [0.1, 1], [1, 0.2], [0.1, 1]])
    ids = list("abcdef")
    train = Labeled.from_columns({"input": list("stuv"), "label": [0, 0, 1, 1]}, ids=ids[:4])
    test = Labeled.from_columns({"input": list("xy"), "label": [0, 0]}, ids=ids[4:])
    result = evaluate_knn(dict(zip(ids, rows, strict=True)), train, test, k=2)
    assert result.per_item["accuracy"].tolist() == [1, 0]


def test_one_vector_is_not_two_examples():
    train, test = (
        Labeled.from_columns({"input": inputs, "label": [0, 1]})
        for inputs in (["s", "t"], ["u", "v"])
    )
    with pytest.raises(InputError, match="id '1' stands in train and in test"):
        evaluate_knn({"1": [0.0], "2": [1.0]}, train, test, k=1)
    by_text = {"s": [0.0, 1], "t": [1.0, 0], "u": [0.1, 1], "v": [1.0, 0.1]}
    assert evaluate_knn(by_text, train, test, k=1).value("accuracy") == 1


def test_bad_input(tmp_path):
    with pytest.raises(InputError, match=r"2 keys and vectors of shape .3, 2.; expected .2, dim."):
        StoredVectors(["a", "b"], VECTORS)
    with pytest.raises(InputError, match="1 keys stand there twice"):
        StoredVectors(["a", "b", "a"], VECTORS)
    with pytest.raises(InputError, match=r"no vector of query 'd' .1 of 2 missing."):
        StoredVectors(["a", "b", "c"], VECTORS).of_items(["a", "d"], ["a", "d"], "query")
    with pytest.raises(InputError, match="2 vectors of 2 shapes"):
        StoredVectors.of({"a": [1], "b": [1, 2]})
    with pytest.raises(InputError, match="0 vectors of 0 shapes"):
        StoredVectors.of({})
    np.save(tmp_path / "b.npy", VECTORS)
    np.savez(tmp_path / "c.npz", names=["a"])
    (tmp_path / "d.npz").write_text("no zip")
    for name, match in (
        ("a.npy", "no such file of vectors"),
        ("b.npy", "no b.txt beside it"),
        ("c.npz", "found names; expected ids and vectors"),
        ("d.npz", "found no readable array"),
    ):
        with pytest.raises(InputError, match=match):
            load_vectors(tmp_path / name)
