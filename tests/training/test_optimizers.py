"""Optimisers by name: their formulas, runs that are stopped and resumed, and what is refused."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import dipole
from dipole.errors import InputError
from dipole.training.config import make_config
from dipole.training.optimizers import check_optimizer
from dipole.training.optimizers.lars import LARS
from dipole.training.optimizers.muon import Muon, split
from support.killing import killed_at

OPTIONS = {
    "adamw": {"betas": [0.8, 0.9]},
    "sgd": {"momentum": 0.9, "nesterov": True},
    "lars": {"momentum": 0.5, "eta": 0.02},
    "muon": {"momentum": 0.8},
}


class Signs(torch.optim.Optimizer):
    """An optimiser of one's own: steps of one size."""

    def __init__(self, params, lr, *, slower: float = 1.0):
        super().__init__(params, {"lr": lr, "slower": slower})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.sub_(group["lr"] / group["slower"] * p.grad.sign())


OWN = f"{__file__}:Signs"


@pytest.mark.parametrize("nesterov", [False, True])
def test_lars_by_hand(nesterov):
    rng = np.random.default_rng(0)
    w, b = rng.standard_normal((3, 4)), rng.standard_normal(3)
    weight, bias = (nn.Parameter(torch.tensor(x)) for x in (w, b))
    m, eta, beta = 0.9, 0.01, 0.1
    settings = {"momentum": m, "eta": eta, "nesterov": nesterov}
    optimizer = LARS([{"params": [weight, bias]}], lr=0.5, weight_decay=beta, **settings)
    v, u = np.zeros((3, 4)), np.zeros(3)
    for step in range(4):
        g, h = rng.standard_normal((3, 4)), rng.standard_normal(3)
        weight.grad, bias.grad = torch.tensor(g), torch.tensor(h)
        optimizer.param_groups[0]["lr"] = lr = 0.5 / (step + 1)
        optimizer.step()
        size = np.sqrt((w**2).sum())
        local = eta * size / (np.sqrt((g**2).sum()) + beta * size)
        move = lr * local * (g + beta * w)
        v, u = m * v + move, m * u + lr * h
        w = w - (move + m * v if nesterov else v)
        b = b - (lr * h + m * u if nesterov else u)
        np.testing.assert_allclose(weight.detach().numpy(), w, rtol=1e-12)
        np.testing.assert_allclose(bias.detach().numpy(), b, rtol=1e-12)


def test_lars_of_zero_weights_is_momentum():
    weight = nn.Parameter(torch.zeros(2, 2))
    weight.grad = torch.ones(2, 2)
    LARS([weight], lr=0.1, weight_decay=1.0).step()
    torch.testing.assert_close(weight.detach(), torch.full((2, 2), -0.1))


