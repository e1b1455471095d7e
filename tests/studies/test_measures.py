import math
from types import SimpleNamespace

import numpy as np
import pytest

from dipole.data import Labeled, Pairs, Scored
from dipole.errors import InputError
from dipole.studies.measures import Trained, as_arrays, geometry, knn, measure, probe, sts


class Identity:
    """Encodes a vector as itself."""

    def encode(self, inputs, role="document", show_progress=False):
        return np.asarray(inputs, dtype=np.float32)


def labelled(vectors, labels):
    return Labeled.from_columns({"input": np.asarray(vectors, float), "label": labels})


@pytest.fixture
def model():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(60, 4)) + 3 * np.eye(4)[np.arange(60) % 2]
    labels = (np.arange(60) % 2).tolist()
    config = SimpleNamespace(view=[])
    train, test = labelled(vectors[:40], labels[:40]), labelled(vectors[40:], labels[40:])
    return Trained(Identity(), train, test, config)


def test_vectors_have_length_one(model):
    assert np.linalg.norm(model.train_vectors, axis=1) == pytest.approx(np.ones(40))
    assert model.test_vectors.shape == (20, 4)


def test_knn_is_per_item_and_in_points(model):
    found = knn(model)["kNN accuracy"]
    for i in range(20):
        cosines = model.train_vectors @ model.test_vectors[i]
        votes = model.train_labels[np.argsort(-cosines)[:20]]
        if votes.mean() != 0.5:
            assert found[i] == 100 * (round(votes.mean()) == model.test_labels[i])


def test_probe(model):
    assert probe(model)["linear probe"].mean() >= 90


def test_geometry_by_hand(model):
    found = geometry(model)
    x = model.test_vectors
    pairs = [
        math.exp(-2 * ((x[i] - x[j]) ** 2).sum()) for i in range(20) for j in range(20) if i != j
    ]
    assert found["uniformity"] == pytest.approx(math.log(sum(pairs) / len(pairs)))
    assert "alignment" not in found


def test_effective_rank_of_right_angles_is_their_number(model):
    test = labelled(np.eye(4)[[0, 1, 2, 3] * 2], [0] * 8)
    flat = labelled(np.eye(4)[[1] * 8], [0] * 8)
    config = model.config
    assert geometry(Trained(Identity(), test, test, config))["effective rank"] == pytest.approx(4)
    assert geometry(Trained(Identity(), flat, flat, config))["effective rank"] == pytest.approx(1)


def test_alignment_is_the_distance_of_two_views():
    torch = pytest.importorskip("torch")

    class Tower:
        def eval(self):
            return self

        def prepare(self, inputs):
            return {"image": torch.tensor(np.stack(inputs)).float()[:, None]}

        def __call__(self, features):
            return torch.nn.functional.normalize(features["image"].flatten(1), dim=1)

        encode = Identity.encode

    images = np.random.default_rng(0).integers(1, 255, (6, 8, 8)).astype(np.uint8)
    test = Labeled.from_columns({"input": images, "label": [0, 1] * 3})
    for view, least in (["weak", 1e-4], ["dipole.views.base:Same", None]):
        config = SimpleNamespace(view=[view], view_options={})
        model = Trained(Tower(), test, test, config)
        model.__dict__["test_vectors"] = np.eye(6)
        if least is None:
            with pytest.raises(InputError, match="one of images"):
                geometry(model)
        else:
            found = geometry(model)["alignment"]
            assert found.shape == (6,)
            assert found.mean() > least
            assert (geometry(model)["alignment"] == found).all()  # the same draws


def test_wrong_kinds_are_named():
    pairs = Pairs.from_columns({"anchor": ["a"], "positive": ["b"]})
    model = Trained(Identity(), pairs, pairs, SimpleNamespace(view=[]))
    with pytest.raises(InputError, match="found Pairs; expected labelled"):
        knn(model)
    with pytest.raises(InputError, match="found Pairs; expected scored"):
        sts(model)
    scored = Scored.from_columns({"first": ["a"], "second": ["b"], "score": [1.0]})
    with pytest.raises(InputError, match="found Scored; expected pairs"):
        measure("retrieval")(Trained(Identity(), scored, scored, SimpleNamespace(view=[])))


def test_a_measure_by_its_place():
    assert measure("dipole.studies.measures:knn") is knn
    with pytest.raises(InputError, match="expected one of retrieval"):
        measure("nothing")


def test_numbers_become_arrays_and_must_be_finite():
    found = as_arrays({"a": 1.5, "b": np.array([True, False])})
    assert found["a"].tolist() == [1.5]
    assert found["b"].tolist() == [1.0, 0.0]
    with pytest.raises(InputError, match="c is"):
        as_arrays({"c": float("nan")})
