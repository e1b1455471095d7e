"""Coefficients of answers against equations written by hand, and against a step of the policy."""

import math

import pytest

from dipole.objectives import CPO, DPO, NCA, SimPO
from dipole.objectives.preferences.coefficients import gradient_coefficients
from dipole.systems.language_models.preference_unified_view import drawn, preference_objectives


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_coefficients_are_those_of_the_papers():
    policy, reference, ratings, lengths = drawn(3)
    found = {
        name: gradient_coefficients(one, policy, reference, ratings, lengths)
        for name, one in {"dpo": DPO(), "nca": NCA(), "simpo": SimPO(beta=2.0, gamma=0.5)}.items()
    }
    for row in range(len(policy)):
        g = [0.1 * float(policy[row, i] - reference[row, i]) for i in range(2)]
        d = 0.1 * sigmoid(g[1] - g[0])
        assert found["dpo"][row].tolist() == pytest.approx([d, -d], abs=1e-12)
        n = int(lengths[row, 0])
        m = 2.0 * float(policy[row, 0] - policy[row, 1]) / n - 0.5
        s = 2.0 / n * sigmoid(-m)
        assert found["simpo"][row].tolist() == pytest.approx([s, -s], abs=1e-12)
        w = 1 / (1 + math.exp(-1 / 0.01))  # softmax of the ratings 1 and 0 over alpha
        wanted = [0.1 * (w * sigmoid(-g[0]) - sigmoid(g[0]) / 2), -0.1 * sigmoid(g[1]) / 2]
        assert found["nca"][row].tolist() == pytest.approx(wanted, abs=1e-12)


def test_they_are_the_change_of_the_loss():
    policy, reference, ratings, lengths = drawn(5)
    step = 1e-6
    found = gradient_coefficients(CPO(), policy, reference, ratings, lengths)
    for row, k in ((0, 0), (3, 1)):
        moved = policy.clone()
        moved[row, k] += step
        change = (CPO()(moved, lengths) - CPO()(policy, lengths)) / step
        assert float(change) == pytest.approx(-float(found[row, k]) / len(policy), abs=1e-6)


def test_every_objective_of_preferences_has_some():
    for name, one in preference_objectives().items():
        found = gradient_coefficients(one.eval(), *drawn(0))
        assert found.shape == (12, 2), name
        assert found.isfinite().all(), name
        assert found.abs().max() > 0, name
