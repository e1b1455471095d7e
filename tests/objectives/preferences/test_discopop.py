"""DiscoPOP."""

import math

from support.battery import Battery
from support.preferences import RATIOS, log_sigmoid, ratios, sigmoid
from support.spec import Spec


def oracle(logps, ref_logps, beta, tau):
    found = []
    for w, l in ratios(logps, ref_logps):
        m = beta * (w - l)
        s = sigmoid(m / tau)
        found.append((1 - s) * -log_sigmoid(m) + s * math.exp(-m))
    return found


class TestDiscoPOP(Battery):
    spec = Spec(
        "discopop", oracle, settings=({}, {"beta": 0.2, "tau": 0.5}), draw=RATIOS, rotation=False
    )
