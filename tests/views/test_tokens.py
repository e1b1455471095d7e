from __future__ import annotations

import pytest
import torch

from dipole.errors import InputError
from dipole.views.tokens import TokenCutoff


def features(lengths: list[int]) -> dict[str, torch.Tensor]:
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    return {"input_ids": torch.arange(mask.numel()).reshape(mask.shape), "attention_mask": mask}


def test_a_share_of_the_inner_tokens_is_hidden() -> None:
    torch.manual_seed(0)
    whole = features([22, 12, 4, 2, 1, 0])
    cut = TokenCutoff(0.2)(whole)
    removed = whole["attention_mask"] - cut["attention_mask"]
    assert removed.sum(1).tolist() == [4, 2, 0, 0, 0, 0]  # of 20, 10, 2, 0, 0 and 0 inner tokens
    assert removed[:, 0].sum() == 0
    assert removed[0, 21] == removed[1, 11] == 0
    assert torch.equal(cut["input_ids"], whole["input_ids"])
    assert whole["attention_mask"].sum() == 41


def test_every_inner_token_is_hidden_equally_often() -> None:
    torch.manual_seed(0)
    cut = TokenCutoff(0.25)(features([10] * 2000))["attention_mask"]
    share = 1 - cut[:, 1:-1].double().mean(0)
    torch.testing.assert_close(
        share, torch.full((8,), 0.25, dtype=torch.float64), atol=0.04, rtol=0
    )


def test_other_features_are_refused() -> None:
    with pytest.raises(InputError, match="token-cutoff: found features image; expected"):
        TokenCutoff()({"image": torch.zeros(1)})
