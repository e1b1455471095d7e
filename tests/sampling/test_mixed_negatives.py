"""Made negatives: where they lie, and that they are harder."""

import pytest
import torch
import torch.nn.functional as F

from dipole.errors import InputError
from dipole.sampling.mixed_negatives import mixed_negatives, noise_negatives


def made(seed=0, **settings):
    generator = torch.Generator().manual_seed(seed)
    anchor, queue = torch.randn(5, 8, generator=generator), torch.randn(40, 8, generator=generator)
    anchor.requires_grad_()
    options = {"hardest": 4, "mixes": 6, "with_anchor": 3} | settings
    return anchor, queue, mixed_negatives(anchor, queue, generator=generator, **options)


def test_unit_vectors_without_gradient():
    _, _, mixed = made()
    assert mixed.shape == (5, 9, 8)
    assert not mixed.requires_grad
    torch.testing.assert_close(mixed.norm(dim=-1), torch.ones(5, 9))


def test_mixes_lie_between_two_of_the_hardest():
    """Solve for every mix: shares of the 4 hardest that are >= 0, at most two of them above 0."""
    anchor, queue, mixed = made(with_anchor=0)
    scores = F.normalize(anchor, dim=-1) @ F.normalize(queue, dim=-1).T
    for i in range(5):
        basis = F.normalize(queue[scores[i].topk(4).indices], dim=-1)
        shares = torch.linalg.lstsq(basis.T, mixed[i].T).solution
        torch.testing.assert_close(basis.T @ shares, mixed[i].T, rtol=1e-4, atol=1e-4)
        assert shares.min() > -1e-4
        assert ((shares > 1e-4).sum(0) <= 2).all()


def test_the_anchor_has_the_smaller_share():
    anchor, queue, mixed = made(mixes=0, hardest=1, with_anchor=50)
    q = F.normalize(anchor, dim=-1).detach()
    scores = q @ F.normalize(queue, dim=-1).T
    hard = F.normalize(queue, dim=-1)[scores.argmax(1)]
    shares = torch.linalg.lstsq(torch.stack([q, hard], 2), mixed.mT).solution
    assert (shares[:, 0] <= shares[:, 1] + 1e-4).all()
    assert shares[:, 0].min() > 0
    # Nearer to the anchor than what they were made from.
    assert ((mixed @ q[:, :, None])[..., 0] > scores.max(1, keepdim=True).values - 1e-5).all()


def test_the_same_generator_makes_the_same():
    assert torch.equal(made()[2], made()[2])
    assert not torch.equal(made()[2], made(seed=1)[2])


def test_no_queue():
    with pytest.raises(InputError, match=r"^hardest: found 4 of 0 negatives, expected "):
        mixed_negatives(torch.randn(2, 3), torch.randn(0, 3), hardest=4)


def test_noise_climbs_the_loss_in_steps_of_one_size():
    target = torch.randn(6, 4)

    def loss(noise):
        return -(noise - target).square().sum()

    noise = torch.randn(6, 4)
    found = noise_negatives(loss, noise, steps=3, size=0.01)
    torch.testing.assert_close((found - noise).norm(dim=-1), torch.full((6,), 0.03))
    assert loss(found) > loss(noise)
    assert torch.equal(noise_negatives(loss, noise, steps=0), noise)


def test_noise_without_gradient_stays():
    noise = torch.randn(3, 4)
    found = noise_negatives(lambda e: e[:2].square().sum(), noise)
    assert torch.equal(found[2], noise[2])
    assert not torch.equal(found[:2], noise[:2])
