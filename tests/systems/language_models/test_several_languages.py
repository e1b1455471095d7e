"""Losses of systems of several languages: double loops from their equations; their benches."""

import math

import pytest
import torch

from dipole.data import Pairs
from dipole.encoders.inner_text import InnerText
from dipole.errors import InputError
from dipole.studies.benches.tiny_lm import TinyLM
from dipole.studies.benches.translations import greek_letters
from dipole.systems.language_models.awesome_align import Consistency, SelfTraining
from dipole.systems.language_models.infoxlm import Words, XLCo
from dipole.systems.language_models.shifcon import ShiftedContrast
from dipole.systems.language_models.transliteration_alignment_study import TransliterationContrast
from dipole.training.build import build_objective
from dipole.training.config import make_config
from dipole.training.parts import Setup
from dipole.training.parts.naming import made as parts
from dipole.training.parts.order import bound
from dipole.training.recipe import read_recipe
from dipole.training.towers import Towers
from dipole.views.romanising import romanised
from support.tiny_bert import save_tiny_bert


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def rows(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def test_xlco_weighs_pairs_and_words_alike():
    a, p, queue = rows(3, 4), rows(3, 4), rows(5, 4)
    words, joint = rows(7).abs(), rows(2).abs()
    total = float(words.sum() + joint.sum())
    ids, past = torch.tensor([1, 2, 3]), torch.tensor([9, 2, 9, 9, 9])
    for i in range(3):
        own = math.exp(float(a[i] @ p[i]) / 0.5)
        others = [float(a[i] @ q) / 0.5 for q, k in zip(queue, past, strict=True) if k != ids[i]]
        total += math.log(own + sum(map(math.exp, others))) - math.log(own)
    found = XLCo(0.5)(a, p, queue, ids, past, words, joint)
    assert found.item() == pytest.approx(total / 12, rel=1e-9)
    assert XLCo()(a, p).item() == 0  # no queue yet
    assert Words()(a, words, joint).item() == pytest.approx(
        float(words.sum() + joint.sum()) / 9, rel=1e-9
    )


@pytest.mark.parametrize("cosine", [False, True])
def test_a_script_is_told_from_all_other_texts(cosine):
    a, p = rows(3, 4), rows(3, 4)
    z = torch.cat([a, p])
    if cosine:
        z = z / z.norm(dim=1, keepdim=True)
    losses = []
    for i in range(6):
        others = [float(z[i] @ z[j]) for j in range(6) if j != i]
        losses.append(math.log(sum(map(math.exp, others))) - float(z[i] @ z[(i + 3) % 6]))
    found = TransliterationContrast(cosine=cosine)(a, p)
    assert found.item() == pytest.approx(sum(losses) / 6, rel=1e-9)


def test_links_by_loops():
    x, y = rows(2, 3, 4), rows(2, 4, 4)
    of_x = torch.tensor([[True, True, False], [True, True, True]])
    of_y = torch.tensor([[False, True, True, True], [True, True, False, False]])
    guide = (torch.rand(2, 3, 4) > 0.5) & of_x[:, :, None] & of_y[:, None]
    so, co = [], []
    for n in range(2):
        xs, ys = of_x[n].nonzero()[:, 0], of_y[n].nonzero()[:, 0]
        scores = x[n][xs] @ y[n][ys].T
        p, q, g = scores.softmax(1), scores.softmax(0), guide[n][xs][:, ys]
        so.append(-float((g * p).sum() / len(xs) + (g * q).sum() / len(ys)))
        co.append(-float((p * q).sum() / min(len(xs), len(ys))))
    assert SelfTraining()(x, y, of_x, of_y, guide).item() == pytest.approx(sum(so) / 2)
    assert Consistency()(x, y, of_x, of_y).item() == pytest.approx(sum(co) / 2)
    nothing = SelfTraining()(x, y, of_x & False, of_y, guide & False)
    assert nothing.item() == 0


def test_languages_that_differ_by_their_mean_alone_are_one():
    """Vectors moved by a language's own direction give the loss of equal ones, to first order."""
    u, v = rows(4, 3, 2, 5), rows(4, 3, 3, 5)
    mask = torch.ones(4, 2, dtype=torch.bool), torch.ones(4, 3, dtype=torch.bool)
    losses = []
    for k in (1, 2):
        a, b = (s[:, k].mean(1) for s in (u, v))
        a, b = (s / s.norm(dim=1, keepdim=True) for s in (a, b))
        b = b - b.mean(0) + a.mean(0)
        for scores in (a @ b.T, b @ a.T):
            losses.append(float(-(scores / 0.5).log_softmax(1).diag().mean()))
    found = ShiftedContrast(first=1, last=3, temperature=0.5)(u, v, *mask)
    assert found.item() == pytest.approx(sum(losses) / 4, rel=1e-9)
    with pytest.raises(InputError, match="last: found 20, expected at most 3"):
        ShiftedContrast()(u, v, *mask)
    with pytest.raises(InputError, match="first: found 3, expected less than last, 3"):
        ShiftedContrast(first=3, last=3)


def test_the_benches_are_what_they_say():
    assert romanised(greek_letters("werkzeug")) == "werkzeyg"
    model = TinyLM.from_inputs(["a b c"], ["d e f"], dim=32, layers=2)
    assert model.outputs(model.prepare(["a b"]), ["hidden"])["hidden"].shape[1] == 3


def test_the_translation_is_the_slow_copys(tmp_path):
    """Hidden words are read on both sides, and the key is none of these vectors."""
    texts = ["open the file", "close it"]
    folder = save_tiny_bert(tmp_path / "bert", texts, masked=True)
    encoder = InnerText.from_inputs(model=str(folder), layer=1, normalize=False)
    config = make_config(data="", **read_recipe("infoxlm"))
    objective = build_objective(config)
    examples = Pairs.from_columns({"anchor": texts, "positive": texts[::-1]})
    setup = Setup(encoder, examples, objective.inputs(), objective=objective)
    towers = Towers(encoder, objective, bound(parts(config.parts), setup))
    columns = {"anchor": [encoder.prepare(texts)], "positive": [encoder.prepare(texts[::-1])]}
    found = towers.vectors(columns, {})
    assert found["anchor"].requires_grad
    assert not found["positive"].requires_grad
    assert found["masked_losses"].requires_grad
    assert found["translation_losses"].requires_grad
