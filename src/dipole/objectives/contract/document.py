"""Writes docs/objectives.md and the types of `dipole.objectives` from the registry:
`python -m dipole.objectives.contract.document`.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any

from dipole.objectives.contract.base import Objective, forward_inputs
from dipole.objectives.contract.registry import OBJECTIVES, objective_class, options

HEAD = """# Objectives

<!-- Written by `python -m dipole.objectives.contract.document`; do not edit. -->

```python
from dipole.objectives import InfoNCE, build_objective

objective = InfoNCE(temperature=0.05)           # or build_objective("infonce", temperature=0.05)
loss = objective(anchor, positive)              # tensors in, one number out
loss = objective(anchor, positive, negative, ids=ids)
both = objective + 0.1 * build_objective("dcl") # adds up; both.parts has every part's value
```

`dipole objectives --takes labels` lists those with an input, and `dipole objectives show supcon`
shows the equation of one. The inputs have the same names in every objective; those in brackets may
be left out.

| input | shape | |
|---|---|---|
| `anchor`, `positive` | (n, d) | vectors; lengths do not matter where the score is the cosine |
| `negative` | (m, d) | candidates of every anchor |
| `candidates` | (n, k, d) | an own list for every anchor |
| `views` | (v, n, d) | v views of n examples; a trainer stacks anchor and positive |
| `labels` | (n,) | integers, the classes; `positive_labels` where a pair has two |
| `ids` | (n,) | integers that name contents: equal ids are never negatives of each other |
| `relation` | (n, n) | a `Relation` or weights >= 0: who is positive, and how strongly |
| `mask` | (n, ...) | booleans, True takes part; of tokens `anchor_mask`, `positive_mask` |
| `token_ids` | (n, t) | integers that name the positive's words |
| `scores`, `relevance` | (n,), (n, k) | graded truth of a pair, of a list |
| `queue`, `support` | (m, d) | vectors of earlier batches; with their `support_labels` |
| `logits` | (n, k) | scores of an anchor and its candidates, as a cross-encoder gives them |
| `teacher_scores` | (n, ...) | what a teacher says |
| `teacher_anchor`, ... | as without | the teacher's vectors of the same inputs |
| `logps`, `ref_logps` | (n, k) | log-probabilities of k answers, the best first: sums over tokens |
| `mean_logps`, `token_logps` | (n, k), (n, k, t) | their means, and of each token; with `ref_` |
| `ratings`, `lengths` | (n, k) | of these answers, with their `answer_mask`; lengths in tokens |
| `rows` | (n,) | numbers of the examples in the data, where every example has a state |

Every objective has `reduction` ("mean", "sum", "none"; several processes: docs/engine.md) and
`executor` (None chooses by size). A wrong input raises an error that names the argument, what it
was and what was expected.

"""


def document() -> str:
    """The page."""
    classes = [objective_class(name) for name in sorted(OBJECTIVES)]
    lines = ["| name | form | inputs | settings | related to |", "|---|---|---|---|---|"]
    lines += [_row(cls) for cls in classes]
    papers = [f"- `{cls.name}` (`{cls.system}`): {_linked(cls.paper)}" for cls in classes]
    systems = [
        "## Papers",
        "",
        "In brackets the system: `dipole systems show dcl` says how its paper trains with it.",
    ]
    return HEAD + "\n".join([*lines, "", *systems, "", *papers]) + "\n"


def _row(cls: type[Objective]) -> str:
    inputs = [k if must else f"[{k}]" for k, must in forward_inputs(cls.forward).items()]
    common = options(Objective)
    settings = [_setting(k, v) for k, v in options(cls).items() if k not in common]
    cells = [
        f"`{cls.name}`<br>{cls.__name__}",
        cls.form + ("" if cls.rows else "; one number per batch"),
        ", ".join(inputs),
        ", ".join(settings),
        ", ".join(f"`{name}`" for name in cls.related),
    ]
    return f"| {' | '.join(cells)} |"


def _setting(name: str, default: Any) -> str:
    """`name=default`, the name alone where it has none."""
    if default is inspect.Parameter.empty:
        return name
    return f"{name}={default}" if not isinstance(default, str) else f'{name}="{default}"'


def _linked(paper: str) -> str:
    return re.sub(r"arXiv (\d{4}\.\d{4,5})", r"[arXiv \1](https://arxiv.org/abs/\1)", paper)


def stub() -> str:
    """`dipole/objectives/__init__.pyi`: the names that are imported when they are used."""
    places = ["contract.base:Objective", "contract.base:Sum", "contract.registry:build_objective"]
    lines = ["# Written by `python -m dipole.objectives.contract.document`; do not edit."]
    for place in sorted([*places, *OBJECTIVES.values()]):
        module, _, name = place.partition(":")
        lines.append(f"from dipole.objectives.{module} import {name} as {name}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    page = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/objectives.md")
    page.write_text(document(), encoding="utf-8")
    Path(__file__).parents[1].joinpath("__init__.pyi").write_text(stub(), encoding="utf-8")
