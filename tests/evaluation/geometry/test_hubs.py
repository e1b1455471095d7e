import numpy as np
import pytest
import scipy.stats

from dipole.evaluation.geometry.hubs import hubness

rng = np.random.default_rng(0)


def test_occurrence_by_sorting_every_row():
    x = rng.normal(size=(80, 6))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -np.inf)
    counts = np.bincount(np.argsort(-cosine, axis=1)[:, :7].ravel(), minlength=80)
    found = hubness(x, k=7)
    np.testing.assert_array_equal(found.occurrence, counts)
    assert found.skewness == pytest.approx(scipy.stats.skew(counts))
    assert found.anti_hubs == np.mean(counts == 0)
    assert found.largest == counts.max()
    assert found.robin == pytest.approx(np.abs(counts - 7).sum() / 2 / counts.sum())


def test_documents_are_counted_for_queries():
    queries, documents = rng.normal(size=(30, 4)), rng.normal(size=(50, 4))
    found = hubness(queries, documents, k=3)
    assert len(found.occurrence) == 50
    assert found.occurrence.sum() == 90


def test_twins_are_neighbours_but_nobody_is_their_own():
    x = np.repeat(rng.normal(size=(10, 4)), 3, axis=0)
    found = hubness(x, k=2)
    np.testing.assert_array_equal(found.occurrence, np.full(30, 2))
    assert np.isnan(found.skewness)


def test_pushed_along_one_direction_there_are_hubs():
    x = rng.normal(size=(400, 20)) + 0.6
    hub = x.copy()
    hub[:5] = 1.0 + 0.1 * rng.normal(size=(5, 20))
    assert hubness(hub).skewness > hubness(x).skewness + 1


def test_more_neighbours_than_there_are_and_samples():
    assert hubness(np.eye(3), k=10).k == 2
    assert len(hubness(rng.normal(size=(100, 4)), rows=20).occurrence) == 20
