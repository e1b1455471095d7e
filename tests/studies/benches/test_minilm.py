import copy

import numpy as np

from dipole.data import Inputs
from dipole.encoders.adapters import AdaptedText
from dipole.studies.benches.minilm import trained_share
from dipole.studies.benches.tiny_text import tiny_text
from dipole.studies.measures import Trained
from dipole.training.config import make_config

TEXTS = ["a dog runs", "a cat sleeps on the mat"]


def test_what_an_adapter_trains_is_its_share():
    whole = tiny_text(TEXTS, seed=0, vocabulary=60)
    adapted = AdaptedText.add(copy.deepcopy(whole), None, "bottleneck")
    inputs = Inputs.from_columns({"input": TEXTS})
    config = make_config(data="any")
    shares = [
        trained_share(Trained(encoder, inputs, inputs, config))["trained share"]
        for encoder in (whole, adapted)
    ]
    more = sum(p.numel() for p in adapted.addition().values())
    both = more + sum(p.numel() for p in whole.parameters())
    np.testing.assert_allclose(shares, [100, 100 * more / both])
