import numpy as np

from dipole.proof.sentence_board import BASELINE, METHODS, SAME, cell_of, page
from dipole.training.config import make_config


def test_all_methods_have_one_budget_and_one_rate():
    cells = {name: cell_of(name, 0) for name in METHODS}
    assert {cell.budget["max_steps"] for cell in cells.values()} == {SAME["max_steps"]}
    for name, cell in cells.items():
        config = make_config(**cell.settings)  # a setting that is none raises
        assert (config.batch_size, config.learning_rate) == (32, 1e-4), name
        assert config.encoder != "static", name
    assert len({cell.key for cell in cells.values()}) == len(METHODS)


def test_the_page_has_the_best_first_and_pairs_the_seeds_with_simcse():
    first, apart = np.array([60.0, 61.0, 62.0]), np.array([0.1, 0.0, -0.1])
    found = {name: first - n + n * apart for n, name in enumerate(METHODS)}
    text = page(found, dict.fromkeys(METHODS, 20.0), {"untrained": 50.0}, "x.png")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == list(METHODS)
    assert rows[0].startswith(f"| `{BASELINE}` | 61.00 ± 2.48 |  |")
    assert "| -1.00 ± 0.25 |" in rows[1]
    assert "| *untrained* | 50.00 |" in text