def test_muon_moves_matrices_as_torch_and_the_rest_as_adamw():
    torch.manual_seed(0)
    tower = nn.ModuleDict({"encoder": nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 3))})
    other = copy.deepcopy(tower)
    groups = [{"params": list(tower.parameters()), "weight_decay": 0.1}]
    ours = Muon(split(groups, tower), lr=0.1)
    table, weight, bias = other.parameters()
    theirs = [
        torch.optim.Muon([weight], lr=0.1, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW([table, bias], lr=0.1, weight_decay=0.1),
    ]
    for _ in range(3):
        for one, two in zip(tower.parameters(), other.parameters(), strict=True):
            one.grad = torch.randn_like(one)
            two.grad = one.grad.clone()
        for optimizer in (ours, *theirs):
            optimizer.step()
        state = copy.deepcopy(ours.state_dict())  # what is resumed is what was there
        ours = Muon(split(groups, tower), lr=0.1)
        ours.load_state_dict(state)
    for one, two in zip(tower.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, two)


def settings(name):
    own = {"optimizer": name, "optimizer_options": OPTIONS.get(name, {"slower": 2.0})}
    return own | {"learning_rate": 0.02, "weight_decay": 0.05, "checkpoint_every": 3}


@pytest.mark.parametrize("name", [*OPTIONS, OWN])
def test_a_run_stopped_and_resumed_ends_the_same(pairs, tiny_encoder, tmp_path, monkeypatch, name):
    def fit(out, **more):
        encoder = copy.deepcopy(tiny_encoder)
        run = dipole.fit(
            pairs, encoder, out=tmp_path / out, show_progress=False, **settings(name), **more
        )
        return run.encoder.state_dict()

    whole = fit("whole")
    killed_at(monkeypatch, 8, fit, "stopped")
    resumed = fit("stopped", resume=True)
    assert all(whole[key].equal(resumed[key]) for key in whole)
    assert not whole["linear.weight"].equal(tiny_encoder.state_dict()["linear.weight"])


@pytest.mark.parametrize("name", ["sgd", "lars", "muon"])
def test_with_turns_and_rates_of_towers(pairs, tiny_encoder, tmp_path, name):
    tiny_encoder.rate_factors = {"letters.weight": 1e-9}
    before = copy.deepcopy(tiny_encoder.state_dict())
    run = dipole.fit(
        pairs, tiny_encoder, out=tmp_path / "run", show_progress=False, max_steps=1,
        alternate=["linear", "letters"], **settings(name),
    ).encoder.state_dict()  # fmt: skip
    assert run["letters.weight"].equal(before["letters.weight"])
    assert not run["linear.weight"].equal(before["linear.weight"])


def test_every_option_changes_the_weights(pairs, tiny_encoder, tmp_path):
    found = {}
    for name, options in OPTIONS.items():
        for number, own in enumerate([{}, options]):
            run = dipole.fit(
                pairs, copy.deepcopy(tiny_encoder), out=tmp_path / f"{name} {number}",
                show_progress=False, max_steps=4, **settings(name) | {"optimizer_options": own},
            )  # fmt: skip
            found[name, number] = run.encoder.state_dict()["linear.weight"]
    values = list(found.values())
    assert not any(a.equal(b) for i, a in enumerate(values) for b in values[:i])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"optimizer": "sdg"}, "optimizer: found 'sdg'; did you mean 'sgd'"),
        ({"optimizer_options": {"beta": 1}}, "optimizer option 'beta': adamw has no such setting"),
        ({"optimizer_options": {"lr": 1}}, "optimizer option 'lr': adamw has no such setting"),
        ({"optimizer_options": {"betas": [2, 1]}}, "optimizer adamw: Invalid beta"),
        ({"optimizer": "lars", "optimizer_options": {"eta": "x"}}, "option 'eta': found 'x'"),
        ({"optimizer": "lars", "optimizer_options": {"eta": 0}}, "eta: found 0; expected a number"),
        ({"optimizer": "muon", "sharded": True}, "found muon with --sharded"),
        ({"optimizer": "sgd", "learning_rate": None}, "learning_rate: found none, and the encod"),
        (
            {"optimizer": "torch.nn:Linear"},
            "expected a subclass of torch.optim.optimizer.Opt",
        ),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_loaded(given, message):
    with pytest.raises(InputError) as error:
        check_optimizer(make_config(data="none-such", **{"learning_rate": 0.1} | given))
    assert message in str(error.value)


def test_muon_wants_a_matrix(pairs, tmp_path):
    with pytest.raises(InputError, match="the encoder has no linear layer to train"):
        dipole.fit(
            pairs, "static", out=tmp_path / "run", optimizer="muon", show_progress=False,
            encoder_options={"dim": 8},
        )  # fmt: skip


def test_decay_where_none_is_given_is_the_optimisers(pairs, tiny_encoder, tmp_path):
    import yaml

    for name, decay in (("adamw", 0.01), ("sgd", 1e-4), (OWN, 0.0)):
        folder = tmp_path / str(decay)
        dipole.fit(
            pairs, copy.deepcopy(tiny_encoder), out=folder, optimizer=name, learning_rate=0.1,
            max_steps=1, show_progress=False,
        )  # fmt: skip
        assert yaml.safe_load((folder / "config.yaml").read_text())["weight_decay"] == decay
