"""The file is read as triplets and as lists; a mining that was killed goes on and ends the same."""

import json

import numpy as np
import pytest

from dipole.data import Pairs, load_pairs, load_ranked
from dipole.errors import InputError
from dipole.sampling.filters import make_filters
from dipole.sampling.mining import Miner
from dipole.sampling.mining_file import mine_to_file, working_folder


@pytest.fixture
def pairs(texts):
    vectors = np.random.default_rng(0).normal(size=(60, 4))
    return Pairs.from_columns(
        {"anchor": texts(vectors + 0.1, "a"), "positive": texts(vectors, "p")},
        ids=[f"row-{i}" for i in range(60)],
    )


@pytest.fixture
def maker(pairs, tower, monkeypatch):
    monkeypatch.setattr("dipole.sampling.mining.BLOCK", 13)

    def make(folder):
        return Miner(pairs, tower(4), make_filters(share=0.9, negatives=3), folder=folder)

    return make


def test_triplets_and_lists(maker, pairs, tmp_path):
    out = tmp_path / "mined.jsonl"
    counts = mine_to_file(maker, out, {})
    triplets, lists = load_pairs(out), load_ranked(out)
    assert triplets.ids == pairs.ids
    assert triplets.column("anchor") == pairs.column("anchor")
    assert sum(map(len, triplets.column("negatives"))) == counts.negatives
    for triplet, row in zip(triplets, lists, strict=True):
        assert row["candidates"] == [triplet["positive"], *triplet["negatives"]]
        positive, *negatives = row["relevance"]
        assert all(score <= 0.9 * positive + 1e-6 for score in negatives)
    assert not working_folder(out).exists()


def test_a_row_without_negatives_stays(maker, pairs, tower, tmp_path):
    out = tmp_path / "mined.jsonl"
    filters = make_filters(most=-2.0)  # nothing is so far away
    counts = mine_to_file(lambda f: Miner(pairs, tower(4), filters, folder=f), out, {})
    assert counts.without == 60
    assert list(load_pairs(out).column("negatives")) == [[]] * 60
    assert list(map(len, load_ranked(out).column("candidates"))) == [1] * 60


def test_killed_at_any_block_it_ends_the_same(maker, tmp_path):
    whole = tmp_path / "whole.jsonl"
    expected = mine_to_file(maker, whole, {"x": 1})
    for stop in (1, 3, 4):
        out = tmp_path / f"stopped-{stop}.jsonl"
        told = []

        def kill(what, done, total, told=told, stop=stop):
            told.append(what)
            if told.count("mining") == stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            mine_to_file(maker, out, {"x": 1}, kill)
        with (working_folder(out) / "lines.jsonl").open("a") as file:
            file.write('{"id": "half a li')
        assert not out.exists()
        assert mine_to_file(maker, out, {"x": 1}) == expected
        assert out.read_bytes() == whole.read_bytes()


def test_other_settings_begin_anew(maker, pairs, tower, tmp_path):
    out = tmp_path / "mined.jsonl"

    def kill(what, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mine_to_file(maker, out, {"negatives": 3}, kill)
    filters = make_filters(negatives=1)
    mine_to_file(lambda f: Miner(pairs, tower(4), filters, folder=f), out, {"negatives": 1})
    assert {len(json.loads(line)["neg"]) for line in out.read_text().splitlines()} == {1}


def test_no_place_for_the_file(maker, tmp_path):
    with pytest.raises(InputError, match="found no place for a file"):
        mine_to_file(maker, tmp_path / "none" / "x.jsonl", {})
    with pytest.raises(InputError, match="found no place for a file"):
        mine_to_file(maker, tmp_path, {})
