"""SPARC against the equations written out."""

import numpy as np
import torch

from dipole.objectives import SPARC, InfoNCE
from support.battery import Battery
from support.spec import Spec, cosine, lse

SHAPES = {
    "anchor": "n t d",
    "positive": "n u d",
    "anchor_mask": "n t",
    "positive_mask": "n u",
    "token_ids": "n u",
}


def oracle(
    anchor,
    positive,
    anchor_mask=None,
    positive_mask=None,
    ids=None,
    token_ids=None,
    *,
    temperature,
    coarse,
    fine,
    learn_temperature,
):
    def kept(x, mask):
        return list(x) if mask is None else [r[m] for r, m in zip(x, mask, strict=True)]

    patches, words = kept(anchor, anchor_mask), kept(positive, positive_mask)
    n = len(patches)
    if token_ids is None:
        token_ids = [range(positive.shape[1])] * n
    names = kept(np.array(token_ids), positive_mask)
    whole = [[x.mean(0) for x in patches], [x.mean(0) for x in words]]
    rows = []
    for i in range(n):
        seen = [j for j in range(n) if j == i or ids is None or ids[i] != ids[j]]
        loss = 0.0
        for one, other in (whole, whole[::-1]):
            logits = {j: cosine(one[i], other[j]) / temperature for j in seen}
            loss += coarse * (lse(logits.values()) - logits[i]) / 2
        groups = [grouped(word, patches[i]) for word in words[i]]
        u = [[cosine(c, t) / temperature for t in words[i]] for c in groups]
        for l in range(len(u)):
            them = [m for m in range(len(u)) if m == l or names[i][m] != names[i][l]]
            both = lse(u[l][m] for m in them) + lse(u[m][l] for m in them) - 2 * u[l][l]
            loss += fine * both / (2 * len(u))
        rows.append(loss)
    return rows


def grouped(word, patches):
    s = [float(word @ p) for p in patches]
    low, high = min(s), max(s)
    weights = [1.0 if high == low else (x - low) / (high - low) for x in s]
    weights = [w if w >= 1 / len(patches) else 0.0 for w in weights]
    return sum(w / sum(weights) * p for w, p in zip(weights, patches, strict=True))


def scenes(sizes, generator):
    """At least two dimensions: in one, whole groups may cancel to nothing."""
    d = max(sizes.d, 2)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    def mask(t):
        found = torch.rand(sizes.n, t, generator=generator) < 0.7
        found[:, 0] = True
        return found

    return {
        "anchor": normal(sizes.n, 4, d),
        "positive": normal(sizes.n, 3, d),
        "anchor_mask": mask(4),
        "positive_mask": mask(3),
    }


class TestSPARC(Battery):
    spec = Spec(
        "sparc",
        oracle,
        settings=({"temperature": 0.4},),
        draw=scenes,
        shapes=SHAPES,
        smooth=False,
    )


def test_the_coarse_part_alone_is_infonce_of_the_means():
    anchor, positive = torch.randn(3, 4, 5), torch.randn(3, 2, 5)
    found = SPARC(0.1, fine=0, coarse=1)(anchor, positive)
    torch.testing.assert_close(found, InfoNCE(0.1)(anchor.mean(1), positive.mean(1)))


def test_the_fine_part_of_a_pair_does_not_look_at_others():
    anchor, positive = torch.randn(3, 4, 5), torch.randn(3, 2, 5)
    rows = SPARC(0.1, coarse=0, reduction="none")(anchor, positive)
    for i in range(3):
        alone = SPARC(0.1, coarse=0)(anchor[i : i + 1], positive[i : i + 1])
        torch.testing.assert_close(rows[i], alone)


def test_a_word_finds_its_patch():
    """Two words, four patches, each word looks like two of them: those are what it groups."""
    words = torch.eye(2, dtype=torch.float64)
    patches = torch.stack([words[0], words[0], words[1], words[1]])
    c = grouped(words[0].numpy(), patches.numpy())
    np.testing.assert_allclose(c, words[0])
    assert SPARC(0.01, coarse=0)(patches[None], words[None]).item() < 1e-12


def test_a_word_said_twice_is_not_its_own_negative():
    """Two words of one name: nothing to tell apart, so no loss."""
    anchor, positive = torch.randn(1, 4, 5), torch.randn(1, 2, 5)
    objective = SPARC(0.1, coarse=0)
    assert objective(anchor, positive, token_ids=torch.tensor([[7, 7]])).item() == 0
    apart = objective(anchor, positive, token_ids=torch.tensor([[7, 8]]))
    torch.testing.assert_close(apart, objective(anchor, positive))
    assert apart.item() > 0
