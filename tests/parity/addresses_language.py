"""Which callable each fixture of language models means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from dipole.evaluation.generation import diversity, isotropy, repetition
from dipole.language.decoding import Rule, Stream
from dipole.language.decoding.early import farthest
from dipole.objectives.tokens.token_contrast import TokenContrast


def repeated(texts: list[str]) -> Tensor:
    """rep-2, rep-3 and rep-4 in percent, and the diversity."""
    return torch.tensor([100 * repetition(texts, n) for n in (2, 3, 4)] + [diversity(texts)])


def against_the_amateur(expert: Tensor, amateur: Tensor) -> dict[str, Tensor]:
    """Contrastive decoding at the amateur's temperature of 0.5."""
    return _step(Rule((Stream(1.0), Stream(-1 / 0.5)), 0.1), expert[None], amateur[None])


def dola(**logits: Tensor) -> dict[str, Tensor]:
    """DoLa's layer by the published divergence, and its scores."""
    early = [logits[f"layer{layer}"] for layer in (0, 2, 4)]
    last = logits["last"].log_softmax(-1)
    place = farthest(last, [x.log_softmax(-1) for x in early], published=True)
    rule = Rule((Stream(1.0), Stream(-1.0, early=True)), 0.1, (0, 2, 4), published=True)
    chosen = {"layer": torch.tensor(rule.layers)[place][0]}
    return chosen | _step(rule, logits["last"], early[int(place)])


def told_apart(hidden: Tensor, input_ids: Tensor) -> Tensor:
    """SimCTG's contrast; 0 is padding."""
    found: Tensor = TokenContrast(margin=0.5).double()(hidden, input_ids != 0)
    return found


def _step(rule: Rule, *logits: Tensor) -> dict[str, Tensor]:
    """The plausible tokens of the one row, and their scores."""
    scores = rule.scores([x.log_softmax(-1) for x in logits])[0]
    kept = scores.isfinite().nonzero().squeeze(1)
    return {"kept": kept, "scores": scores[kept]}


LANGUAGE: dict[str, Callable[..., Any]] = {
    "contrastive-search-isotropy-diversity": repeated,
    "contrastive-search-isotropy-isotropy": lambda h1, h2: isotropy([h1.numpy(), h2.numpy()]),
    "lol-decoding-contrastive-decoding": against_the_amateur,
    "lol-decoding-dola": dola,
    "simctg": told_apart,
}
