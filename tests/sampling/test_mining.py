"""What is known to be false is found, what is known to be true is not, and memory stays small."""

import tracemalloc

import numpy as np
import pytest
import torch

from dipole.data import Pairs
from dipole.errors import InputError
from dipole.sampling.filters import make_filters
from dipole.sampling.mining import Miner, mine_negatives


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.fixture
def planted(texts):
    """300 pairs near each other; rows 2i and 2i + 1 share a positive's text up to case and blanks,
    and 30 anchors stand twice with another positive."""
    rng = np.random.default_rng(0)
    vectors = unit(rng.normal(size=(300, 6)))
    vectors[1::2] = vectors[::2]
    anchors = texts(vectors + 0.1 * rng.normal(size=vectors.shape), "Anchor ")
    anchors[200:230] = anchors[:30]
    positives = texts(vectors, "Text ")
    positives[1::2] = [text.upper().replace(" ", "  ") for text in positives[::2]]
    return Pairs.from_columns({"anchor": anchors, "positive": positives})


def folded(text):
    return " ".join(text.casefold().split())


def vector(text):
    return np.array([float(x) for x in text.split()[:6]])


def naive(pairs, row, *, skip, depth, negatives, margin=None, share=None):
    """One row by a loop over all texts."""
    own = {folded(p["positive"]) for p in pairs if folded(p["anchor"]) == folded(row["anchor"])}
    first = {}
    for pair in pairs:
        first.setdefault(folded(pair["positive"]), pair["positive"])
    q = vector(row["anchor"]) / np.linalg.norm(vector(row["anchor"]))
    scored = sorted(
        (-float(q @ unit(vector(text)[None])[0]), place, text)
        for place, (key, text) in enumerate(first.items())
        if key not in own
    )
    positive = float(q @ unit(vector(row["positive"])[None])[0])
    kept = [
        text
        for score, _, text in scored[:depth]
        if (margin is None or -score <= positive - margin)
        and (share is None or -score <= positive * share)
    ]
    return kept[skip:][:negatives]


@pytest.mark.parametrize(
    "options",
    [{}, {"margin": 0.1}, {"share": 0.9}, {"skip": 5, "depth": 9}, {"skip": 2, "margin": 0.1}],
)
def test_equals_a_loop_over_all_texts(planted, tower, options):
    settings = {"skip": 0, "depth": 20, "negatives": 4} | options
    mined = mine_negatives(planted, tower(6), method="exact", **settings)
    rows = list(planted)
    for found, row in zip(mined, rows, strict=True):
        assert found["negatives"] == naive(rows, row, **settings)
        assert (found["id"], found["anchor"]) == (row["id"], row["anchor"])


@pytest.mark.parametrize("source", ["tower", "bm25"])
def test_planted_duplicates_are_never_negatives(planted, tower, source):
    mined = mine_negatives(
        planted, "bm25" if source == "bm25" else tower(6), negatives=40, depth=60
    )
    positives = {}
    for row in planted:
        positives.setdefault(folded(row["anchor"]), set()).add(folded(row["positive"]))
    assert sum(len(row["negatives"]) for row in mined) > 1000
    for row in mined:
        found = {folded(text) for text in row["negatives"]}
        assert not found & positives[folded(row["anchor"])]
        assert folded(row["anchor"]) not in found
        assert len(found) == len(row["negatives"])


@pytest.mark.parametrize("method", ["ivf", "hnsw"])
def test_approximate_search_finds_nearly_the_same(texts, tower, method):
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(3000, 6))
    pairs = Pairs.from_columns(
        {"anchor": texts(vectors[:200] + 0.1, "a"), "positive": texts(vectors[:200], "p")}
    )
    corpus = texts(vectors[200:], "c")
    exact = mine_negatives(pairs, tower(6), corpus=corpus, method="exact", negatives=10)
    found = mine_negatives(pairs, tower(6), corpus=corpus, method=method, negatives=10)
    shared = [
        len(set(a["negatives"]) & set(b["negatives"])) for a, b in zip(exact, found, strict=True)
    ]
    assert np.mean(shared) > 9


