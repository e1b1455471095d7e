import numpy as np
import pytest
import torch

from dipole.systems.text.dclr import copies_found, mask_quality, planted


def test_copies_stand_side_by_side():
    texts, sentence = planted(quick=True)
    assert len(texts) == len(sentence) == 360
    assert np.bincount(sentence).tolist() == [3] * 120


def test_a_first_model_that_knows_the_sentences_finds_all_copies():
    sentence = np.repeat(np.arange(40), 3)
    vectors = torch.eye(40)[sentence]
    assert mask_quality(vectors, sentence, seed=0) == (100, 100)
    recall, precision = mask_quality(torch.ones(120, 1), sentence, seed=0)
    assert recall == 100
    assert precision == pytest.approx(100 / 63)  # one copy among 63 others of the batch
    assert copies_found(vectors.numpy(), sentence).tolist() == [100] * 120
