"""What is locked stays to the bit; a locked tower is run once."""

import itertools

import pytest
import torch

from dipole.encoders import TwoTowers
from dipole.errors import InputError
from dipole.training.fit import fit
from dipole.training.locking import locked
from support.tiny import TinyEncoder


@pytest.fixture
def towers(tiny_encoder, monkeypatch):
    import dipole.training.run.run as run

    torch.manual_seed(1)
    towers = TwoTowers(tiny_encoder, TinyEncoder())
    monkeypatch.setattr(run.Run, "open", lambda folder: None)
    monkeypatch.setattr(run, "write_model", lambda folder, encoder: None)
    # Nor is it saved and loaded before: a test adds a weight that `load` does not know.
    monkeypatch.setattr("dipole.training.one.check_saves", lambda encoder, folder: None)
    return towers


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(before, module):
    return {name: torch.equal(value, before[name]) for name, value in module.state_dict().items()}


def test_a_locked_tower_is_encoded_once_and_stays(towers, pairs, tmp_path, monkeypatch):
    calls = []
    forward = type(towers.document).forward

    def counted(self, features):
        if self.linear.weight is towers.document.linear.weight:  # itself, or its twin
            calls.append(self.training)
        return forward(self, features)

    monkeypatch.setattr(TinyEncoder, "forward", counted)
    before = state(towers)
    fit(pairs, towers, out=tmp_path / "run", locked=["document"], epochs=2, show_progress=False)
    kept = same(before, towers)
    assert all(kept[name] for name in kept if name.startswith("document."))
    assert not any(kept[name] for name in kept if name.startswith("query."))
    assert calls == [False]  # 50 texts in one batch of `encode`, without dropout
    assert all(p.requires_grad for p in towers.parameters())
    assert not towers.stored


def test_stored_vectors_train_as_the_tower_itself_would(towers, pairs, tmp_path):
    """Without dropout a locked tower that is run at every step gives the same weights."""
    towers.query.dropout.p = towers.document.dropout.p = 0.0
    start = state(towers)
    settings = {"epochs": 2, "show_progress": False}
    fit(pairs, towers, out=tmp_path / "stored", locked=["document"], **settings)
    expected = state(towers.query)
    towers.load_state_dict(start)
    # Locked but for one number that no gradient moves: the tower runs.
    towers.document.idle = torch.nn.Parameter(torch.zeros(1))
    names = ["document.letters", "document.linear"]
    fit(pairs, towers, out=tmp_path / "run", locked=names, **settings)
    for name, value in towers.query.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-5)


def test_parts_by_name(tiny_encoder, pairs, tmp_path):
    before = state(tiny_encoder)
    fit(pairs, tiny_encoder, out=tmp_path / "run", locked=["letters"], show_progress=False)
    kept = same(before, tiny_encoder)
    assert kept == {"letters.weight": True, "linear.weight": False, "linear.bias": False}


def test_a_name_that_is_not_there(tiny_encoder, pairs):
    message = "found 'letter'; the encoder's weights are letters, linear"
    with pytest.raises(InputError, match=message), locked(tiny_encoder, ["letter"], pairs):
        pass


def test_warm_up_locks_in_the_first_stage_only(tiny_encoder, pairs, tmp_path):
    before = state(tiny_encoder)
    stages = [{"locked": ["letters"], "max_steps": 2}, {"max_steps": 1}]
    run = fit(pairs, tiny_encoder, out=tmp_path / "run", stages=stages, show_progress=False)
    first = TinyEncoder.load(run.folder / "stages" / "1" / "model")
    assert torch.equal(first.letters.weight, before["letters.weight"])
    assert not torch.equal(run.encoder.letters.weight, before["letters.weight"])


def test_weights_that_take_turns(tiny_encoder, pairs, tmp_path):
    """The letters move in steps 0 and 2, the linear map in step 1."""
    seen = [state(tiny_encoder)]
    for steps in (1, 2, 3):
        torch.manual_seed(0)
        encoder = TinyEncoder()
        fit(
            pairs,
            encoder,
            out=tmp_path / str(steps),
            alternate=["letters", "linear"],
            max_steps=steps,
            schedule="constant",
            warmup=0,
            show_progress=False,
        )
        seen.append(state(encoder))
    moved = [
        {name.partition(".")[0] for name in a if not torch.equal(a[name], b[name])}
        for a, b in itertools.pairwise(seen)
    ]
    assert moved == [{"letters"}, {"linear"}, {"letters"}]


def test_a_turn_of_nobody(tiny_encoder, pairs, tmp_path):
    with pytest.raises(
        InputError, match="alternate: found 'head'; the weights are letters, linear"
    ):
        fit(pairs, tiny_encoder, out=tmp_path / "x", alternate=["letters", "head"])
