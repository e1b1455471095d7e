"""The data that claims of preferences are decided on are what the claims say."""

import numpy as np

from dipole.studies.benches import preferences as bench
from dipole.studies.benches.enum_policy import reward
from dipole.studies.benches.enum_world import ANSWERS
from dipole.systems.language_models import apo_clair, nca, ulma


def worth_of(examples):
    world, prompts, answers = bench.numbers_of(examples)
    return reward(world)[prompts[:, None], np.array(answers)]


def test_a_revision_changes_one_letter_for_the_best():
    found = apo_clair.revised("train", quick=True, fold=3)
    worth = worth_of(found)
    _, prompts, _ = bench.numbers_of(found)
    for row in range(20):
        chosen, rejected = found.column("answers")[row]
        assert sum(a != b for a, b in zip(chosen, rejected, strict=True)) == 1
        near = [
            reward(3)[prompts[row], number]
            for number, text in enumerate(ANSWERS)
            if sum(a != b for a, b in zip(text, rejected, strict=True)) == 1
        ]
        assert len(near) == 28
        assert max(near) == worth[row, 0]


def test_a_judge_does_not_err():
    assert (np.diff(worth_of(apo_clair.judged("train", quick=True, fold=3))) < 0).all()


def test_dpo_is_given_the_best_of_a_list_and_another():
    lists = bench.lists("train", quick=True, fold=1)
    pairs = nca.best_and_other("train", quick=True, fold=1)
    for whole, both in zip(lists.column("answers"), pairs.column("answers"), strict=True):
        assert both[0] == whole[0]
        assert both[1] in whole[1:]
    assert (np.diff(worth_of(pairs)) < 0).all()


def test_demonstrations_are_better_and_paired_with_the_same_bad_answers():
    points = ulma.demonstrated("train", quick=True, fold=2)
    pairs = ulma.paired("train", quick=True, fold=2)
    labels = np.array(list(points.column("ratings")))[:, 0]
    single, both = worth_of(points)[:, 0], worth_of(pairs)
    assert labels.mean() == 0.5
    assert single[labels == 1].mean() > 1 > 0 > single[labels == 0].mean()
    for side in (0, 1):
        np.testing.assert_allclose(np.sort(both[:, side]), np.sort(single[labels == 1 - side]))
