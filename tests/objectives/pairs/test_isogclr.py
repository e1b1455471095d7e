"""SogCLR and iSogCLR: the first step and later ones as loops, and the temperature they find."""

import math

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from scipy.optimize import minimize_scalar

from dipole.errors import InputError
from dipole.objectives import ISogCLR, NTXent, SogCLR
from support import distributed
from support.battery import Battery
from support.spec import Spec, cosine, lse, reduce_rows


def negatives(side, i, anchor, positive, ids, modalities):
    """The vectors that row i of a side meets, and whose they are."""
    sides = [(anchor, positive)[1 - side]] if modalities else [anchor, positive]
    return [
        z[j]
        for z in sides
        for j in range(len(anchor))
        if j != i and (ids is None or ids[j] != ids[i])
    ]


def step(state, inputs, settings, at):
    """One batch as loops: the loss by rows of each side; `state` moves as at `at`."""
    ids, modalities, gamma = inputs.get("ids"), settings["modalities"], settings["gamma"]
    rho, own = settings.get("rho", 0.0), {}
    sides = ([], [])
    for i, row in enumerate(inputs["rows"]):
        scores, taus = [], []
        for side, name in enumerate(("anchor", "positive")):
            them = negatives(side, i, at["anchor"], at["positive"], ids, modalities)
            scores.append([cosine(at[name][i], z) for z in them])
            taus.append(state["tau"][side][row])
        if not scores[0]:
            for rows in sides:
                rows.append(None)
            continue
        size = len(scores[0])
        pair = cosine(at["anchor"][i], at["positive"][i])
        pair_now = cosine(inputs["anchor"][i], inputs["positive"][i])
        slopes, log_us = [], []
        for side, name in enumerate(("anchor", "positive")):
            tau, old = taus[side], state["log_u"][side][row]
            them = negatives(side, i, inputs["anchor"], inputs["positive"], ids, modalities)
            before, after = scores[side], [cosine(inputs[name][i], z) for z in them]
            if modalities:  # differences, of the own pair too
                before = [s - pair for s in before] + [0.0]
                after = [s - pair_now for s in after] + [0.0]
            log_u = lse(s / tau for s in before) - math.log(size)
            if modalities or old > -math.inf:
                log_u = lse([math.log(1 - gamma) + old, math.log(gamma) + log_u])
            weights = [math.exp(s / tau - log_u) for s in before]
            moved = sum(w * (b - a) for w, a, b in zip(weights, before, after, strict=True))
            value = tau * (log_u + rho) + moved / size
            sides[side].append(value - (0 if modalities else pair_now))
            near = sum(w * s / tau for w, s in zip(weights, before, strict=True)) / size
            slopes.append(log_u + rho - near)
            log_us.append(log_u)
        if not modalities:  # one state for both views
            slopes = [sum(slopes) / 2] * 2
            log_us = [lse(log_us) - math.log(2)] * 2
        own[row] = list(zip(log_us, slopes, strict=True))
    for row, both in own.items():
        for side, (log_u, slope) in enumerate(both):
            state["log_u"][side][row] = log_u
            if "eta" in settings:
                v = (1 - settings["beta"]) * state["v"][side][row]
                clip = settings["clip"] or (5 if modalities else 3)
                v += settings["beta"] * min(max(slope, -clip), clip)
                state["v"][side][row] = v
                tau = state["tau"][side][row] - settings["eta"] * v
                state["tau"][side][row] = min(max(tau, settings["lowest"]), settings["highest"])
    return sides


def fresh(examples, temperature):
    return {
        "log_u": np.full((2, examples), -np.inf),
        "tau": np.full((2, examples), float(temperature)),
        "v": np.zeros((2, examples)),
    }


def oracle(anchor, positive, rows, ids=None, *, at, temperature, **settings):
    inputs = {"anchor": anchor, "positive": positive, "rows": rows, "ids": ids}
    return step(fresh(max(rows) + 1, temperature), inputs, settings, at)


class TestSogCLR(Battery):
    spec = Spec(
        "sogclr",
        oracle,
        settings=({"temperature": 0.3}, {"temperature": 0.3, "modalities": True}),
        detached=True,
    )


WIDE = {"temperature": 0.3, "rho": 0.4, "eta": 1e-3, "lowest": 1e-3, "highest": 10.0}


class TestISogCLR(Battery):
    spec = Spec("isogclr", oracle, settings=(WIDE, WIDE | {"modalities": True}), detached=True)


@pytest.mark.parametrize("modalities", [False, True])
def test_later_steps(modalities):
    """Shuffled batches over three epochs: loss, u, tau and v as in the loops."""
    settings = {"gamma": 0.6, "rho": 0.5, "eta": 0.05, "beta": 0.7}
    settings |= {"lowest": 0.2, "highest": 0.4, "clip": None, "modalities": modalities}
    objective = ISogCLR(0.3, **settings).double()
    objective.bind(9)
    state = fresh(9, 0.3)
    for epoch in range(3):
        for rows in torch.randperm(9).split(4)[: 2 + epoch % 2]:  # the last batch is one example
            batch = {"rows": rows}
            for name in ("anchor", "positive"):
                batch[name] = torch.randn(len(rows), 3, dtype=torch.float64)
            loss = objective(**batch)
            arrays = {k: v.numpy() for k, v in batch.items()}
            wanted = reduce_rows(step(state, arrays, settings, arrays))
            assert loss.item() == pytest.approx(float(wanted), abs=1e-12)
            for name, value in state.items():
                shown = value if modalities else value[:1]
                np.testing.assert_allclose(objective.get_buffer(name).numpy(), shown, rtol=1e-10)
    assert len(np.unique(state["tau"])) > 3


