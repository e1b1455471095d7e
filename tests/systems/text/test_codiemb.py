"""Plans of batches: one task each in turn, or half of both; and who is drawn."""

import numpy as np

from dipole.systems.text.codiemb import ALIKE, BATCH, alternating, halves, material


def test_plans():
    m = material(True)
    plan = list(alternating(m, 0, 6, ALIKE))
    assert [len(pairs) > 0 for pairs, _ in plan] == [True, False] * 3
    assert [len(scored) > 0 for _, scored in plan] == [False, True] * 3
    assert all((m.scores[scored] >= ALIKE).all() for _, scored in plan)
    for pairs, scored in halves(m, 0, 2):
        assert 0 < len(pairs) <= BATCH // 2
        assert 0 < len(scored) <= BATCH // 2
    again = list(alternating(m, 0, 6, ALIKE))
    assert all(np.array_equal(a, b) for a, b in zip(plan[0], again[0], strict=True))
