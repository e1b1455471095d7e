"""DCLR: noise and a first model's mask take part, and the claim's own measures."""

import pytest
import torch

import dipole
from dipole.data import Inputs
from dipole.encoders import load_encoder
from dipole.errors import InputError
from dipole.objectives import DCLR, InfoNCE, NTXent
from dipole.systems.text.dclr import Noise
from support.parts import bound

TEXTS = ["open a file", "a file open", "sort rows by the first", "close the door"]
INPUTS = Inputs.from_columns({"input": TEXTS})


def test_the_first_model_is_simcse(tmp_path):
    given = {"batch_size": 4, "max_steps": 2, "show_progress": False}
    for name in ("dclr", "simcse"):
        dipole.fit(INPUTS, recipe=name, out=tmp_path / name, encoder_options={"dim": 8}, **given)
    first, simcse = (
        load_encoder(tmp_path / name).weights() for name in ("dclr/stages/1", "simcse")
    )  # fmt: skip
    assert all(simcse[name].equal(value) for name, value in first.items())


@pytest.mark.parametrize(("count", "expected"), [(1, 4), (2.5, 10), (0.5, 2)])
def test_so_many_a_row(count, expected):
    noise = noise_of(InfoNCE(), count=count)
    batch = {"anchor": torch.randn(4, 8), "positive": torch.randn(4, 8)}
    assert noise.before(batch)["negative"].shape == (expected, 8)


def noise_of(objective, **settings):
    part = Noise(**settings)
    part._objective = [objective]
    return part


def test_the_ascent_makes_it_harder_and_leaves_the_batch_alone():
    objective, batch = DCLR(), {"anchor": torch.randn(6, 8), "positive": torch.randn(6, 8)}
    for value in batch.values():
        value.requires_grad_()
    losses = []
    for steps, size in ((1, 1e-9), (4, 0.5)):
        torch.manual_seed(0)
        found = noise_of(objective, steps=steps, size=size).before(batch)
        assert not found["negative"].requires_grad
        losses.append(objective(**objective.pick(found)).item())
    assert losses[1] > losses[0]
    assert all(value.grad is None for value in batch.values())


def test_noise_stands_behind_the_negatives_of_others():
    batch = {"anchor": torch.randn(2, 8), "positive": torch.randn(2, 8)}
    batch |= {"negative": torch.randn(3, 8), "negative_ids": torch.tensor([7, 8, 9])}
    found = noise_of(InfoNCE()).before(batch)
    assert torch.equal(found["negative"][:3], batch["negative"])
    assert found["negative_ids"].tolist() == [7, 8, 9, -1, -1]


def test_an_objective_without_negatives():
    with pytest.raises(InputError, match="noise: the objective takes no negatives; expected one"):
        bound(Noise(), NTXent().inputs())
