"""Recipes of mixtures: each term and sampler that they name changes what is learnt."""

import json

import pytest

import dipole
from support import kinds

SMALL = {"encoder_options": {"dim": 8, "buckets": 64, "dropout": 0.0}, "show_progress": False}

# Of recipes for more data than the small files have.
NEAR = {"skip": 2, "neighbours": 20, "community": 8}
SMALLER = {"gte": {"stages": []}, "b3": {"sampler_options": NEAR}}


def loss(out, data, recipe, **settings):
    dipole.fit(data, out=out, recipe=recipe, max_steps=4, log_every=4, **(SMALL | settings))
    return json.loads((out / "metrics.jsonl").read_text().splitlines()[-1])["loss"]


@pytest.mark.parametrize(
    ("recipe", "kind", "off"),
    [
        ("gte", "pairs", {"objective": "infonce", "objective_options": {"symmetric": False}}),
        ("gte", "pairs", {"temperature": 0.05}),
        ("peg", "pairs", {"objective_options": {"gamma": 0.0}}),
        ("b3", "pairs", {"sampler": "unique", "sampler_options": {}}),
        ("b3", "pairs", {"sampler_options": NEAR | {"skip": 0}}),
        ("b3", "pairs", {"objective_options": {"symmetric": True}}),
        ("b3", "pairs", {"temperature": 0.05}),
        ("llm-embedder", "lists", {"objective": "kl-listwise"}),
        ("llm-embedder", "pairs", {"objective_options": {"symmetric": True}}),
        ("llm-embedder", "lists", {"objective_options": {"teacher_temperature": 0.1}}),
    ],
)
def test_each_term_is_at_work(tmp_path, recipe, kind, off):
    data = kinds.write(kind, tmp_path)
    size = {"batch_size": 16} | SMALLER.get(recipe, {})
    whole = loss(tmp_path / "whole", data, recipe, **size)
    assert loss(tmp_path / "off", data, recipe, **size | off) != pytest.approx(whole, rel=1e-6)


def test_gte_takes_sources_by_the_root_of_their_size(tmp_path, monkeypatch):
    """Of 8 and 32 pairs the small one has a third of the batches, and none is of both."""
    from dipole.training.loop import Trainer

    steps = []
    step = Trainer._step

    def told(trainer, batch):
        steps.append({name.split(":")[0] for name in batch.row_ids})
        return step(trainer, batch)

    monkeypatch.setattr(Trainer, "_step", told)
    large = kinds.write("pairs", tmp_path)
    small = tmp_path / "small.csv"
    small.write_text("anchor,positive\n" + "".join(f"x{i} y,z{i} y\n" for i in range(8)))
    dipole.fit(
        large, out=tmp_path / "run", recipe="gte", stages=[], sources=[str(small)], epochs=3,
        batch_size=4, **SMALL,
    )  # fmt: skip
    assert all(len(names) == 1 for names in steps)
    share = sum(names == {str(small)} for names in steps) / len(steps)
    assert abs(share - 1 / 3) < 0.04