def test_the_temperature_is_the_robust_one():
    """On a fixed set tau goes to argmin tau log (1/(n-1) sum exp(h / tau)) + tau rho."""
    z = F.normalize(torch.randn(2, 8, 3, dtype=torch.float64), dim=-1)
    rho = 0.5
    objective = ISogCLR(0.5, rho=rho, eta=0.05, lowest=0.01, highest=5.0, modalities=True).double()
    objective.bind(8)
    for _ in range(400):
        objective(z[0], z[1], rows=torch.arange(8))
    scores = (z[0] @ z[1].T).numpy()
    for i in range(8):
        h = scores[i] - scores[i, i]  # with the own pair's 0, as the authors count it

        def robust(tau, h=h):
            top = h.max()
            return tau * (np.log(np.sum(np.exp((h - top) / tau)) / (len(h) - 1)) + rho) + top

        best = minimize_scalar(robust, bracket=(0.02, 0.5, 4.0), method="golden", tol=1e-10)
        assert objective.tau[0, i].item() == pytest.approx(best.x, abs=1e-3)


def test_gradient_of_the_first_step_is_that_of_the_global_contrast():
    """With gamma = 1 the loss is tau log mean exp, and its gradient is taken through it."""
    views = torch.randn(2, 6, 4, dtype=torch.float64, requires_grad=True)
    objective = SogCLR(0.4, gamma=1.0, modalities=True).double()
    objective.bind(6)
    loss = objective(*views, rows=torch.arange(6))
    s = F.normalize(views, dim=-1)
    s = s[0] @ s[1].T
    far = [0.4 * ((s / 0.4).logsumexp(axis) - math.log(5)) for axis in (0, 1)]
    wanted = ((far[0] + far[1]) / 2 - s.diagonal()).mean()
    torch.testing.assert_close(loss, wanted)
    for found, expected in zip(
        torch.autograd.grad(loss, views), torch.autograd.grad(wanted, views), strict=True
    ):
        torch.testing.assert_close(found, expected)


def test_one_batch_of_everything_points_where_ntxent_points_far_from_the_positive():
    """Without memory the denominator is the batch's: DCL's gradient, NT-Xent's for hard pairs."""
    views = torch.randn(2, 6, 4, dtype=torch.float64)
    views[1] = -views[0]
    gradients = []
    for objective in (SogCLR(0.05, gamma=1.0).double(), NTXent(0.05)):
        objective.bind(6)
        leaf = views.clone().requires_grad_()
        inputs = {"rows": torch.arange(6)} if isinstance(objective, SogCLR) else {}
        (gradient,) = torch.autograd.grad(objective(*leaf, **inputs), leaf)
        gradients.append(gradient.flatten())
    assert F.cosine_similarity(*gradients, dim=0) > 0.9


def test_evaluation_moves_nothing_and_checkpoints_hold_everything():
    objective = ISogCLR()
    objective.bind(5)
    objective(torch.randn(4, 3), torch.randn(4, 3), rows=torch.tensor([4, 0, 2, 1]))
    saved = {k: v.clone() for k, v in objective.state_dict().items()}
    assert saved.keys() == {"log_u", "tau", "v"}
    assert saved["log_u"][0].isfinite().tolist() == [True, True, True, False, True]
    objective.eval()
    objective(torch.randn(3, 3), torch.randn(3, 3), rows=torch.arange(3))
    other = ISogCLR()
    other.bind(5)
    other.load_state_dict(saved)
    other.bind(5)
    for key, value in saved.items():
        torch.testing.assert_close(objective.state_dict()[key], value)
        torch.testing.assert_close(other.state_dict()[key], value)


def test_a_sum_passes_the_news_on():
    both = NTXent() + 0.5 * SogCLR()
    both.bind(3)
    z = torch.randn(3, 4)
    assert both(anchor=z, positive=z, rows=torch.arange(3)).isfinite()


@pytest.mark.parametrize("rows", [[0, 1, 7], [0, 1, -1]])
def test_rows_that_nobody_knows(rows):
    objective = SogCLR()
    z = torch.randn(3, 4)
    with pytest.raises(InputError, match=r"^rows: found .*, expected numbers below 0, "):
        objective(z, z, rows=torch.arange(3))
    objective.bind(7)
    with pytest.raises(InputError, match=r"^rows: found .*, expected numbers below 7, "):
        objective(z, z, rows=torch.tensor(rows))


@pytest.mark.parametrize(
    ("settings", "name"),
    [({"gamma": 0.0}, "gamma"), ({"beta": 1.5}, "beta"), ({"lowest": 0.1}, "temperature")],
)
def test_bad_settings(settings, name):
    with pytest.raises(InputError, match=rf"^{name}: found .*, expected "):
        ISogCLR(**settings)


def state_of_rank(sizes):
    """Every rank's state after two steps on uneven shards, and the losses."""
    objective = ISogCLR(0.3, eta=0.05).double()
    objective.bind(12)
    generator = torch.Generator().manual_seed(0)
    for rows in (torch.arange(8), torch.tensor([2, 9, 11, 4, 0, 3, 1, 10])):
        vectors = torch.randn(2, 8, 3, dtype=torch.float64, generator=generator)
        if sizes:
            start = sum(sizes[: dist.get_rank()])
            mine = slice(start, start + sizes[dist.get_rank()])
            rows, vectors = rows[mine], vectors[:, mine]
        objective(*vectors, rows=rows)
    return dict(objective.state_dict())


def test_every_process_holds_the_same_state():
    alone = state_of_rank(())
    for found in distributed.run(2, state_of_rank, (3, 5)):
        for name, value in alone.items():
            torch.testing.assert_close(found[name], value, rtol=1e-10, atol=1e-12)
