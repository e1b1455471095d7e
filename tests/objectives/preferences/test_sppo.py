"""SPPO."""

from support.battery import Battery
from support.preferences import RATIOS, ratios
from support.spec import Spec


def oracle(logps, ref_logps, beta):
    aim = 0.5 / beta
    return [(w - aim) ** 2 + (l + aim) ** 2 for w, l in ratios(logps, ref_logps)]


class TestSPPO(Battery):
    spec = Spec("sppo", oracle, settings=({}, {"beta": 1.5}), draw=RATIOS, rotation=False)
