"""Coherence where it can be counted by hand; sets of one are documents; a step goes down."""

import numpy as np
import torch

from dipole.objectives import InfoNCE
from dipole.systems.retrieval.topic_moo import Topics, coherence, contrast, kept, step


def test_coherence_of_words_that_always_never_and_by_chance_meet():
    a = np.array([1, 1, 0, 0], bool)
    b = np.array([1, 0, 1, 0], bool)
    present = np.stack([a, a, ~a, b], axis=1)
    for pair, expected in ([0, 1], 1.0), ([0, 2], -1.0), ([0, 3], 0.0):
        assert np.isclose(coherence(np.array([pair]), present), expected)


def test_sets_of_one_are_the_contrast_of_documents():
    theta, view = torch.rand(2, 12, 5)
    found = contrast(theta, view, 1, torch.Generator().manual_seed(0))
    expected = InfoNCE(0.2, symmetric=False)(theta, view)
    torch.testing.assert_close(found, expected)


def test_a_set_and_its_own_view_are_nearer_than_the_smallest_shares_of_others():
    theta = torch.eye(8).repeat_interleave(4, 0)
    alike = contrast(theta, theta, 4, torch.Generator().manual_seed(0))
    apart = contrast(theta, 1 - theta, 4, torch.Generator().manual_seed(0))
    assert alike < apart


def test_a_view_keeps_the_words_that_tell_most():
    bags = torch.ones(5, 3)
    bags[1:, 2] = 0  # the third word tells most, and is in one document only
    assert torch.allclose(kept(bags)[0, 2], torch.tensor(1.0))
    for row in kept(bags):
        torch.testing.assert_close(row.min(), torch.tensor(0.4))


def test_a_step_in_the_common_direction_is_against_neither():
    torch.manual_seed(0)
    model, x = Topics(30), torch.rand(16, 30)
    theta, mu, log_variance = model.shares(x)
    likelihood = model.bound(x, theta, mu, log_variance)
    cosines = step(
        model, likelihood, contrast(theta, theta.flip(0), 1, torch.Generator()), "relative"
    )
    assert (cosines >= 0).all()
