"""The file is read as triplets and as lists; a mining that was killed goes on and ends the same."""

import json

import numpy as np
import pytest

from dipole.data import Pairs, load_pairs, load_ranked
from dipole.errors import InputError, RunError
from dipole.sampling.filters import make_filters
from dipole.sampling.mining import Miner
from dipole.sampling.mining_file import mine_to_file, working_folder
from support.faults import every_death


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


def test_killed_at_any_file_operation(maker, tmp_path):
    """Also where the output was taken away before it is run again."""
    whole = tmp_path / "whole.jsonl"
    expected = mine_to_file(maker, whole, {"x": 1})

    def check(name):
        out = tmp_path / name
        if out.exists():
            assert out.read_bytes() == whole.read_bytes(), name
            with pytest.raises(InputError, match="exists; expected the name of a new file"):
                mine_to_file(maker, out, {"x": 1})
            out.rename(tmp_path / f"moved-{name}")
        assert mine_to_file(maker, out, {"x": 1}) == expected, name
        assert out.read_bytes() == whole.read_bytes(), name
        assert not [path for path in tmp_path.iterdir() if path.name.startswith(f".{name}")]

    assert every_death(lambda name: mine_to_file(maker, tmp_path / name, {"x": 1}), check) > 10


def stopped(maker, out, settings):
    def kill(what, done, total):
        if what == "mining":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mine_to_file(maker, out, settings, kill)


def test_changed_examples_begin_anew_and_are_said(maker, pairs, tower, tmp_path, capfd):
    """As many rows from the same file, in another order: nothing of before is used."""
    out = tmp_path / "mined.jsonl"
    stopped(maker, out, {"x": 1})
    turned, filters = pairs.select(range(59, -1, -1)), make_filters(share=0.9, negatives=3)

    def make(folder, examples=turned):
        return Miner(examples, tower(4), filters, folder=folder)

    mine_to_file(make, out, {"x": 1})
    assert "the data have changed since a mining was stopped there" in capfd.readouterr().err
    mine_to_file(make, tmp_path / "whole.jsonl", {"x": 1})
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_other_settings_are_said(maker, tmp_path, capfd):
    stopped(maker, tmp_path / "mined.jsonl", {"x": 1})
    mine_to_file(maker, tmp_path / "mined.jsonl", {"x": 2})
    assert "a mining with other settings or models was stopped there" in capfd.readouterr().err


def test_two_minings_into_one_file(maker, tmp_path):
    out = tmp_path / "mined.jsonl"
    told = []

    def second(what, done, total):
        if not told:
            with pytest.raises(RunError, match="another mining is at work") as error:
                mine_to_file(maker, out, {})
            told.append(error)

    mine_to_file(maker, out, {}, second)
    assert told


def test_no_place_for_the_file(maker, tmp_path):
    with pytest.raises(InputError, match="found no place for a file"):
        mine_to_file(maker, tmp_path / "none" / "x.jsonl", {})
    with pytest.raises(InputError, match="found no place for a file"):
        mine_to_file(maker, tmp_path, {})