def test_a_guide_takes_the_false_negatives_out(texts, tower):
    """The source sees two numbers, the guide the third, which says what belongs together."""
    rng = np.random.default_rng(2)
    near = rng.normal(size=(100, 2))
    kind = np.where(np.arange(100) % 2, 3.0, -3.0)
    vectors = np.column_stack([near, kind])
    pairs = Pairs.from_columns({"anchor": texts(vectors, "a"), "positive": texts(vectors, "p")})
    alone = mine_negatives(pairs, tower(2), negatives=10, depth=50)
    guided = mine_negatives(pairs, tower(2), judge=tower(3), negatives=10, depth=50, most=0.0)

    def false(mined):
        return np.mean([
            np.sign(float(text.split()[2])) == np.sign(float(row["anchor"].split()[2]))
            for row in mined
            for text in row["negatives"]
        ])  # fmt: skip

    assert false(alone) > 0.4
    assert false(guided) == 0


def test_a_pair_scorer_judges_and_its_scores_are_kept(planted, tower, tmp_path):
    class SameFirstNumber:
        def score(self, first, second):
            return np.array([-abs(vector(a)[0] - vector(b)[0]) for a, b in zip(first, second)])  # noqa: B905

    miner = Miner(
        planted, tower(6), make_filters(depth=30), judge=SameFirstNumber(), folder=tmp_path
    )
    (block,) = miner.blocks()
    judge = SameFirstNumber()
    for row in miner.mine(block):
        texts = [row["positive"], *row["negatives"]]
        expected = judge.score([row["anchor"]] * len(texts), texts)
        np.testing.assert_allclose(row["scores"], expected, atol=1e-5)
        assert all(score <= row["scores"][0] for score in row["scores"][1:])
    assert "negatives for 300 rows" in miner.counts.summary()


def test_random_choice_does_not_depend_on_the_blocks(planted, tower, tmp_path, monkeypatch):
    def mined():
        miner = Miner(
            planted, tower(6), make_filters(pick="random", seed=3, depth=30), folder=tmp_path / "x"
        )
        return len(miner.blocks()), [row for b in miner.blocks() for row in miner.mine(b)]

    one, whole = mined()
    monkeypatch.setattr("dipole.sampling.mining.BLOCK", 7)
    many, pieces = mined()
    assert (one, many) == (1, 43)
    assert [row["negatives"] for row in whole] == [row["negatives"] for row in pieces]
    top = mine_negatives(planted, tower(6), depth=30)
    assert [row["negatives"] for row in top] != [row["negatives"] for row in whole]


def test_propensity_prefers_what_looks_alike_and_means_something_else(tower):
    far = "-1 0"
    corpus = [f"{far} the red house stands by the sea {i}" for i in range(5)]
    corpus += [f"{far} {'zqxj ' * 8}{i}" for i in range(5)]
    pairs = Pairs.from_columns(
        {
            "anchor": [f"1 0 the red house stands by the sea, {i} of many" for i in range(200)],
            "positive": [f"1 0 yes {i}" for i in range(200)],
        }
    )
    mined = mine_negatives(
        pairs, tower(2), corpus=corpus, pick="propensity", negatives=1, depth=210, most=-0.2
    )
    alike = [row["negatives"][0] in corpus[:5] for row in mined]
    # The weights are 1 / (1 - look): about 1 / 0.4 against 1 / 0.8.
    assert 0.55 < np.mean(alike) < 0.9


def test_encoding_goes_on_where_it_was_stopped(planted, tower, tmp_path, monkeypatch):
    monkeypatch.setattr("dipole.sampling.searching._ENCODED", 50)
    told = []

    def stop(what, done, total):
        told.append(done)
        if done == 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Miner(planted, tower(6), make_filters(), folder=tmp_path, said=stop)
    again = tower(6)
    miner = Miner(planted, again, make_filters(), folder=tmp_path)
    assert told == [50, 100]
    assert len(again.encoded) == 50  # of 150 different texts
    fresh = mine_negatives(planted, tower(6))
    rows = [row for block in miner.blocks() for row in miner.mine(block)]
    assert [row["negatives"] for row in rows] == [row["negatives"] for row in fresh]


