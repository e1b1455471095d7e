"""A step's random numbers depend on (seed, step, rank) and on nothing else."""

import random

import numpy as np
import torch

from dipole.training.run.seeding import seed_step


def draw(*key):
    seed_step(*key)
    return random.random(), np.random.rand(), torch.rand(1).item()


def test_the_same_step_draws_the_same_from_all_three_generators():
    first = draw(3, 7, 1)
    torch.rand(10), np.random.rand(10), random.random()
    assert draw(3, 7, 1) == first


def test_every_part_of_the_key_counts():
    draws = {draw(*key) for key in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (2**40, 0, 0)]}
    assert len(draws) == 5
    assert all(len({d[i] for d in draws}) == 5 for i in range(3))
