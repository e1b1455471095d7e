"""MultiCSR: the masked contrast by loops, what a judge keeps and turns round, and in a training."""

import json
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import dipole
from dipole.data import Triplets
from dipole.errors import InputError
from dipole.systems.text.multicsr import Refined, chosen, curated
from support.tiny import TinyEncoder

TRIPLETS = Triplets.from_columns(
    {
        "anchor": ["a dog", "a cat", "a cup", "a man"],
        "positive": ["5 dog", "1 stone", "4 cup", "2 men"],
        "negatives": [["0 stone"], ["4 cat"], ["4 can"], ["1 stone"]],
    }
)


def by_number(first, second):
    """A judge that reads the number in front."""
    return [float(text.split()[0]) for text in second]


JUDGE = f"{__file__}:by_number"


def test_loops_give_the_same():
    a, p, n = torch.randn(3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    c_a, c_p, c_n = torch.randn(
        3, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )

    def cos(x, y):
        return F.cosine_similarity(x, y, dim=0).item()

    total, left_out = 0.0, 0
    for i in range(4):
        terms = [math.exp(cos(a[i], p[i]) / 0.2)]
        for j in range(4):
            for side, guide in ((p, c_p), (n, c_n)):
                if side is p and j == i:
                    continue
                if cos(c_a[i], guide[j]) <= 0.4:
                    terms.append(math.exp(cos(a[i], side[j]) / 0.2))
                else:
                    left_out += 1
        total -= math.log(terms[0] / sum(terms)) / 4
    scores = F.normalize(c_a, dim=1) @ F.normalize(c_p, dim=1).T
    given = {"teacher_scores": scores, "teacher_anchor": c_a, "teacher_negative": c_n}
    objective = Refined(temperature=0.2, threshold=0.4)
    assert objective(a, p, negative=n, **given).item() == pytest.approx(total, rel=1e-9)
    assert left_out > 3
    inputs = [x.requires_grad_() for x in (a, p, n)]
    assert torch.autograd.gradcheck(lambda a, p, n: objective(a, p, negative=n, **given), inputs)


def test_a_mask_over_everything_leaves_nothing_to_tell_apart():
    a, p = torch.randn(2, 3, 4)
    assert Refined()(a, p, torch.ones(3, 3)).item() == 0
    alone = Refined()(a, p, torch.ones(3, 3), negative=torch.randn(2, 4))
    assert alone.item() > 0  # no vectors of theirs: all of them stay


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([5, 1], ["p", "n"]),
        ([1, 5], ["n", "p"]),  # turned round
        ([4, 4], None),  # no telling
        ([2, 1], None),  # no paraphrase
        ([5, 4], None),  # no contradiction
        ([5], ["p"]),
        ([4, 5, 1], ["n", "o"]),  # the best of several, without those that are alike
    ],
)
def test_what_a_judge_keeps(scores, expected):
    texts = ["p", "n", "o"][: len(scores)]
    assert chosen(texts, np.array(scores, float), 3.0, 3.0) == expected


def test_triplets_are_turned_round_or_left_out():
    found = curated(TRIPLETS, TinyEncoder(), judge=JUDGE)
    assert list(found.column("anchor")) == ["a dog", "a cat"]
    assert list(found.column("positive")) == ["5 dog", "4 cat"]
    assert list(found.column("negatives")) == [["0 stone"], ["1 stone"]]
    assert list(found.column("id")) == [TRIPLETS[0]["id"], TRIPLETS[1]["id"]]
    more = curated(TRIPLETS, TinyEncoder(), judge=JUDGE, least=2)
    assert list(more.column("anchor")) == ["a dog", "a cat", "a man"]
    with pytest.raises(InputError, match="found no triplet with a positive of 6 or more"):
        curated(TRIPLETS, TinyEncoder(), judge=JUDGE, least=6)


def test_an_encoder_judges_by_its_cosines():
    same = Triplets.from_columns({"anchor": ["a dog"], "positive": ["a dog"], "negatives": [["b"]]})
    found = curated(same, TinyEncoder(), least=4.99, most=4.99)
    assert list(found.column("positive")) == ["a dog"]


def test_a_training_learns_from_what_was_kept(tmp_path):
    run = dipole.fit(
        TRIPLETS, recipe="multicsr", out=tmp_path / "run", mine={"judge": JUDGE}, batch_size=2,
        max_steps=1, encoder_options={"dim": 8, "buckets": 64},
    )  # fmt: skip
    lines = (run.folder / "mined.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["positive"] for line in lines] == ["5 dog", "4 cat"]
