"""SLiC."""

from support.battery import Battery
from support.preferences import RATIOS, ratios
from support.spec import Spec


def oracle(logps, ref_logps, beta):
    return [max(0.0, 1 - beta * (w - l)) for w, l in ratios(logps, ref_logps)]


class TestSLiC(Battery):
    spec = Spec(
        "slic", oracle, settings=({}, {"beta": 0.7}), draw=RATIOS, rotation=False, smooth=False
    )
