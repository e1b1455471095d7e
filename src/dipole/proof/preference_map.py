"""The map of preference objectives: `python -m dipole.proof.preference_map`.

What each reads, and how hard it pushes the chosen and the rejected answer where nothing is learnt
yet. Written is FOLDER/preference-map.md, in docs/leaderboards if none is given.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from dipole.files import write_text
from dipole.objectives.contract.base import Objective
from dipole.objectives.preferences.coefficients import gradient_coefficients
from dipole.systems.language_models.preference_unified_view import (
    change,
    drawn,
    preference_objectives,
)

FORMS = {"pair": "pairs", "points": "single answers", "list": "lists"}
# A change of the loss below this is rounding.
EXACT = 1e-9


def page() -> str:
    """The whole page."""
    rows = ["| objective | reads | reference | log-probabilities | relative | chosen | rejected |",
            "|---|---|---|---|---|---:|---:|"]  # fmt: skip
    known = preference_objectives()
    order = sorted(known, key=lambda name: (_form(known[name]), _reference(known[name]), name))
    rows += [_row(name, known[name]) for name in order]
    return "\n".join([*_HEAD, *rows, *_FOOT]) + "\n"


def _row(name: str, objective: Objective) -> str:
    objective = objective.eval()
    chosen, rejected = at_start(objective).mean(0).tolist()
    cells = [
        f"`{name}`",
        FORMS[_form(objective)],
        _reference(objective),
        _inputs(objective),
        "yes" if change(objective, 0) < EXACT else "no",
        f"{chosen + 0:.3g}",
        f"{rejected + 0:.3g}",
    ]
    return f"| {' | '.join(cells)} |"


def at_start(objective: Objective) -> Tensor:
    """The coefficients of pairs where the policy is the reference, (n, 2)."""
    _, reference, ratings, lengths = drawn(0)
    return gradient_coefficients(objective, reference, reference, ratings, lengths)


def _form(objective: Objective) -> str:
    return str(getattr(objective, "answers", "pair"))


def _reference(objective: Objective) -> str:
    return "yes" if any(name.startswith("ref_") for name in objective.inputs()) else "no"


def _inputs(objective: Objective) -> str:
    kinds = {"logps": "sums", "mean_logps": "means", "token_logps": "tokens"}
    return ", ".join(says for name, says in kinds.items() if name in objective.inputs())


_HEAD = (
    "# Map of preference objectives",
    "",
    "<!-- Written by `python -m dipole.proof.preference_map`; do not edit. -->",
    "",
    "What does an objective of preferences read, and which way does it push? The gradient of each "
    "is a sum over answers of a coefficient times the gradient of the answer's log-probability "
    "([Gao et al. 2024](https://arxiv.org/abs/2409.02795)), so objectives that look different can "
    "be compared by two numbers. How well they align is on [the leaderboard](preference.md).",
    "",
)
_FOOT = (
    "",
    "- **log-probabilities**: sums over the tokens of an answer, their means, or each token's.",
    "- **relative**: the loss does not change when both answers become likelier by the same "
    "factor, and the coefficients of a prompt add up to 0. Such an objective cannot say how likely "
    "an answer is to be, so the chosen one may lose likelihood as well.",
    "- **chosen**, **rejected**: the coefficients where the policy is the reference, means over 12 "
    "pairs of one length, 2 to 5 tokens, with the settings at their defaults. Above 0 an answer is "
    "made likelier. `discopop` pushes the chosen answer down: its loss is not monotone there.",
    "",
    "For your own numbers:",
    "",
    "```python",
    "import torch",
    "from dipole.objectives import DPO",
    "from dipole.objectives.preferences.coefficients import gradient_coefficients",
    "",
    "policy, reference = torch.tensor([[-4.0, -9.0]]), torch.tensor([[-5.0, -8.0]])",
    "ratings, lengths = torch.tensor([[1.0, 0.0]]), torch.tensor([[4, 6]])",
    "found = gradient_coefficients(DPO(beta=0.1), policy, reference, ratings, lengths)",
    "print(found)  # tensor([[ 0.0450, -0.0450]])",
    "```",
)


def main(arguments: Sequence[str]) -> None:
    """Write the page."""
    folder = Path(arguments[0] if arguments else "docs/leaderboards")
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "preference-map.md", page())


if __name__ == "__main__":
    main(sys.argv[1:])
