"""EXO."""

import math

from support.battery import Battery
from support.preferences import RATIOS, ratios, sigmoid
from support.spec import Spec


def oracle(logps, ref_logps, beta, label_smoothing):
    found = []
    for w, l in ratios(logps, ref_logps):
        p, e = sigmoid(beta * (w - l)), label_smoothing
        found.append(p * math.log(p / (1 - e)) + (1 - p) * math.log((1 - p) / e))
    return found


class TestEXO(Battery):
    spec = Spec(
        "exo",
        oracle,
        settings=({}, {"beta": 0.5, "label_smoothing": 0.3}),
        draw=RATIOS,
        rotation=False,
    )
