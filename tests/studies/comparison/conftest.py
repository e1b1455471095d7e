import numpy as np
import pytest

from dipole.evaluation.statistics.standings import leaderboard
from dipole.studies.budget import parse_budget
from dipole.studies.comparison.compare import Comparison
from dipole.studies.running import FAILED, collect


@pytest.fixture
def comparison(made_row):
    """good, near it, far behind, and one that failed."""
    rng = np.random.default_rng(0)
    base = rng.normal(60, 10, (3, 200))
    arms = {
        "good": base,
        "near": base + rng.normal(0, 3, base.shape),
        "far": base - rng.normal(20, 3, base.shape),
    }
    rows = [
        made_row(name, seed, MRR=values[seed]) for name, values in arms.items() for seed in range(3)
    ]
    rows.append(made_row("<bad>", 0, FAILED, "no & never", MRR=[0.0]))
    outcome = collect(rows)
    places = leaderboard({name: found["MRR"] for name, found in outcome.items()})
    return Comparison(
        "stdlib-code",
        "MRR",
        parse_budget("9s"),
        3,
        0.95,
        places,
        outcome,
        rows,
        "dipole compare",
        1.0,
    )
