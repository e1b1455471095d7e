"""CPO."""

from support.battery import Battery
from support.preferences import log_sigmoid, pairs
from support.spec import Spec


def oracle(logps, lengths, beta, alpha):
    preferred = [-log_sigmoid(beta * (w - l)) for w, l in logps]
    likelihood = sum(w for w, _ in logps) / max(sum(int(n) for n, _ in lengths), 1)
    return sum(preferred) / len(preferred) - alpha * likelihood


class TestCPO(Battery):
    spec = Spec(
        "cpo",
        oracle,
        settings=({}, {"beta": 0.5, "alpha": 0.3}),
        draw=pairs("logps", "lengths"),
        rotation=False,
    )
