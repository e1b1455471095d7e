"""Measures of generated text that need a language model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from dipole.data.preferences import Answers
from dipole.data.prompts import Prompt, Text
from dipole.encoders.evaluating import evaluating
from dipole.language.causal import CausalLM
from dipole.language.decoding.by_rule import write_by_rule
from dipole.language.decoding.choosing import GREEDY
from dipole.language.decoding.generate import ends_of
from dipole.language.decoding.prompts import Reads, the_contrast, the_prompt, tokens_and_room
from dipole.language.decoding.reading import Reader
from dipole.language.decoding.rule import Rule, Stream


def coherence(
    model: CausalLM, prompts: Sequence[Text], texts: Sequence[str], *, batch_size: int = 16
) -> np.ndarray:
    """How likely another model finds each answer after its prompt, (n,):

        1 / |y| sum_i log p(y_i | x, y_<i)

    The end of the text is not counted; nan for an answer without tokens. Compare decoders by the
    mean over their answers.

    model: another one than wrote them; it favours its own.

    Source: Su and Collier 2022, arXiv 2210.14140.
    """
    found = np.full(len(texts), np.nan)
    there = [i for i, text in enumerate(texts) if text]
    own = evaluating(model)
    with torch.inference_mode():
        for start in range(0, len(there), batch_size):
            rows = there[start : start + batch_size]
            asked = [Answers(prompts[i], [_said(texts[i], prompts[i])]) for i in rows]
            features = {name: x.to(model.device) for name, x in own.prepare(asked).items()}
            log_probs, mask = own.log_probs(features).double(), own.answer_mask(features)
            mask &= mask.roll(-1, 1) & (torch.arange(mask.shape[1]) < mask.shape[1] - 1).to(mask)
            sums, counts = (log_probs * mask).sum(1), mask.sum(1)
            found[rows] = (sums / counts).cpu().numpy()
    return found


def token_states(model: CausalLM, texts: Sequence[str]) -> Iterator[np.ndarray]:
    """The last states (n, d) of the tokens of each text, as `isotropy` takes them."""
    own = evaluating(model)
    for text in texts:
        features = {name: x.to(model.device) for name, x in own.prepare([text]).items()}
        with torch.inference_mode():
            yield own.outputs(features, ["tokens"])["tokens"][0].cpu().numpy()


def input_contrast(model: CausalLM, prompt: Prompt, *, max_new_tokens: int = 32) -> float:
    """How far a model's next-token distributions after a prompt and its contrast are apart:

        D(x, x') = mean_t TV(p_t, p'_t),   TV(p, p') = sum_v |p(v) - p'(v)| / 2

    along the greedy answers to both. `cid` shows where two prompts differ, this says how much.

    Source: Yona et al. 2023, Contrastive Input Decoding, arXiv 2305.07378 (our reading).
    """
    distances = []
    with torch.inference_mode():
        for reads in (the_prompt, the_contrast):
            rule = Rule((Stream(1.0, reads=reads),))
            draws = torch.zeros(1, max_new_tokens)
            most, ends = max_new_tokens, ends_of(model)
            (answer,) = write_by_rule(rule, GREEDY, model, [prompt], most, ends, draws)
            one, other = (_along(model, side, prompt, answer.tokens)
                          for side in (the_prompt, the_contrast))  # fmt: skip
            distances += [(one - other).abs().sum(-1) / 2]
    return float(torch.cat(distances).mean())


def _along(model: CausalLM, reads: Reads, prompt: Prompt, answer: list[int]) -> torch.Tensor:
    """Next-token distributions after a prompt and each part of an answer, its end too."""
    tokens, _ = tokens_and_room(model, reads, prompt)
    whole = [*tokens, *answer][: model.max_length]
    reader = Reader(model, [whole])
    return reader.head(reader.states[0, len(tokens) - 1 :]).float().softmax(-1)


def _said(text: str, prompt: Text) -> str | list[dict[str, str]]:
    return text if isinstance(prompt, str) else [{"role": "assistant", "content": text}]
