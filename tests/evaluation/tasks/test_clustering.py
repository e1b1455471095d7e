import numpy as np
import pytest
import sklearn.metrics

from dipole.data import Labeled
from dipole.errors import InputError
from dipole.evaluation.result import compare
from dipole.evaluation.statistics.intervals import bootstrap_intervals
from dipole.evaluation.tasks import clustering
from dipole.evaluation.tasks.clustering import (
    AGREEMENT,
    METRICS,
    agreement,
    clusters,
    evaluate_clustering,
)


def written_out(classes, found):
    """Entropies and pairs, one at a time."""
    n = len(classes)

    def entropy(names):
        shares = [sum(other == name for other in names) / n for name in set(names)]
        return -sum(share * np.log(share) for share in shares)

    h_c, h_k = entropy(list(classes)), entropy(list(found))
    mutual = h_c + h_k - entropy(list(zip(classes, found, strict=True)))
    both = same_class = same_cluster = pairs = 0
    for i in range(n):
        for j in range(i):
            pairs += 1
            same_class += classes[i] == classes[j]
            same_cluster += found[i] == found[j]
            both += classes[i] == classes[j] and found[i] == found[j]
    chance = same_class * same_cluster / pairs
    ari = (both - chance) / ((same_class + same_cluster) / 2 - chance)
    arithmetic = 2 * mutual / (h_c + h_k)
    return arithmetic, mutual / np.sqrt(h_c * h_k), ari, arithmetic


def test_agreement():
    rng = np.random.default_rng(0)
    values = np.column_stack([rng.integers(0, 4, 60), rng.integers(0, 3, 60)]).astype(float)
    values[:30, 1] = values[:30, 0]
    found = agreement(values)(np.ones((1, 60)))[0]
    a, b = values.T.tolist()
    assert found == pytest.approx(written_out(a, b), abs=1e-12)
    assert found[0] == pytest.approx(sklearn.metrics.v_measure_score(a, b))
    assert found[1] == pytest.approx(
        sklearn.metrics.normalized_mutual_info_score(a, b, average_method="geometric")
    )
    assert found[2] == pytest.approx(sklearn.metrics.adjusted_rand_score(a, b))
    # What others call NMI: the arithmetic mean, scikit-learn's default.
    assert found[METRICS.index("NMI")] == pytest.approx(
        sklearn.metrics.normalized_mutual_info_score(a, b)
    )


def test_copies_of_one_example_are_no_pair():
    """ARI of a resample, pair by pair, over what was drawn; V-measure and NMI do not resample."""
    rng = np.random.default_rng(1)
    values = np.column_stack([rng.integers(0, 3, 12), rng.integers(0, 3, 12)]).astype(float)
    for weights in rng.multinomial(12, np.full(12, 1 / 12), 20).astype(float):
        drawn = np.repeat(np.arange(12), weights.astype(int))
        pairs = [(i, j) for p, i in enumerate(drawn) for j in drawn[:p] if i != j]
        one, other = (np.array([c[i] == c[j] for i, j in pairs]) for c in values.T)
        chance = one.sum() * other.sum() / len(pairs)
        expected = ((one & other).sum() - chance) / ((one.sum() + other.sum()) / 2 - chance)
        found = agreement(values)(weights[None])[0]
        assert found[2] == pytest.approx(expected)
        assert np.isnan(found[[0, 1, 3]]).all()


def test_the_interval_of_ari_covers():
    """Where the interval of V-measure would hardly ever hold the truth."""
    rng = np.random.default_rng(2)
    table = 0.6 * np.eye(10) + 0.4 * rng.dirichlet(np.full(10, 0.3), 10)
    table /= table.sum()
    both, row, column = ((t**2).sum() for t in (table, table.sum(1), table.sum(0)))
    truth = (both - row * column) / ((row + column) / 2 - row * column)
    held = []
    for trial in range(60):
        drawn = rng.choice(100, 250, p=table.ravel())
        values = np.stack([drawn // 10, drawn % 10], axis=1).astype(float)
        ari = bootstrap_intervals(values, AGREEMENT, resamples=200, seed=trial)[2]
        held.append(ari.low <= truth <= ari.high)
    assert 0.85 <= np.mean(held) <= 1


def blobs(n=90, spread=0.2):
    rng = np.random.default_rng(3)
    labels = rng.permutation(n) % 3
    return np.eye(4)[labels] + spread * rng.standard_normal((n, 4)), labels


def labeled(labels):
    return Labeled.from_columns(
        {"input": [str(i) for i in range(len(labels))], "label": [f"c{c}" for c in labels]}
    )


def encoder(vectors):
    return lambda texts: vectors[[int(text) for text in texts]]


def test_blobs_are_found_and_every_example_is_kept():
    vectors, labels = blobs()
    result = evaluate_clustering(encoder(vectors * 7), labeled(labels))
    assert [result.value(metric) for metric in METRICS] == [pytest.approx(1)] * 4
    assert result.per_item["class"].tolist() == labels.tolist()
    assert len(set(zip(*result.per_item.values(), strict=True))) == 3
    assert result.item == "example"


def test_intervals_and_tests():
    vectors, labels = blobs(spread=0.5)
    good = evaluate_clustering(encoder(vectors), labeled(labels), system="good")
    worse = evaluate_clustering(
        encoder(vectors + np.random.default_rng(4).standard_normal(vectors.shape)), labeled(labels)
    )
    assert good["ARI"].low < good.value("ARI") < good["ARI"].high
    assert np.isnan(good["V-measure"].low)
    test = compare(good, worse)["ARI"]
    assert test.difference.low > 0
    assert test.p_bootstrap < 0.05
    assert np.isnan(test.p_permutation)
    test = compare(good, worse)["NMI"]
    assert test.difference.value > 0
    assert np.isnan([test.difference.low, test.p_permutation, test.p_bootstrap]).all()


def test_many_vectors_go_in_small_batches(monkeypatch):
    monkeypatch.setattr(clustering, "WHOLE", 50)
    vectors, labels = blobs()
    assert evaluate_clustering(encoder(vectors), labeled(labels)).value("ARI") > 0.9


def test_fewer_different_vectors_than_clusters():
    vectors = np.array([[1.0, 0]] * 5 + [[0, 1.0]] * 5)
    found, notes = clusters(vectors, 3)
    assert len(set(found)) == 2
    assert notes == ("only 2 of 3 clusters found: too few vectors differ",)


@pytest.mark.parametrize(
    ("vectors", "labels", "match"),
    [
        (np.eye(4), [0, 0, 0, 0], "clustering: data has 1 class; expected at least 2"),
        (np.ones((4, 2)), [0, 1, 0, 1], "all 4 examples have the same vector"),
        (np.full((4, 2), np.inf), [0, 1, 0, 1], "are not finite"),
        (np.eye(4), [], "clustering: no data examples; expected at least one"),
    ],
)
def test_bad_input(vectors, labels, match):
    with pytest.raises(InputError, match=match):
        evaluate_clustering(encoder(vectors), labeled(labels))


def test_more_clusters_than_vectors():
    with pytest.raises(InputError, match="k is 5; expected 1 to 4, the examples"):
        clusters(np.eye(4), 5)
