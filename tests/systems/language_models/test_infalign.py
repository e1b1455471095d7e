"""Win rates are those that a simulation finds, and calibration forgets the reward's scale."""

import numpy as np

from dipole.studies.benches.enum_world import divergence
from dipole.systems.language_models.infalign import at_kl, calibrated, win_rate


def drawn():
    rng = np.random.default_rng(0)
    worth = rng.normal(size=(1, 30)).round(1)  # some are equal
    known, policy = (np.log(rng.dirichlet(np.ones(30)))[None] for _ in range(2))
    return rng, worth, known, policy


def test_win_rates_are_those_of_a_simulation():
    rng, worth, known, policy = drawn()
    for several, worst in ((1, False), (4, False), (4, True)):
        take = np.min if worst else np.max
        ours, theirs = (
            take(worth[0][rng.choice(30, (200_000, several), p=np.exp(x[0]))], axis=1)
            for x in (policy, known)
        )
        simulated = ((ours > theirs) + 0.5 * (ours == theirs)).mean()
        found = win_rate(policy, known, worth, several, worst=worst)
        np.testing.assert_allclose(found, simulated, atol=0.006)


def test_an_increasing_function_of_the_reward_changes_nothing():
    _, worth, known, _ = drawn()
    u = calibrated(worth, known)
    np.testing.assert_allclose(calibrated(np.exp(worth), known), u)
    np.testing.assert_allclose((np.exp(known) * u).sum(), 0.5)


def test_the_kl_of_a_policy_is_as_asked():
    _, worth, known, _ = drawn()
    np.testing.assert_allclose(divergence(at_kl(known, np.exp(10 * worth), 0.5), known), 0.5)
