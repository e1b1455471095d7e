import numpy as np
import torch

from dipole.objectives import BidirectionalMargin
from dipole.systems.text.clusterns import Watched


def test_pairs_of_a_cluster_are_counted_by_family():
    watched = Watched(BidirectionalMargin(), family=np.array([7, 7, 8, 8]))
    inputs = {"anchor": torch.eye(4), "positive": torch.eye(4), "rows": torch.arange(4)}
    watched.objective.forward = lambda anchor, positive, labels, negative=None: anchor.sum()
    watched(labels=torch.tensor([-1, -2, -3, -4]), **inputs)  # not started
    assert watched.counts.tolist() == [0, 0, 0, 0]
    watched(labels=torch.tensor([0, 0, 0, 1]), **inputs)
    assert watched.counts.tolist() == [2, 6, 4, 12]
