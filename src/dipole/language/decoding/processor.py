"""A decoding rule as a `LogitsProcessor` of transformers, for its beams, samplers, constraints."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor

from dipole.errors import InputError
from dipole.language.causal import CausalLM
from dipole.language.decoding.generate import prompts_of
from dipole.language.decoding.methods import Method
from dipole.language.decoding.methods import method as named
from dipole.language.decoding.rule import Running


class RuleProcessor(LogitsProcessor):
    """Scores of a method's rule in the place of a model's, inside `model.generate`.

    transformers runs the model and gives its logits, which are the first stream; the other streams
    are read here, with keys and values of their own, and follow the beams wherever they go. (With
    early layers the model is run here, too: transformers does not hand over its states.) One
    processor serves one call of `generate`. What looks ahead, `contrastive-search`, is no
    processor.

    Args:
        model: the model that generates.
        method: as in `generate`; its temperature, top_k and top_p are not used (those of
            transformers are).
        prompts: the same, in the same order, as `input_ids`.
        options: of the method.

    Example:
        >>> processor = RuleProcessor(model, "cfg", ["The sea"], guidance=2)  # doctest: +SKIP
        >>> ids = model.tokenizer(["The sea"], return_tensors="pt")  # doctest: +SKIP
        >>> model.model.generate(
        ...     **ids, num_beams=4, logits_processor=[processor]
        ... )  # doctest: +SKIP
    """

    def __init__(self, model: CausalLM, method: str | Method, prompts: Any, **options: Any) -> None:
        how = method if isinstance(method, Method) else named(method, options)
        rule = how.rule(model)
        rule.check(model)
        with torch.inference_mode():
            self._running = Running(rule, model, prompts_of(prompts), given=True)
        self._count = len(self._running.room)
        self._seen: Tensor | None = None

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Scores (rows, vocabulary) of the next token, from those of the model."""
        with torch.inference_mode():
            self._follow(input_ids)
            found = self._running.scores(scores)
        out = torch.full_like(scores, -torch.inf)
        out[:, : found.shape[1]] = found
        return out

    def _follow(self, ids: Tensor) -> None:
        """Let the streams have read what the rows have: beams are copied, move and end."""
        if self._seen is None:
            if len(ids) % self._count:
                raise InputError(
                    f"prompts: found {self._count}, and transformers generates {len(ids)} rows; "
                    "expected the prompts of input_ids"
                )
            rows = torch.arange(self._count, device=ids.device)
            self._running.select(rows.repeat_interleave(len(ids) // self._count))
        elif ids.shape[1] != self._seen.shape[1] + 1:
            raise InputError(
                "RuleProcessor: found another text than that of the call before; expected a new "
                "one for each call of generate"
            )
        else:
            same = (ids[:, None, :-1] == self._seen[None]).all(-1)
            if not same.any(1).all():
                raise InputError(
                    "RuleProcessor: found another text than that of the call before; expected a "
                    "new one for each call of generate"
                )
            self._running.select(same.int().argmax(1))
            self._running.read(ids[:, -1])
        self._seen = ids
