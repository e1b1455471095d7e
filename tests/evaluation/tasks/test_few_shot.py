import numpy as np
import pytest

from dipole.data import Labeled
from dipole.errors import InputError
from dipole.evaluation import compare
from dipole.evaluation.tasks.few_shot import evaluate_few_shot, few_shot_accuracy


def blobs(classes=6, each=12, spread=1.0, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), each)
    vectors = np.eye(8)[labels] + spread * rng.standard_normal((classes * each, 8))
    return vectors, labels


def test_an_episode_written_out():
    """With all classes and all examples of each, only the choice of the support is by chance."""
    vectors, labels = blobs(classes=3, each=4, spread=0.7)
    found = few_shot_accuracy(vectors, labels, ways=3, shots=1, queries=3, episodes=20, seed=3)
    length_one = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    possible = set()
    for support in np.ndindex(4, 4, 4):
        rows = [4 * c + s for c, s in enumerate(support)]
        right = [
            min(range(3), key=lambda c: ((length_one[i] - length_one[rows[c]]) ** 2).sum())
            == labels[i]
            for i in range(12)
            if i not in rows
        ]
        possible.add(sum(right) / 9)
    assert set(np.round(found, 9)) <= {round(p, 9) for p in possible}
    assert len(set(found)) > 1


def test_prototypes_are_means_of_unit_vectors():
    """Two classes of 2 + 1: the support is one of three pairs each; every way is tried by hand."""
    rng = np.random.default_rng(4)
    vectors, labels = rng.standard_normal((6, 3)), np.array([0, 0, 0, 1, 1, 1])
    z = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = []
    for out0 in range(3):
        for out1 in range(3, 6):
            centre = [
                np.mean([z[i] for i in rows if i not in (out0, out1)], axis=0)
                for rows in (range(3), range(3, 6))
            ]
            right = 0
            for i in (out0, out1):
                distances = [((z[i] - c) ** 2).sum() for c in centre]
                right += int(np.argmin(distances) == labels[i])
            expected.append(right / 2)
    found = few_shot_accuracy(vectors, labels, ways=2, shots=2, queries=5, episodes=4000, seed=1)
    assert found.mean() == pytest.approx(np.mean(expected), abs=0.03)


def test_seeds_and_shots():
    vectors, labels = blobs()
    one, again = (few_shot_accuracy(vectors, labels, episodes=50, seed=7) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert (one != few_shot_accuracy(vectors, labels, episodes=50, seed=8)).any()
    few = few_shot_accuracy(vectors, labels, shots=1, episodes=300)
    more = few_shot_accuracy(vectors, labels, shots=8, queries=4, episodes=300)
    assert more.mean() > few.mean() + 0.05


def labeled(labels):
    return Labeled.from_columns(
        {"input": [str(i) for i in range(len(labels))], "label": labels.tolist()}
    )


def test_systems_meet_the_same_episodes():
    vectors, labels = blobs(spread=0.4)
    good = evaluate_few_shot(lambda texts: vectors, labeled(labels), episodes=40)
    noise = np.random.default_rng(5).standard_normal(vectors.shape)
    worse = evaluate_few_shot(lambda texts: vectors + 2 * noise, labeled(labels), episodes=40)
    assert good.item == "episode"
    assert good.ids[0] == "episode 1"
    assert good["accuracy"].low < good.value("accuracy") < good["accuracy"].high
    assert compare(good, worse)["accuracy"].p_permutation < 0.01
    assert "5-way 5-shot" in good.notes[0]


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"ways": 7}, "6 of 6 classes have more than 5 examples; expected at least 7 .ways"),
        ({"shots": 12}, "0 of 6 classes have more than 12 examples; expected at least 5"),
        ({"ways": 1}, "ways is 1; expected at least 2"),
        ({"shots": 0}, "shots is 0; expected at least 1"),
        ({"queries": 0}, "queries is 0; expected at least 1"),
        ({"episodes": 0}, "episodes is 0; expected at least 1"),
    ],
)
def test_bad_settings(settings, match):
    with pytest.raises(InputError, match=match):
        few_shot_accuracy(*blobs(), **settings)


def test_bad_vectors():
    vectors, labels = blobs()
    with pytest.raises(InputError, match="all 72 examples have the same vector"):
        evaluate_few_shot(lambda texts: np.ones((len(texts), 3)), labeled(labels))
    with pytest.raises(InputError, match="72 of 72 data vectors are not finite"):
        evaluate_few_shot(lambda texts: vectors * np.nan, labeled(labels))
    with pytest.raises(InputError, match="data has 1 class; expected at least 2"):
        evaluate_few_shot(lambda texts: vectors, labeled(0 * labels))
