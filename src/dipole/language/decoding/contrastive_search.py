"""Contrastive search: a probable token whose state is unlike those of all tokens before it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
import torch.nn.functional as F

from dipole.data.prompts import Prompt
from dipole.language.causal import CausalLM
from dipole.language.decoding.by_rule import Drafts, Written
from dipole.language.decoding.prompts import the_prompt, tokens_and_room
from dipole.language.decoding.reading import Reader


def contrastive_search(
    model: CausalLM,
    prompts: Sequence[Prompt],
    most: int,
    ends: Collection[int],
    *,
    k: int = 5,
    alpha: float = 0.6,
) -> list[Written]:
    """Answers to prompts, `most` tokens each at most.

        x_t = argmax_{v in top k}  (1 - alpha) p(v | x_<t) - alpha max_{j<t} cos(h_v, h_j)

    h are last states, h_v that of v read after x_<t, h_j those of the prompt and the answer so far.
    p is not renormalised over the k; alpha = 0 or k = 1 is greedy. The k candidates of all rows are
    one pass of a token each, which is also the pass of the token that is taken: its keys, values
    and state stay, and nothing is computed twice.

    Source: Su et al. 2022, SimCTG, arXiv 2202.06417; Su and Collier 2022, arXiv 2210.14140.
    """
    read = [tokens_and_room(model, the_prompt, prompt) for prompt in prompts]
    reader = Reader(model, [tokens for tokens, _ in read])
    drafts = Drafts([room for _, room in read], most, ends)
    n, start, d = reader.states.shape
    seen = reader.states.new_zeros(n, start + most, d, dtype=torch.float32)
    seen[:, :start] = _unit(reader.states)
    probs = reader.logits().softmax(-1)
    for step in range(most):
        likely, tokens = probs.topk(min(k, probs.shape[-1]), dim=-1)
        reader.repeat(tokens.shape[1])
        states = _unit(reader.read(tokens.flatten())).view(*tokens.shape, d)
        before = start + step
        # Padding is no token: a cosine with it would count as 0.
        hidden = reader.mask.view(*tokens.shape, -1)[:, 0, None, :before] == 0
        cosines = states @ seen[:, :before].transpose(1, 2)
        penalty = cosines.masked_fill(hidden, -torch.inf).amax(-1)
        best = ((1 - alpha) * likely - alpha * penalty).argmax(-1)
        rows = torch.arange(len(best), device=best.device)
        chosen = tokens[rows, best]
        on = drafts.add(chosen.tolist())
        if not on:
            break
        kept = torch.tensor(on, device=best.device)
        reader.select(kept * tokens.shape[1] + best[kept])
        seen = seen[kept] if len(on) < len(best) else seen
        seen[:, before] = states[kept, best[kept]]
        probs = reader.logits().softmax(-1)
    return drafts.written


def _unit(states: torch.Tensor) -> torch.Tensor:
    return F.normalize(states.float(), dim=-1)
