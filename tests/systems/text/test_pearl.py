"""PEARL's edits, its batches and the weights it ends with."""

import itertools
from collections import Counter

import numpy as np
import pytest
import torch

import dipole
from dipole.data import Labeled
from dipole.encoders import StaticText
from dipole.errors import InputError, RunError
from dipole.systems.text.pearl import (
    SHARES,
    Halfway,
    PhraseEdits,
    WithNeighbours,
    nearest_by_letters,
    with_neighbours,
)
from dipole.training.loop import Trainer
from dipole.training.material import Material
from dipole.training.parts import Setup

PHRASES = ["new york city", "new york times", "new york", "los angeles", "los angelos", "boston"]


def test_how_often_a_phrase_is_edited_in_which_way(tmp_path):
    path = tmp_path / "phrases.txt"
    path.write_text("purple apples, violet fruits\n", encoding="utf-8")
    words = tmp_path / "words.txt"
    words.write_text("purple, mauve\npurple apples, plums\n", encoding="utf-8")
    view = PhraseEdits(str(words), str(path))
    found = Counter(view(["Purple apples"] * 4000, np.random.default_rng(0)))
    kinds = {
        "paraphrase": found["violet fruits"], "synonym": found["plums"],
        "swap": found["apples Purple"], "same": found["Purple apples"],
    }  # fmt: skip
    kinds["typo"] = 4000 - sum(kinds.values())
    for kind, count in kinds.items():
        assert count / 4000 == pytest.approx(SHARES[kind], abs=0.03)


def test_a_word_of_a_phrase_is_replaced_and_what_does_not_apply_leaves_it(tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("purple, mauve\n", encoding="utf-8")
    found = set(PhraseEdits(str(words))(["purple sky"] * 300, np.random.default_rng(0)))
    assert {"mauve sky", "sky purple", "purple sky"} <= found
    assert set(PhraseEdits(str(words))(["a"] * 300, np.random.default_rng(0))) == {"a"}


def test_neighbours_are_near_by_their_letters():
    near = nearest_by_letters(PHRASES, np.arange(6), 2)
    assert set(near[0]) == {1, 2}
    assert near[3, 0] == 4
    assert near.shape == (6, 2)
    twice = nearest_by_letters([*PHRASES, PHRASES[0]], np.array([0, 1, 2, 3, 4, 5, 0]), 9)
    assert twice.shape == (7, 5)
    assert 6 not in twice[0]  # the same phrase is no neighbour


def test_batches_are_phrases_with_their_neighbours():
    near = (np.arange(30)[:, None] + np.arange(1, 5)) % 30
    plan = WithNeighbours(near, np.arange(30), 9, draw=2, seed=0)
    firsts = []
    for epoch in range(3):
        batches = plan.epoch(epoch)
        assert all(len(set(batch)) == len(batch) <= 9 for batch in batches)
        firsts += [int(batch[0]) for batch in batches]
        for batch in batches:  # each is near some other
            assert all(min((a - b) % 30 for b in batch if b != a) <= 4 or
                       min((b - a) % 30 for b in batch if b != a) <= 4 for a in batch)  # fmt: skip
    assert len(set(firsts)) == len(firsts)  # in three epochs every phrase comes first once
    assert [b.tolist() for b in plan.epoch(1)] == [b.tolist() for b in
        WithNeighbours(near, np.arange(30), 9, draw=2, seed=0).epoch(1)]  # fmt: skip


def material(phrases, batch_size):
    data = Labeled.from_columns({"input": phrases, "label": ["a"] * len(phrases)})
    return Material(data, StaticText.from_texts(phrases, phrases, dim=4, buckets=8), batch_size, 0)


def test_no_phrase_twice_in_a_batch():
    plan = with_neighbours(material([*PHRASES, *PHRASES], 12))
    for batch in plan.epoch(0):
        assert len({i % 6 for i in batch}) == len(batch)


@pytest.mark.parametrize(
    ("phrases", "size", "options", "message"),
    [
        (PHRASES, 2, {}, "found batches of 2 phrases; expected more than 2"),
        (PHRASES, 9, {"draw": 13}, "found draw 13 of 12 neighbours; expected 1 to 12"),
        (["a", "a"], 9, {}, "found one phrase alone; expected phrases that differ"),
    ],
)
def test_what_is_wrong_is_said(phrases, size, options, message):
    with pytest.raises(InputError, match=message):
        with_neighbours(material(phrases, size), **options)


def test_the_weights_end_halfway():
    encoder = torch.nn.Linear(2, 2)
    start = encoder.weight.detach().clone()
    part = Halfway()
    part.bind(Setup(encoder, material(PHRASES, 4).examples, {}))
    for done in (0.0, 0.5, 1.0):
        part.at(done)
        encoder.weight.data += 1
        part.after_step()
    torch.testing.assert_close(encoder.weight.detach(), start + 1.5)
    assert not any(weight.requires_grad for weight in part.parameters())


def test_a_run_that_was_stopped_goes_on_the_same(tmp_path, monkeypatch):
    rows = [(f"{a} {b}", a) for a in ("new", "old", "red") for b in ("city", "town", "car", "bus")]
    data = Labeled.from_columns({"input": [t for t, _ in rows], "label": [c for _, c in rows]})

    def train(name, **more):
        run = dipole.fit(
            data, recipe="pearl", out=tmp_path / name, batch_size=6, max_steps=6,
            checkpoint_every=2, encoder_options={"dim": 4, "buckets": 8}, learning_rate=0.1,
            show_progress=False, **more,
        )  # fmt: skip
        return dict(run.encoder.state_dict())

    whole, step, count = train("whole"), Trainer._step, itertools.count(1)

    def breaks(self, batch):
        if next(count) == 4:
            raise RunError("the power is gone")
        return step(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", breaks)
        with pytest.raises(RunError, match="power"):
            train("stopped")
    resumed = train("stopped", resume=True)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
