"""CoDiEmb: contrast of several positives by a double loop, and the tasks that its recipe makes."""

import json
import math

import torch

import dipole
from dipole.systems.text.codiemb import SequentialPositives
from dipole.training.config import make_config
from dipole.training.recipe import read_recipe
from dipole.training.tasks import load_tasks
from support import kinds


def by_loops(a, c, relevance, mask, ids, t):
    """The equation, term by term."""
    n, k = relevance.shape
    a, c = (x / x.norm(dim=-1, keepdim=True) for x in (a, c))
    there = [[j for j in range(k) if mask[i, j]] for i in range(n)]
    best = [max(float(relevance[i, j]) for j in there[i]) for i in range(n)]
    good = [[j for j in there[i] if float(relevance[i, j]) == best[i]] for i in range(n)]
    means = []
    for p in range(max(map(len, good))):
        terms = []
        for i in range(n):
            if len(good[i]) <= p:
                continue
            own = {int(ids[i, j]) for j in good[i]}
            columns = [(q, good[q][p]) for q in range(n) if len(good[q]) > p]
            columns += [(q, j) for q in range(n) for j in there[q] if j not in good[q]]
            score = math.exp(float(a[i] @ c[i, good[i][p]]) / t)
            total = score + sum(
                math.exp(float(a[i] @ c[q, j]) / t) for q, j in columns if int(ids[q, j]) not in own
            )
            terms.append(-math.log(score / total))
        means.append(sum(terms) / len(terms))
    return sum(means) / len(means)


def lists(seed):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    c = torch.randn(5, 6, 4, generator=generator, dtype=torch.float64)
    relevance = torch.tensor([[1, 0, 1, 0, 0, 0]] * 3 + [[0, 1, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0]])
    mask = torch.ones(5, 6, dtype=torch.bool)
    mask[1, 4:] = False
    ids = torch.arange(30).view(5, 6)
    ids[2, 0] = ids[0, 0]  # two anchors share a positive
    ids[3, 4] = ids[4, 1]  # a negative is another's positive
    return a, c, relevance.double(), mask, ids


def test_several_positives_one_at_a_time():
    for seed in range(3):
        given = lists(seed)
        found = SequentialPositives(0.3)(*given)
        assert abs(float(found) - by_loops(*given, 0.3)) < 1e-9


def test_its_gradient():
    a, c, relevance, mask, ids = lists(0)
    loss = SequentialPositives(0.5)
    assert torch.autograd.gradcheck(
        lambda a, c: loss(a, c, relevance, mask, ids),
        (a.requires_grad_(), c.requires_grad_()),
    )


def test_one_positive_is_infonce_with_the_negatives_of_all():
    from dipole.objectives import InfoNCE

    a, c, *_ = lists(1)
    relevance = torch.zeros(5, 6, dtype=torch.float64)
    relevance[:, 0] = 1
    ids = torch.arange(30).view(5, 6)
    found = SequentialPositives(0.2)(a, c, relevance, None, ids)
    expected = InfoNCE(0.2, symmetric=False)(a, c[:, 0], c[:, 1:].flatten(0, 1))
    torch.testing.assert_close(found, expected)


def test_each_kind_of_data_has_its_loss(tmp_path):
    files = {}
    for kind in ("pairs", "graded", "lists", "triplets"):
        (tmp_path / kind).mkdir()
        files[kind] = str(kinds.write(kind, tmp_path / kind))
    settings = read_recipe("codiemb") | {"data": files.pop("lists")}
    tasks = load_tasks(make_config(**settings, sources=list(files.values())))
    found = [(type(t.examples).__name__, type(t.objective).__name__) for t in tasks]
    assert found == [
        ("Ranked", "SequentialPositives"), ("Pairs", "InfoNCE"), ("Scored", "CoDiEmb"),
        ("Triplets", "InfoNCE"),
    ]  # fmt: skip
    assert [task.config.batch_size for task in tasks] == [64, 64, 32, 64]


def test_each_task_is_learnt_from(tmp_path):
    """The losses are logged by task."""
    files = {}
    for kind in ("lists", "graded"):
        (tmp_path / kind).mkdir()
        files[kind] = kinds.write(kind, tmp_path / kind)
    dipole.fit(
        files["lists"], out=tmp_path / "run", recipe="codiemb", max_steps=4, batch_size=8,
        log_every=4, show_progress=False, sources=[files["graded"]],
        encoder_options={"dim": 8, "buckets": 64, "dropout": 0.0},
    )  # fmt: skip
    last = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert {f"loss/{path}" for path in files.values()} <= last.keys()
