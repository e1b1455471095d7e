from dipole.studies.benches.sentences import unlabelled
from dipole.systems.text.ranking_sentence_gen import STEPS, drifting


def test_a_walk_meets_no_sentence_twice_and_begins_near():
    texts = unlabelled(quick=True)
    found = drifting("train", quick=True)
    assert list(found.column("query")) == texts
    for query, walk in zip(found.column("query"), found.column("candidates"), strict=True):
        assert len({query, *walk}) == STEPS + 1
    relevance = found.column("relevance")
    assert all(list(row) == sorted(row, reverse=True) for row in relevance)
