"""GML over a matrix of classes, and the logit-adjusted classifier, as loops."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dipole.errors import InputError
from dipole.objectives import GML, InfoNCE, LogitAdjusted
from support.battery import Battery
from support.spec import Spec, cosine, lse

COUNTS = (60.0, 30.0, 9.0, 1.0)
MORE = (*COUNTS, 5.0, 2.0, 2.0, 1.0, 1.0, 1.0)  # as many as a batch of the battery has rows


def per_class(a, support, support_labels, prior, temperature, left_out=()):
    """log prior_c + log mean exp per class with a key, by class."""
    result = {}
    for c in sorted(set(support_labels.tolist())):
        scores = [
            cosine(a, support[j]) / temperature
            for j in range(len(support))
            if support_labels[j] == c and j not in left_out
        ]
        if scores:
            share = np.mean(support_labels == c) if prior is None else prior[c] / sum(prior)
            if prior is None and left_out:
                share *= len(scores) / np.sum(support_labels == c)
            result[c] = math.log(share) + lse(scores) - math.log(len(scores))
    return result


def oracle(
    anchor,
    labels,
    support,
    support_labels,
    ids=None,
    support_ids=None,
    *,
    at,
    temperature,
    counts,
    learn_temperature,
):
    def rows(anchor, support, apart):
        result = []
        for i, y in enumerate(labels):
            left_out = set()
            if apart and ids is not None and support_ids is not None:
                left_out = {
                    j
                    for j in range(len(support))
                    if support_ids[j] == ids[i] and support_labels[j] == y
                }
            found = per_class(anchor[i], support, support_labels, counts, temperature, left_out)
            result.append(lse(found.values()) - found[y] if y in found else None)
        return result

    first = rows(anchor, support, apart=False)
    if not learn_temperature:
        return first
    # A tuple is a mean of its parts; the objective is their sum.
    double = rows(at["anchor"], at["support"], apart=True)
    return tuple([None if r is None else 2 * r for r in part] for part in (first, double))


def four_classes(sizes, generator):
    return {
        "labels": torch.randint(0, 4, (sizes.n,), generator=generator),
        "support_labels": torch.randint(0, 4, (sizes.m,), generator=generator),
    }


class TestGML(Battery):
    spec = Spec(
        "gml",
        oracle,
        settings=(
            {"temperature": 0.3, "counts": MORE},
            {"temperature": 0.3, "counts": None, "learn_temperature": False},
            {"temperature": 0.3, "counts": None},
        ),
        draw=four_classes,
        detached=True,
    )


def classifier(
    anchor,
    labels,
    teacher_scores=None,
    *,
    counts,
    dim,
    temperature,
    distil,
    teacher_temperature,
    seed,
):
    weights = LogitAdjusted(counts, dim, seed=seed).weights.detach().double().numpy()
    rows = []
    for i, y in enumerate(labels):
        logits = [cosine(anchor[i], w) / temperature for w in weights]
        adjusted = [x + math.log(c / sum(counts)) for x, c in zip(logits, counts, strict=True)]
        row = lse(adjusted) - adjusted[y]
        if teacher_scores is not None:
            t = [x / teacher_temperature for x in teacher_scores[i]]
            s = [x / teacher_temperature for x in logits]
            kl = sum(
                math.exp(a - lse(t)) * (a - lse(t) - b + lse(s)) for a, b in zip(t, s, strict=True)
            )
            row += distil * teacher_temperature**2 * kl
        rows.append(row)
    return rows


class AtDim(Spec):
    def inputs(self, n=5, m=3, d=3, seed=0):
        return super().inputs(n, m, 3, seed)


def teacher(sizes, generator):
    scores = torch.randn(sizes.n, len(MORE), generator=generator, dtype=torch.float64)
    return {"labels": four_classes(sizes, generator)["labels"], "teacher_scores": scores}


class TestLogitAdjusted(Battery):
    spec = AtDim(
        "logit-adjusted",
        classifier,
        settings=(
            {"counts": MORE, "dim": 3, "temperature": 0.3},
            {"counts": MORE, "dim": 3, "temperature": 0.3, "distil": 0.2},
        ),
        draw=teacher,
        rotation=False,
    )


def test_one_key_per_class_is_the_logit_adjusted_classifier():
    x, labels = torch.randn(6, 3).double(), torch.tensor([0, 1, 2, 3, 0, 0])
    adjusted = LogitAdjusted(COUNTS, 3, temperature=0.2).double()
    objective = GML(0.2, counts=COUNTS, learn_temperature=False)
    found = objective(x, labels, adjusted.weights, torch.arange(4))
    torch.testing.assert_close(found, adjusted(x, labels))
    plain = F.cross_entropy(adjusted.scores(x) + torch.tensor(COUNTS).double().log(), labels)
    torch.testing.assert_close(found, plain)


def test_without_a_prior_and_with_one_key_per_class_it_is_infonce():
    a, p = torch.randn(2, 5, 3)
    found = GML(0.3, learn_temperature=False)(a, torch.arange(5), p, torch.arange(5))
    torch.testing.assert_close(found, InfoNCE(0.3, symmetric=False)(a, p))


def test_keys_of_the_batch_itself():
    z, labels = torch.randn(8, 3), torch.arange(8) % 3
    objective = GML(0.3, learn_temperature=False, reduction="none")
    with_self = objective(z, labels, z, labels)
    scores = F.normalize(z, dim=1) @ F.normalize(z, dim=1).T / 0.3
    alike = labels[:, None] == labels
    wanted = scores.logsumexp(1) - scores.masked_fill(~alike, -torch.inf).logsumexp(1)
    torch.testing.assert_close(with_self, wanted)


def test_the_temperature_learns_from_the_second_copy_only():
    torch.manual_seed(1)
    a, keys = torch.randn(6, 3).double(), torch.randn(9, 3).double()
    labels, of_keys = torch.arange(6) % 3, torch.arange(9) % 3
    ids, key_ids = torch.arange(6), torch.arange(9)

    def second(temperature):
        """L_conT as a number: the value less that of a fixed temperature."""
        both = GML(temperature, counts=COUNTS).double()
        both.temperature.log.data.fill_(math.log(temperature))
        fixed = GML(temperature, counts=COUNTS, learn_temperature=False).double()
        inputs = (a, labels, keys, of_keys)
        return (both(*inputs, ids, key_ids) - fixed(*inputs)).item()

    objective = GML(0.3, counts=COUNTS).double()
    objective.temperature.log.data.fill_(math.log(0.3))
    objective(a, labels, keys, of_keys, ids, key_ids).backward()
    h = 1e-5
    slope = (second(0.3 * math.exp(h)) - second(0.3 * math.exp(-h))) / (2 * h)
    assert objective.temperature.log.grad.item() == pytest.approx(slope, rel=1e-6)


def test_the_prior_is_what_makes_rare_classes_cheap_to_miss():
    """At equal likelihood an anchor of a class with share q costs -log q."""
    keys = torch.ones(4, 3)
    rows = GML(0.3, counts=COUNTS, learn_temperature=False, reduction="none")(
        torch.ones(4, 3), torch.arange(4), keys, torch.arange(4)
    )
    torch.testing.assert_close(rows, -(torch.tensor(COUNTS) / 100).log())


@pytest.mark.parametrize("counts", [[], [1.0, 0.0], [3, -1], [float("inf"), 1.0]])
def test_bad_counts(counts):
    with pytest.raises(InputError, match=r"^counts: found .*, expected the classes' counts"):
        LogitAdjusted(counts)


def test_labels_are_classes():
    z = torch.randn(2, 3)
    with pytest.raises(InputError, match=r"^labels: found 1 to 4, expected 0 to 3"):
        GML(counts=COUNTS)(z, torch.tensor([1, 4]), z, torch.tensor([0, 1]))
    with pytest.raises(InputError, match=r"^support_labels: found -1 to 1, expected 0 to 3"):
        GML(counts=COUNTS)(z, torch.tensor([1, 3]), z, torch.tensor([-1, 1]))
    with pytest.raises(InputError, match=r"^labels: found 0 to 9, expected 0 to 3"):
        LogitAdjusted(COUNTS, 3)(z, torch.tensor([0, 9]))
