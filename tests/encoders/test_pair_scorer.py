"""Scores are the model's own, one pair at a time; folders that are none are refused."""

import numpy as np
import pytest
import torch

from dipole.encoders import fingerprint
from dipole.encoders.pair_scorer import PairScorer, is_pair_scorer
from dipole.errors import InputError


@pytest.fixture(params=[1, 2])
def folder(tiny, tmp_path, request):
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    config = BertConfig.from_pretrained(tiny, num_labels=request.param)
    BertForSequenceClassification(config).save_pretrained(tmp_path / "cross")
    AutoTokenizer.from_pretrained(tiny).save_pretrained(tmp_path / "cross")
    return tmp_path / "cross"


def test_scores_are_those_of_one_pair_at_a_time(folder, sentences):
    scorer = PairScorer.load(folder)
    first, second = sentences[:7], sentences[1:]
    found = scorer.score(first, second, token_budget=40)
    for a, b, score in zip(first, second, found, strict=True):
        with torch.no_grad():
            logits = scorer.model(**scorer.tokenizer([a], [b], return_tensors="pt")).logits[0]
        expected = logits[0] if len(logits) == 1 else logits[1] - logits[0]
        np.testing.assert_allclose(score, expected, atol=1e-5)
    assert len(scorer.score([], [])) == 0


def test_folders(folder, tiny):
    assert is_pair_scorer(folder)
    assert not is_pair_scorer(tiny)
    assert fingerprint(PairScorer.load(folder)) == fingerprint(PairScorer.load(folder))
    with pytest.raises(InputError, match=r"the weights lack bert\.pooler"):
        PairScorer.load(tiny)
    scorer = PairScorer.load(folder)
    with pytest.raises(InputError, match="score: found 1 and 2 texts"):
        scorer.score(["a"], ["b", "c"])
    scorer.model.config.num_labels = 3
    with pytest.raises(InputError, match="pair scorer: found 3 outputs"):
        PairScorer(scorer.model, scorer.tokenizer)


def test_it_judges_a_mining(folder, sentences, tmp_path):
    from dipole.data import Pairs
    from dipole.sampling.filters import make_filters
    from dipole.sampling.mining import Miner

    anchors = sentences[:7]
    pairs = Pairs.from_columns({"anchor": anchors, "positive": [f"{s} too" for s in anchors]})
    scorer = PairScorer.load(folder)
    miner = Miner(pairs, "bm25", make_filters(depth=5), judge=scorer, folder=tmp_path)
    for row in miner.mine(miner.blocks()[0]):
        texts = [row["positive"], *row["negatives"]]
        expected = scorer.score([row["anchor"]] * len(texts), texts)
        np.testing.assert_allclose(row["scores"], expected, atol=1e-5)
        assert max(row["scores"]) == row["scores"][0]