def test_memory_is_bounded_per_text(texts, tower, tmp_path, monkeypatch):
    """Four times the texts: no more than 300 bytes for each one added; a vector has 1 kB."""
    monkeypatch.setattr("dipole.sampling.mining.BLOCK", 256)
    monkeypatch.setattr("dipole.sampling.searching._ENCODED", 256)
    monkeypatch.setattr("dipole.sampling.searching._READ", 256)

    def peak(count):
        short = list(map(str, range(count)))
        pairs = Pairs.from_columns({"anchor": short, "positive": [f"{x} p" for x in short]})
        tracemalloc.start()
        miner = Miner(pairs, Constant(256), make_filters(depth=10), folder=tmp_path / str(count))
        for block in miner.blocks():
            miner.mine(block)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    class Constant(tower):
        def prepare(self, inputs, role="document"):
            return {"vectors": torch.ones(len(inputs), 256)}

    assert (peak(8000) - peak(2000)) / 6000 < 300


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"share": 1.5}, "share: found 1.5; expected a number less than or equal to 1"),
        ({"margin": float("nan")}, "margin: found nan; expected a finite number"),
        ({"most": float("inf")}, "most: found inf; expected a finite number"),
        ({"share": float("nan")}, "share: found nan; expected a finite number"),
        ({"negatives": True}, "negatives: found True; .*not true or false"),
        ({"negatives": 0}, "negatives: found 0; expected a number greater than or equal to 1"),
        ({"skip": 100}, r"skip: found 100; expected less than depth \(100\)"),
        ({"marign": 1}, "mining option 'marign': no such setting; did you mean 'margin'"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(InputError, match=message):
        make_filters(**settings)


def test_wrong_sources_are_named(planted, tower, tmp_path):
    with pytest.raises(InputError, match="source: found 'bm52', expected an encoder or 'bm25'"):
        mine_negatives(planted, "bm52")
    with pytest.raises(InputError, match="judge: found int, expected an encoder"):
        mine_negatives(planted, tower(6), judge=3)
    with pytest.raises(InputError, match="source: found None, expected an encoder or 'bm25'"):
        mine_negatives(planted, None)
    with pytest.raises(InputError, match="mining: found a list; expected Pairs or Triplets"):
        mine_negatives(["a", "b"], "bm25")
    with pytest.raises(InputError, match=r"mining: corpus\[1\] is None; expected text"):
        mine_negatives(planted, "bm25", corpus=["a", None])
    with pytest.raises(InputError, match="mining: corpus: found one text; expected a list"):
        mine_negatives(planted, "bm25", corpus="a text")
    with pytest.raises(InputError, match="method: found 'fast', expected one of auto, exact"):
        mine_negatives(planted, tower(6), method="fast")
    with pytest.raises(InputError, match="found 'propensity' with BM25"):
        mine_negatives(planted, "bm25", pick="propensity")


def test_scores_stay_with_the_negatives(planted, tower):
    """As the file of `dipole mine` has them: the positive's, then one per negative."""
    encoder = tower(6)
    mined = mine_negatives(planted, encoder, method="exact", negatives=3)
    assert len(mined.scores) == len(mined) == 300
    some = mined.select([4, 1])  # rows keep their own
    for row, scores in zip(some, some.scores, strict=True):
        texts = [row["positive"], *row["negatives"]]
        expected = unit(encoder.encode(texts, "document")) @ unit(
            encoder.encode([row["anchor"]], "query")
        ).T  # fmt: skip
        np.testing.assert_allclose(scores, expected[:, 0], atol=2e-6)


def test_what_another_row_pairs_with_the_anchor_in_either_direction_is_no_negative():
    """Planted: 'shut a door' is the positive of 'close the door', whose own anchor is a positive
    elsewhere; mined for 'shut a door', it is the nearest text, and no negative."""
    pairs = Pairs.from_columns(
        {
            "anchor": ["shut a door", "close the door", "go home", "cafe\u0301 door"],
            "positive": ["lock a door", "shut a door", "close the door", "open door"],
        }
    )
    found = mine_negatives(pairs, "bm25", negatives=4)
    assert "close the door" not in found[0]["negatives"]
    assert "open door" in found[0]["negatives"]


@pytest.mark.parametrize(
    ("anchors", "options", "message"),
    [
        (np.eye(3), {"source": "bm25"}, "float64 .3,. as anchor, and bm25 reads words"),
        (["a", "b", "c"], {"source": "bm25"}, "float32 .4,. as positive, and bm25 reads words"),
        (np.eye(3), {"pick": "propensity"}, "as anchor, and propensity compares letters"),
    ],
)
def test_words_and_letters_are_of_texts(tower, anchors, options, message):
    pairs = Pairs.from_columns({"anchor": anchors, "positive": np.ones((3, 4), np.float32)})
    with pytest.raises(InputError, match=message):
        mine_negatives(pairs, **{"source": tower(4)} | options)
