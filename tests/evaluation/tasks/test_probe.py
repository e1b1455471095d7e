import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp

from dipole.data import load_labeled
from dipole.errors import InputError
from dipole.evaluation.tasks import probe
from dipole.evaluation.tasks.probe import evaluate_probe, linear_probe, probe_labels


def blobs(seed, n, classes=3, dim=4):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    return np.eye(dim)[labels] + 0.6 * rng.standard_normal((n, dim)), labels


def written_out(train, labels, test, C):
    """The minimum of the equation in the docstring, by scipy."""
    mean, deviation = train.mean(0), train.std(0)
    x, z = (train - mean) / deviation, (test - mean) / deviation
    dim, classes = x.shape[1], labels.max() + 1

    def loss(flat):
        w, b = flat[:-classes].reshape(dim, classes), flat[-classes:]
        scores = x @ w + b
        nll = logsumexp(scores, axis=1) - scores[np.arange(len(x)), labels]
        return 0.5 * (w**2).sum() + C * nll.sum()

    best = minimize(loss, np.zeros(dim * classes + classes)).x
    return (z @ best[:-classes].reshape(dim, classes) + best[-classes:]).argmax(1)


@pytest.mark.parametrize("C", [0.01, 1.0])
def test_the_equation_minimised_by_scipy(C):
    (train, labels), (test, test_labels) = blobs(0, 50), blobs(1, 200)
    expected = written_out(train, labels, test, C)
    np.testing.assert_array_equal(probe_labels(train, labels, test, C=C)[0], expected)
    right = linear_probe(train, labels, test, test_labels, C=C)
    np.testing.assert_array_equal(right, expected == test_labels)


def test_the_penalty_is_chosen_on_train():
    """Noise without a pattern wants a strong penalty, a pattern without noise a weak one."""
    rng = np.random.default_rng(2)
    noise, labels = rng.standard_normal((80, 60)), rng.integers(0, 2, 80)
    noise += 0.3 * labels[:, None]
    _, (strong,) = probe_labels(noise, labels, noise)
    clean = rng.standard_normal((100, 2))
    _, (weak,) = probe_labels(clean, clean[:, 0] > 0.3 * clean[:, 1], clean)
    chosen = [float(note.split()[2]) for note in (strong, weak)]
    assert chosen[0] <= 0.1 < 10 <= chosen[1]
    assert "by 5-fold cross-validation on train" in strong


def test_many_examples_choose_on_some(monkeypatch):
    monkeypatch.setattr(probe, "CHOOSE_FROM", 40)
    monkeypatch.setattr(probe, "STRENGTHS", (0.1, 1.0))
    train, labels = blobs(3, 200)
    assert linear_probe(train, labels, train, labels).mean() > 0.7


def test_fewer_examples_than_folds():
    """Three of each class: three folds. One of a class: that class does not vote on C."""
    train = np.array([[0.0, 1], [0.1, 1], [0.2, 1], [1, 0], [1, 0.1], [1, 0.2]])
    assert "3-fold" in probe_labels(train, np.repeat([0, 1], 3), train)[1][0]
    predicted, notes = probe_labels(train, np.array([0, 0, 0, 1, 1, 2]), train)
    assert len(predicted) == 6
    assert "2-fold" in notes[0]
    _, notes = probe_labels(train[:4], np.array([0, 0, 0, 1]), train)
    assert notes == ("C = 1: too few examples of a class to cross-validate",)


def test_a_stopped_fit_is_said(monkeypatch):
    monkeypatch.setattr(probe, "STEPS", 2)
    train, labels = blobs(4, 60)
    assert "did not converge in 2 steps" in probe_labels(train, labels, train, C=10.0)[1][0]


def test_evaluate_probe_on_images():
    train, test = (load_labeled("digits", split=part) for part in ("validation", "test"))
    result = evaluate_probe(
        lambda images: np.stack([np.asarray(image).ravel() for image in images]), train, test, C=0.1
    )
    assert len(result.ids) == len(test)
    assert result.value("accuracy") > 0.85
    assert result["accuracy"].low > 0.8
    assert result.notes == ()


@pytest.mark.parametrize(
    ("labels", "C", "match"),
    [
        (np.zeros(30), None, "probe: train has 1 class; expected at least 2"),
        (np.arange(30) % 2, 0.0, "probe: C is 0.0; expected a number above 0"),
        (np.arange(30) % 2, np.nan, "probe: C is nan"),
    ],
)
def test_bad_input(labels, C, match):
    vectors, _ = blobs(5, 30)
    with pytest.raises(InputError, match=match):
        linear_probe(vectors, labels, vectors, labels, C=C)
