"""The graph by a double loop; planted communities are found; batches hold neighbours."""

import numpy as np
import pytest

from dipole.errors import InputError
from dipole.sampling.communities import communities, cut_share, neighbour_graph
from dipole.sampling.grouped import GroupsTogether


def unit(x):
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def test_edges_equal_a_double_loop():
    rng = np.random.default_rng(0)
    a, p = unit(rng.normal(size=(40, 5))), unit(rng.normal(size=(40, 5)))
    keys = rng.integers(0, 60, size=(40, 2)).astype(np.uint64)
    graph = neighbour_graph(a, p, skip=3, neighbours=4, keys=keys)
    expected = set()
    for i in range(40):
        others = [j for j in range(40) if j != i and not set(keys[i]) & set(keys[j])]
        others.sort(key=lambda j: (-float(a[i] @ p[j]), j))
        for j in others[3:7]:
            expected |= {(i, j), (j, i)}
    assert {(i, int(j)) for i in range(40) for j in graph.of(i)} == expected


def planted(groups=25, size=8):
    rng = np.random.default_rng(1)
    truth = rng.permutation(np.repeat(np.arange(groups), size))
    centres = rng.normal(size=(groups, 24))
    return truth, unit(centres[truth] + 0.3 * rng.normal(size=(len(truth), 24)))


def test_planted_communities_are_found():
    truth, vectors = planted()
    graph = neighbour_graph(vectors, vectors, skip=0, neighbours=7)
    found = communities(graph, 8)
    assert set(np.bincount(found).tolist()) == {8}
    assert all(len(set(truth[found == k])) == 1 for k in range(25))
    assert cut_share(graph, found) == cut_share(graph, truth)


def test_exchanges_cut_fewer_edges():
    """A cloud without clusters: growing alone leaves scattered communities at the end."""
    vectors = unit(np.random.default_rng(2).normal(size=(400, 3)))
    graph = neighbour_graph(vectors, vectors, skip=0, neighbours=8)
    grown, better = (communities(graph, 10, passes=passes) for passes in (0, 3))
    random = np.random.default_rng(0).permutation(400) // 10
    assert sorted(np.bincount(better)) == sorted(np.bincount(grown)) == [10] * 40
    assert cut_share(graph, better) < cut_share(graph, grown) < 0.75 * cut_share(graph, random)


def test_batches_of_communities_contain_neighbours_and_no_copies():
    """Planted: every fourth row is a copy of the row before it."""
    _, vectors = planted(40, 8)
    keys = np.arange(320, dtype=np.uint64)[:, None]
    keys[1::4], vectors[1::4] = keys[::4], vectors[::4]
    graph = neighbour_graph(vectors, vectors, skip=1, neighbours=6, keys=keys)
    groups = communities(graph, 8)
    plan = GroupsTogether(groups, 16, keys=keys)
    batches = plan.epoch(0)
    assert all(len(set(keys[batch, 0].tolist())) == len(batch) for batch in batches)

    def hardness(batches):
        """Mean cosine of a row and the nearest other row of its batch."""
        near = []
        for batch in batches:
            cosines = vectors[batch] @ vectors[batch].T - 2 * np.eye(len(batch))
            near += cosines.max(1).tolist()
        return np.mean(near)

    shuffled = np.split(np.random.default_rng(0).permutation(320), 20)
    assert hardness(batches) > hardness(shuffled) + 0.2


def test_ends_and_mistakes():
    vectors = unit(np.random.default_rng(0).normal(size=(5, 3)))
    assert len(neighbour_graph(vectors[:1], vectors[:1]).targets) == 0
    lonely = neighbour_graph(vectors, vectors, skip=9)
    assert sorted(np.bincount(communities(lonely, 2)).tolist()) == [1, 2, 2]
    with pytest.raises(InputError, match="neighbours: found 0 after skip 2"):
        neighbour_graph(vectors, vectors, neighbours=0)
    with pytest.raises(InputError, match="community: found size 0"):
        communities(lonely, 0)
