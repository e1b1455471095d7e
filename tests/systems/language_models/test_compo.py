"""ComPO: which pairs it takes, and that its steps go where both answers want to go."""

import numpy as np
import pytest
import torch

from dipole.data.preferences import Preferences
from dipole.errors import InputError
from dipole.language.stored import log_probs_of
from dipole.objectives.contract.registry import objective_class
from dipole.studies.benches import preferences as bench
from dipole.systems.language_models.compo import ComparisonStep, EnumHead, by_margin
from dipole.training.parts.base import Setup
from dipole.training.steps import Given


@pytest.fixture(scope="module")
def pairs():
    return bench.rows("train", quick=True, fold=0)


def test_pairs_are_told_apart_by_their_margin(pairs):
    encoder = EnumHead()
    for keep in ("clean", "noisy"):
        found = by_margin(pairs, encoder, keep=keep, nats=1.0)
        sums = np.array([part.sum() for part in log_probs_of(encoder, found)]).reshape(-1, 2)
        margin = sums[:, 0] - sums[:, 1]
        assert 0 < len(found) < len(pairs)
        good = np.abs(margin) >= 1 if keep == "clean" else (margin > 0) & (margin < 1)
        assert good.all()


@pytest.mark.parametrize(
    ("answers", "nats", "message"),
    [
        ([["abcd", "bcda"]], 99.0, "no clean pair, at 99 nats"),
        ([["abcd"]], 1.0, "row 1: found 1 answers; expected a chosen and a rejected one"),
        ([["abcd", "bcda"]], 0.0, "nats: found 0; expected a number above 0"),
    ],
)
def test_wrong_pairs_get_one_line(answers, nats, message):
    columns = {"prompt": [bench.prompt_of(0, 0)], "answers": answers}
    columns["ratings"] = [[1.0, 0.0][: len(answers[0])]]
    with pytest.raises(InputError, match=message):
        by_margin(Preferences.from_columns(columns), EnumHead(), nats=nats)


def moved(pairs, **settings):
    """The gradient of a step's loss on one pair, and that of what both answers want."""
    encoder = EnumHead()
    step = ComparisonStep(**settings).over(objective_class("dpo")())
    step.begin(Setup(encoder, pairs, step.inputs(), seed=3))
    features = encoder.prepare(pairs.read([0]))
    given = Given({"answers": [features]}, {}, None, None)
    step.total(given).backward()
    found = encoder.head.weight.grad.clone()
    encoder.zero_grad()
    sums = encoder.log_probs(features).sum(1)
    (sums[1] - sums[0]).backward()
    return found, encoder.head.weight.grad, step


def test_a_step_goes_along_the_gradient_that_it_does_not_take(pairs):
    found, wanted, step = moved(pairs, perturbations=4000, kept=1.0, radius=1e-3, least=0.0)
    cosine = torch.nn.functional.cosine_similarity(found.flatten(), wanted.flatten(), dim=0)
    assert cosine > 0.6
    share = float(step.losses["successes"])
    assert 0.05 < share < 0.5
    torch.testing.assert_close(found.norm().item(), share, rtol=1e-4, atol=0)


def test_small_entries_and_rare_successes_do_not_count(pairs):
    found, _, _ = moved(pairs, perturbations=100, kept=0.05, least=0.0)
    assert int((found != 0).sum()) == round(0.05 * found.numel())
    still, _, _ = moved(pairs, perturbations=100, least=0.9)
    assert not still.any()


def test_the_next_step_draws_others(pairs):
    _, _, step = moved(pairs, perturbations=50)
    states = torch.randn(3, 64), torch.tensor([1, 2, 3]), torch.tensor([1, 2])
    weight = step.encoder.head.weight.detach()
    first, again = (step._asked(*states, weight)[0] for _ in range(2))
    step.after_step()
    assert "_head" not in " ".join(step.state_dict())
    assert torch.equal(first, again)
    assert not torch.equal(first, step._asked(*states, weight)[0])
