"""Pairs of text on which a claim trains many small towers, and what such a tower finds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dipole.data import Pairs
from dipole.encoders.base import Encoder
from dipole.encoders.static_text import StaticText
from dipole.sampling.plans import Plan
from dipole.studies.data import QUICK_TEST, QUICK_TRAIN
from dipole.studies.loops import descend
from dipole.training.batches import content_ids, unique_keys

# Characters of a code that are kept: a bag of its first words says what a function is about.
CODE = 200
# A bag of words of a third of a million numbers: 2 ms for a step of 32 pairs.
TOWER: dict[str, Any] = {"dim": 64, "vocabulary": 4096, "buckets": 1024}


def short_code(part: str, quick: bool) -> Pairs:
    """stdlib-code, each code cut after its first 200 characters."""
    from dipole.data import load_pairs

    pairs = load_pairs("stdlib-code", split=part)
    rows = np.arange(len(pairs))
    if quick:
        rows = rows[: QUICK_TRAIN if part == "train" else QUICK_TEST]
    taken = pairs.take(rows)
    return Pairs.from_columns(
        {"anchor": taken["anchor"], "positive": [code[:CODE] for code in taken["positive"]]},
        ids=taken["id"],
        metadata=[pairs.metadata(int(i)) for i in rows],
        origin=f"{pairs.origin}, codes cut after {CODE} characters",
    )


class Bags:
    """Bags of words trained on the same pairs again and again: they are split into words once."""

    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs
        self.anchors, self.positives = (list(pairs.column(x)) for x in ("anchor", "positive"))
        self.keys = unique_keys(pairs)
        self.ids = content_ids(self.positives)
        self._base = StaticText.from_texts(self.anchors, self.positives, **TOWER)
        self._base.train().prepare([*self.anchors, *self.positives])

    def fresh(self, seed: int) -> StaticText:
        """An untrained tower with vectors drawn from the seed, in train mode."""
        torch.manual_seed(seed)
        tower = StaticText(self._base.tokenizer, self._base.dim)
        tower.token_weights.data.copy_(self._base.token_weights)
        tower._bags = self._base._bags  # the texts split into words, and no others:
        tower._remembered = sys.maxsize  # views come once
        return tower.train()

    def trained(
        self,
        objective: nn.Module,
        plan: Plan,
        seed: int,
        *,
        steps: int,
        extra: Callable[[np.ndarray], Mapping[str, list[str]]] | None = None,
    ) -> StaticText:
        """A tower after `steps` batches of the plan.

        extra: rows -> texts of `negative`, which everybody's anchors meet.
        """
        tower = self.fresh(seed)

        def losses() -> Iterator[Tensor]:
            for step, rows in enumerate(planned(plan, steps)):
                if hasattr(objective, "progress"):
                    setattr(objective, "progress", step / steps)  # noqa: B010
                more = {}
                for name, texts in (extra(rows) if extra else {}).items():
                    more[name] = tower(tower.prepare(texts))
                    more[f"{name}_ids"] = content_ids(texts)
                anchor = tower(tower.prepare([self.anchors[i] for i in rows], "query"))
                positive = tower(tower.prepare([self.positives[i] for i in rows]))
                yield objective(anchor, positive, ids=self.ids[torch.from_numpy(rows)], **more)

        descend(tower.parameters(), losses(), learning_rate=3e-3)
        return tower.eval()


def planned(plan: Plan, steps: int) -> Iterator[np.ndarray]:
    """The first batches of a plan, epoch after epoch."""
    done = epoch = 0
    while done < steps:
        for rows in plan.epoch(epoch)[: steps - done]:
            yield rows
            done += 1
        epoch += 1


def found(encoder: Encoder, test: Pairs, metric: str = "MRR@10") -> np.ndarray:
    """How well each test anchor finds its positive among all test positives, in points."""
    from dipole.data.retrieval import retrieval_from_pairs
    from dipole.evaluation.tasks.retrieval import evaluate_retrieval

    result = evaluate_retrieval(encoder, retrieval_from_pairs(test))
    return 100 * np.asarray(result.per_item[metric])
