"""Every size by a loop, any objective, state and queue; the shallow layer and what it follows."""

import pytest
import torch
import torch.nn.functional as F

from dipole.errors import InputError
from dipole.objectives import (
    InfoNCE,
    ISogCLR,
    KLListwise,
    MarginMSE,
    MVInfoNCE,
    SupCon,
    Triplet,
    VICReg,
)
from dipole.objectives.dimensions.matryoshka import Matryoshka, first_dims


def inputs(n=5, d=8, m=3, k=4):
    return {
        "anchor": torch.randn(n, d, dtype=torch.float64, requires_grad=True),
        "positive": torch.randn(n, d, dtype=torch.float64, requires_grad=True),
        "negative": torch.randn(m, d, dtype=torch.float64),
        "candidates": torch.randn(n, k, d, dtype=torch.float64),
        "teacher_scores": torch.rand(n, k, dtype=torch.float64),
        "labels": torch.tensor([0, 0, 1, 1, 1]),
        "rows": torch.arange(n),
        "ids": torch.arange(n),
        "negative_ids": torch.arange(n, n + m),
    }


@pytest.mark.parametrize(
    "objective",
    [InfoNCE(), KLListwise(), SupCon(), MVInfoNCE(), VICReg(), Triplet(), MarginMSE(normalize=True),
     InfoNCE() + 0.5 * VICReg()],
)  # fmt: skip
def test_any_objective_is_the_mean_over_sizes(objective):
    batch = inputs()
    found = Matryoshka(objective, [2, 5], weights=[1, 2, 3])
    loss = found(**found.pick(batch))
    total = 0.0
    for k, weight in ((2, 1), (5, 2), (8, 3)):
        cut = {n: first_dims(x, k) if x.shape[-1] == 8 else x for n, x in batch.items()}
        total += weight * objective(**objective.pick(cut))
    torch.testing.assert_close(loss, total / 6)
    assert set(found.parts) == {"2", "5", "8"}


def test_cosines_do_not_see_the_length_and_dot_products_see_the_whole_one():
    v = torch.randn(4, 6)
    torch.testing.assert_close(first_dims(v, 2).norm(dim=1), v.norm(dim=1))
    torch.testing.assert_close(F.normalize(first_dims(v, 2), dim=1), F.normalize(v[:, :2], dim=1))
    assert first_dims(v, 6) is v
    assert first_dims(torch.tensor([[0.0, 0.0, 1.0]]), 2).tolist() == [[0.0, 0.0]]


def test_a_state_per_example_is_kept_for_each_size():
    plain, sizes = ISogCLR(), Matryoshka(ISogCLR(), [2])
    plain.bind(9)
    sizes.bind(9)
    batch = {k: v.float() if v.is_floating_point() else v for k, v in inputs().items()}
    plain(**plain.pick(batch))
    sizes(**sizes.pick(batch))
    states = [dict(term.named_buffers()) for term in sizes.terms]
    assert all(states[1][name].equal(buffer) for name, buffer in plain.named_buffers())
    assert any(not states[0][name].equal(buffer) for name, buffer in plain.named_buffers())


def test_gradients_are_exact():
    a = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    p, u, w = (torch.randn(3, 4, dtype=torch.float64, requires_grad=True) for _ in range(3))
    objective = Matryoshka(InfoNCE(temperature=0.5), [2], layers=True, detach=False)

    def loss(a, p, u, w):
        return objective(anchor=a, positive=p, anchor_shallow=u, positive_shallow=w)

    objective._follows = lambda deep, shallow: deep.sum() * 0  # its float32 is checked below
    assert torch.autograd.gradcheck(loss, (a, p, u, w))


def test_the_shallow_layer_by_hand():
    batch = inputs()
    names = ("anchor", "positive", "negative")
    shallow = {f"{name}_shallow": torch.randn_like(batch[name]) for name in names}
    objective = Matryoshka(InfoNCE(), [3], layers=True, follow=0.5, temperature=2.0)
    # Past negatives of a queue stand behind the batch's own, without a shallow companion.
    queued = batch | {
        "negative": torch.cat([batch["negative"], torch.randn(2, 8, dtype=torch.float64)]),
        "negative_ids": torch.arange(5, 10),
    }
    found = objective(**objective.pick(queued | shallow))

    def sizes(x, negative, ids):
        return sum(
            InfoNCE()(
                x[0][:, :k], x[1][:, :k], negative[:, :k], ids=batch["ids"], negative_ids=ids
            )
            for k in (3, 8)
        ) / 2  # fmt: skip

    deep = sizes((batch["anchor"], batch["positive"]), queued["negative"], queued["negative_ids"])
    other = sizes(
        (shallow["anchor_shallow"], shallow["positive_shallow"]),
        shallow["negative_shallow"],
        batch["negative_ids"],
    )
    target, guess = (
        (F.normalize(x, dim=1) * 8**0.5 / 2.0).softmax(1)
        for x in (batch["anchor"], shallow["anchor_shallow"])
    )
    kl = 4 * F.kl_div(guess.log(), target, reduction="batchmean")
    torch.testing.assert_close(found, (deep + other) / 2 + 0.5 * kl, rtol=1e-5, atol=1e-6)


def test_the_shallow_vectors_follow_with_the_weight_of_one_of_four_losses():
    """The authors sum l(v), l(v[:k]), l(u), l(u[:k]) and KL; here the losses are a mean."""
    batch = {name: x for name, x in inputs().items() if name in ("anchor", "positive")}
    shallow = {f"{name}_shallow": torch.randn_like(x) for name, x in batch.items()}
    objective = Matryoshka(InfoNCE(), [3], layers=True)
    found = objective(**objective.pick(batch | shallow))
    losses = [value for name, value in objective.parts.items() if name != "follow"]
    assert len(losses) == 4
    torch.testing.assert_close(4 * found, sum(losses) + objective.parts["follow"])


def test_alike_layers_are_four_times_the_loss_over_four():
    """m = n, k = d would be the base: equal vectors, KL 0."""
    batch = inputs()
    same = {f"{n}_shallow": batch[n] for n in ("anchor", "positive", "negative")}
    objective = Matryoshka(InfoNCE(), [], layers=True)
    plain = InfoNCE()
    torch.testing.assert_close(
        objective(**objective.pick(batch | same)), plain(**plain.pick(batch)), check_dtype=False
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dims": []}, "dims: found none"),
        ({"dims": [4, 4]}, r"dims: found \[4, 4\], expected different numbers"),
        ({"dims": [0]}, "expected different numbers of 1 or more"),
        ({"dims": [4], "weights": [1]}, r"weights: found \[1\], expected 2"),
    ],
)
def test_wrong_settings_are_named(arguments, message):
    with pytest.raises(InputError, match=message):
        Matryoshka(InfoNCE(), **arguments)


def test_sizes_beyond_the_vector_are_named():
    a = torch.randn(3, 4)
    with pytest.raises(InputError, match="dims: found 4, expected below 4, the whole size"):
        Matryoshka(InfoNCE(), [4])(a, a)
    with pytest.raises(InputError, match="found no 'anchor_shallow'; expected a tower that shows"):
        Matryoshka(InfoNCE(), [2], layers=True)(a, a)
