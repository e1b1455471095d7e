"""Every sampler from settings: what its batches are, that it is kept, and what is refused."""

from collections import Counter

import numpy as np
import pytest

import dipole
from dipole.data import Labeled, Pairs
from dipole.data.joining import joined
from dipole.errors import InputError
from dipole.training.config import make_config
from dipole.training.material import Material
from dipole.training.samplers import GROUPS, SAMPLERS, make_sampler


@pytest.fixture
def planted():
    """Words of four alphabets: letters of one are in no other."""
    rng = np.random.default_rng(0)
    alphabets = ["abcdef", "ghijkl", "mnopqr", "stuvwx"]
    words = ["".join(rng.permutation([*a, *a])) for a in alphabets * 16]
    return Pairs.from_columns({"anchor": words, "positive": [w[::-1] for w in words]})


def kind(examples, row):
    return "abcdefghijklmnopqrstuvwx".index(examples[row]["anchor"][0]) // 6


def made(examples, encoder, folder, name, **options):
    config = make_config(
        data="x", sampler=name, sampler_options=options, batch_size=8, seed=1
    )  # fmt: skip
    return make_sampler(config, Material(examples, encoder, 8, 1), folder)


def test_clusters_meet_their_own(planted, tiny_encoder, tmp_path):
    plan = made(planted, tiny_encoder, tmp_path, "clusters", clusters=4)
    assert all(len({kind(planted, row) for row in batch}) == 1 for batch in plan.epoch(0))


def test_neighbours_meet_and_the_groups_are_kept(planted, tiny_encoder, tmp_path):
    plan = made(planted, tiny_encoder, tmp_path, "neighbours", community=4, skip=0, neighbours=15)
    for batch in plan.epoch(0):
        counts = Counter(kind(planted, row) for row in batch)
        assert set(counts.values()) <= {4, 8}
    assert np.load(tmp_path / GROUPS).shape == (64,)
    tiny_encoder.letters.weight.data.zero_()  # now all vectors are alike
    again = made(planted, tiny_encoder, tmp_path, "neighbours", community=4)
    assert all(map(np.array_equal, plan.epoch(1), again.epoch(1)))


def test_apart_keeps_the_like_from_each_other(planted, tiny_encoder, tmp_path):
    plan = made(planted, tiny_encoder, tmp_path, "apart")
    kinds = [Counter(kind(planted, row) for row in batch) for batch in plan.epoch(0)]
    assert [sum(counts.values()) for counts in kinds] == [8] * 8
    assert np.mean([max(counts.values()) for counts in kinds]) < 3.2  # 2 is the least possible


def test_sources_by_metadata(planted, tiny_encoder, tmp_path):
    named = Pairs.from_columns(
        {"anchor": planted.column("anchor"), "positive": planted.column("positive")},
        metadata=[{"task": kind(planted, row)} for row in range(64)],
    )
    plan = made(named, tiny_encoder, tmp_path, "sources", key="task", power=0.5)
    assert all(len({kind(named, row) for row in batch}) == 1 for batch in plan.epoch(0))


def test_classes(planted, tiny_encoder, tmp_path):
    labels = [f"class {kind(planted, row)}" for row in range(64)]
    labelled = Labeled.from_columns({"input": planted.column("anchor"), "label": labels})
    plan = made(labelled, tiny_encoder, tmp_path, "classes", per_class=2)
    for batch in plan.epoch(0):
        assert set(Counter(labels[row] for row in batch).values()) == {2}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("unique", {"x": 1}, "sampler option 'x': unique has no such setting; expected none"),
        ("apart", {"skip": 1}, "apart has no such setting; expected one of clusters, model"),
        ("neighbours", {"community": 9}, "community: found 9, expected at most the batch size, 8"),
        ("shares", {}, "sampler: found one source, python values; expected more data"),
        ("classes", {}, "sampler: found 'classes' for Pairs; expected rows with a class"),
    ],
)
def test_what_cannot_be_is_said(planted, tiny_encoder, tmp_path, name, options, message):
    with pytest.raises(InputError, match=message):
        made(planted, tiny_encoder, tmp_path, name, **options)


@pytest.mark.parametrize(
    "name", sorted(set(SAMPLERS) - {"sources", "shares", "classes", "curriculum"})
)
def test_a_run_with_it_stopped_and_resumed_ends_the_same(
    planted, tiny_encoder, tmp_path, name, monkeypatch
):
    import copy

    from dipole.training.loop import Trainer

    whole = dipole.fit(
        planted, copy.deepcopy(tiny_encoder), out=tmp_path / "whole", sampler=name, batch_size=8,
        show_progress=False,
    )  # fmt: skip
    step = Trainer._step

    def failing(self, batch):
        if self.progress.step == 11:
            raise KeyboardInterrupt
        return step(self, batch)

    settings = {"sampler": name, "batch_size": 8, "checkpoint_every": 5, "show_progress": False}
    out = tmp_path / "stopped"
    monkeypatch.setattr(Trainer, "_step", failing)
    with pytest.raises(KeyboardInterrupt):
        dipole.fit(planted, copy.deepcopy(tiny_encoder), out=out, **settings)
    monkeypatch.setattr(Trainer, "_step", step)
    resumed = dipole.fit(planted, copy.deepcopy(tiny_encoder), out=out, resume=True, **settings)
    for a, b in zip(whole.encoder.parameters(), resumed.encoder.parameters(), strict=True):
        assert a.equal(b)


def test_shares_are_in_the_order_of_the_data(planted, tiny_encoder, tmp_path):
    both = joined([planted.select(range(16)), planted.select(range(16, 64))], ["z", "a"])
    plan = made(both, tiny_encoder, tmp_path, "shares", shares=[3, 1])
    counts = [Counter(both.sources[batch].tolist()) for batch in plan.epoch(0)]
    assert all(count == {"z": 6, "a": 2} for count in counts)


def test_a_curriculum_by_length(tiny_encoder, tmp_path):
    words = ["x" * n for n in range(1, 41)]
    pairs = Pairs.from_columns({"anchor": words, "positive": [w + "y" for w in words]})
    plan = made(pairs, tiny_encoder, tmp_path, "curriculum", start=0.5, over=2)
    assert max(row for batch in plan.epoch(0) for row in batch) == 19
    assert max(row for batch in plan.epoch(2) for row in batch) == 39
