"""The nearest mean of a class, whatever the classes' sizes."""

from types import SimpleNamespace

import numpy as np

from dipole.systems.vision.gml_long_tail import class_means


def test_a_class_of_one_counts_as_much_as_one_of_many():
    rng = np.random.default_rng(0)
    turned = np.array([0.05 * rng.standard_normal(40)]).T @ np.array([[0.0, 1.0]])
    many = np.array([1.0, 0.0]) + turned
    train = np.concatenate([many, [[0.0, 1.0]]])
    model = SimpleNamespace(
        train_vectors=train,
        train_labels=np.array(["many"] * 40 + ["one"]),
        test_vectors=np.array([[0.6, 0.8], [0.8, 0.6], [0.8, 0.6]]),
        test_labels=np.array(["one", "many", "one"]),
    )
    assert class_means(model)["accuracy by class means"].tolist() == [100.0, 100.0, 0.0]
