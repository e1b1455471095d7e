"""The block loss against the formula; what a batch is made of; the recipe's settings."""

from collections import Counter

import numpy as np
import pytest
import torch

import dipole
from dipole.errors import InputError
from dipole.systems.vision.curl_theory import RECIPE, Blocks, Drawn
from support import kinds


@pytest.mark.parametrize("block", [1, 3])
def test_the_loss_is_the_mean_over_blocks(block):
    size = 1 + 2 * block
    x = torch.randn(4 * size, 5, dtype=torch.double)
    losses = []
    for row in x.view(4, size, 5):
        near, far = row[1 : 1 + block].mean(0), row[1 + block :].mean(0)
        losses.append(torch.log2(1 + torch.exp(-(row[0] @ (near - far)))))
    torch.testing.assert_close(Blocks(block)(x), torch.stack(losses).mean())
    assert torch.autograd.gradcheck(Blocks(block), x[: 2 * size].requires_grad_())


def test_a_batch_is_of_whole_blocks():
    with pytest.raises(InputError, match=r"batch: found 7 rows, expected blocks of 3: the sampler"):
        Blocks()(torch.randn(7, 2))


def test_rows_of_a_block_are_of_its_classes_and_classes_come_by_their_frequency():
    labels = np.repeat([0, 1, 2], [10, 30, 60])
    plan = Drawn(labels, 70, block=2, seed=0)
    counts = Counter()
    for epoch in range(60):
        for rows in plan.epoch(epoch):
            found = labels[rows].reshape(-1, 5)
            assert (found[:, :3] == found[:, :1]).all()
            assert (found[:, 3:] == found[:, 3:4]).all()
            counts.update(found[:, 0].tolist())
            counts.update(found[:, 3].tolist())
    shares = np.array([counts[k] for k in range(3)]) / counts.total()
    np.testing.assert_allclose(shares, [0.1, 0.3, 0.6], atol=0.02)


def test_the_size_of_the_block_counts(tmp_path):
    data = kinds.write("labelled", tmp_path)
    found = {}
    for block in (1, 5):
        own = {"objective_options": {"block": block}, "sampler_options": {"block": block}}
        run = dipole.fit(
            data, recipe=RECIPE | own, out=tmp_path / str(block), max_steps=3, batch_size=22,
            show_progress=False, encoder_options={"dim": 8, "buckets": 64},
        )  # fmt: skip
        found[block] = run.encoder.weights()["vectors"]
    assert not found[1].equal(found[5])
