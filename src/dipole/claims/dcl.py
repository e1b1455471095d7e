"""DCL: small batches learn more where the positive is not in the denominator."""

from dipole.claims import AtLeast, Claim

_SHARED = {"encoder": "static", "temperature": 0.07}

CLAIM = Claim(
    system="dcl",
    source="Yeh et al. 2022, Decoupled Contrastive Learning, arXiv 2110.06848",
    sentence="Without the positive in the denominator small batches learn more.",
    data="stdlib-code",
    settings=_SHARED | {"batch_size": 32},
    arms={"ntxent": {"objective": "ntxent"}, "dcl": {"objective": "dcl"}},
    measures=["retrieval"],
    budget="2epochs",
    seeds=3,
    holds=[AtLeast("dcl", "ntxent", by=1.0, on="MRR@10")],
)
