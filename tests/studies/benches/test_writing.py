"""The bench of writing."""

import numpy as np
import torch

from dipole.encoders import load_encoder
from dipole.studies.benches.writing import TinyLM, rows, writing
from dipole.studies.measures import Trained
from dipole.training.config import make_config


def test_it_is_made_of_its_texts_and_loads_again(tmp_path):
    texts = list(rows("train", True).column("input"))
    torch.manual_seed(0)
    made = TinyLM.from_inputs(texts, dim=32, layers=1, vocabulary=300)
    made.save(tmp_path)
    again = load_encoder(tmp_path)
    assert isinstance(again, TinyLM)
    np.testing.assert_allclose(again.encode(texts[:3]), made.encode(texts[:3]), atol=1e-5)


def test_what_it_measures():
    train, test = rows("train", True), rows("test", True)
    assert not {*train.column("input")} & {*test.column("input")}
    torch.manual_seed(0)
    made = TinyLM.from_inputs(list(train.column("input")), dim=32, layers=1, vocabulary=300)
    test = test.select(np.arange(4))
    found = writing(Trained(made, train, test, make_config(data="")))
    # Of a new model all tokens are about as likely.
    assert abs(found["log-likelihood"].mean() + np.log(len(made.tokenizer))) < 0.2
    assert -1 <= found["token cosine"] <= 1
    assert found["diversity"].shape == found["contrastive diversity"].shape == (4,)
