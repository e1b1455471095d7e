"""Coherence where it can be counted by hand; sets of one are documents; what each term does."""

import json

import numpy as np
import pytest
import torch

import dipole
from dipole.data import Inputs
from dipole.errors import InputError
from dipole.objectives import InfoNCE
from dipole.systems.retrieval.topic_moo import (
    RECIPE,
    Topics,
    TopicsOfSets,
    coherence,
    contrast,
    kept,
)
from support.killing import killed_at


def orders(n, shuffles=1):
    return torch.stack([torch.randperm(n) for _ in range(shuffles)])


def test_coherence_of_words_that_always_never_and_by_chance_meet():
    a = np.array([1, 1, 0, 0], bool)
    b = np.array([1, 0, 1, 0], bool)
    present = np.stack([a, a, ~a, b], axis=1)
    for pair, expected in ([0, 1], 1.0), ([0, 2], -1.0), ([0, 3], 0.0):
        assert np.isclose(coherence(np.array([pair]), present), expected)


def test_sets_of_one_are_the_contrast_of_documents():
    theta, view = torch.rand(2, 12, 5)
    found = contrast(theta, view, orders(12, 3), 1, 0.2)
    expected = InfoNCE(0.2, symmetric=False)(theta, view)
    torch.testing.assert_close(found, expected)


def test_a_set_and_its_own_view_are_nearer_than_the_smallest_shares_of_others():
    theta = torch.eye(8).repeat_interleave(4, 0)
    alike = contrast(theta, theta, orders(32), 4, 0.2)
    apart = contrast(theta, 1 - theta, orders(32), 4, 0.2)
    assert alike < apart


def test_a_view_keeps_the_words_that_tell_most():
    bags = torch.ones(5, 3)
    bags[1:, 2] = 0  # the third word tells most, and is in one document only
    found = kept(bags, (bags > 0).sum(0), 5)
    assert torch.allclose(found[0, 2], torch.tensor(1.0))
    for row in found:
        torch.testing.assert_close(row.min(), torch.tensor(0.4))


@pytest.fixture
def texts():
    """Documents of two fields."""
    rng = np.random.default_rng(0)
    fields = [
        ["harbour", "vessel", "anchor", "sailor", "mast", "rope"],
        ["oven", "flour", "butter", "yeast", "salt"],
    ]
    fields = [words + [f"{w}s" for w in words] for words in fields]
    documents = [" ".join(rng.choice(fields[i % 2], 5, replace=False)) for i in range(40)]
    return Inputs.from_columns({"input": documents})


def fit(texts, out, step=None, **more):
    settings = {"batch_size": 16, "epochs": 2.0, "log_every": 1, "checkpoint_every": 2} | more
    settings |= {
        "step": step or TopicsOfSets(size=2),
        "encoder_options": {"topics": 4, "hidden": 8},
    }
    return dipole.fit(texts, recipe=RECIPE, out=out, seed=1, show_progress=False, **settings)


def test_every_term_and_the_way_they_are_joined_change_the_weights(texts, tmp_path):
    found = {}
    for name, step in {
        "min-norm": TopicsOfSets(size=2),
        "larger sets": TopicsOfSets(size=4),
        "one order": TopicsOfSets(size=2, shuffles=1),
        "warmer": TopicsOfSets(size=2, temperature=0.5),
        "weights": TopicsOfSets(size=2, combine="weights"),
        "likelihood": TopicsOfSets(combine="likelihood"),
        "no weight": TopicsOfSets(size=2, combine="weights", weight=0.0),
    }.items():
        found[name] = fit(texts, tmp_path / name, step).encoder.weights()["layers.0.weight"]
    assert found.pop("no weight").equal(found["likelihood"])
    values = list(found.values())
    assert not any(a.equal(b) for i, a in enumerate(values) for b in values[:i])


def test_a_step_in_the_common_direction_is_against_neither(texts, tmp_path):
    run = fit(texts, tmp_path / "run")
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert all(line["loss/smallest cosine"] >= 0 for line in lines)
    assert all(0 <= line["loss/share of the likelihood"] <= 1 for line in lines)


def test_the_encoder_has_the_shortest_sum_and_the_decoder_the_likelihood():
    """Against the gradients of each loss alone."""
    torch.manual_seed(0)
    z, other, decoder = (torch.randn(6, 3, requires_grad=True) for _ in range(3))
    step = TopicsOfSets()

    def both(first, own, near):
        likelihood = (first * decoder).square().sum() + 1
        return likelihood, (own - near).square().sum() + 2

    g, d = torch.autograd.grad(both(z, z, other)[0], [z, decoder])
    h, k = torch.autograd.grad(both(z, z, other)[1], [z, other])
    first, own, near = z.view_as(z), z.view_as(z), other.view_as(other)
    losses = both(first, own, near)
    step._join([*losses], [[first], [own, near]])
    share = step.beside["share of the likelihood"]
    sum(losses).backward()
    one, two = share / losses[0].item(), (1 - share) / losses[1].item()
    torch.testing.assert_close(z.grad, (one * g + two * h).float())
    torch.testing.assert_close(other.grad, (two * k).float())
    torch.testing.assert_close(decoder.grad, d)
    ends = [torch.cat([one * g, 0 * g]) / share, torch.cat([two * h, two * k]) / (1 - share)]
    length = [(a * ends[0] + (1 - a) * ends[1]).norm() for a in torch.linspace(0, 1, 101)]
    assert (share * ends[0] + (1 - share) * ends[1]).norm() <= min(length) + 1e-9


def test_killed_and_resumed_it_ends_the_same(texts, tmp_path, monkeypatch):
    whole = fit(texts, tmp_path / "whole").encoder.weights()
    killed_at(monkeypatch, 3, fit, texts, tmp_path / "stopped")
    resumed = fit(texts, tmp_path / "stopped", resume=True).encoder.weights()
    assert all(whole[name].equal(resumed[name]) for name in whole)


def test_a_saved_tower_has_its_words(texts, tmp_path):
    tower = fit(texts, tmp_path / "run").encoder
    assert isinstance(tower, Topics)
    theta = tower.encode(["vessel and mast", "butter"])
    np.testing.assert_allclose(theta.sum(1), 1, rtol=1e-5)
    assert tower.top(3).max() < len(tower.words)


def test_another_encoder_is_refused(texts, tmp_path):
    with pytest.raises(InputError, match="topics: found StaticText; expected --encoder dipole"):
        dipole.fit(texts, "static", step=TopicsOfSets(), out=tmp_path / "run", show_progress=False)
