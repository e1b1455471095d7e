"""IPO, of sums and of means over tokens."""

from support.battery import Battery
from support.preferences import RATIOS, ratios
from support.spec import Spec


def oracle(logps, ref_logps, tau):
    return [(w - l - 1 / (2 * tau)) ** 2 for w, l in ratios(logps, ref_logps)]


class TestIPO(Battery):
    spec = Spec("ipo", oracle, settings=({}, {"tau": 1.0}), draw=RATIOS, rotation=False)
