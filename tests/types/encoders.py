"""What a type checker sees of encoders and of what measures them; `make check` runs mypy over it.

A line that is wrong must be an error: mypy reports an ignore that ignores nothing.
"""

from collections.abc import Sequence
from typing import Any, assert_type

import numpy as np

from dipole.data import Scored
from dipole.encoders import ConvImage, Encoder, StaticText, TwoTowers, fingerprint, load_encoder
from dipole.evaluation import (
    Result,
    Task,
    evaluate_knn,
    evaluate_retrieval,
    evaluate_sts,
    paired_test,
)

encoder = load_encoder("runs/first")
assert_type(encoder, Encoder)
assert_type(encoder.encode(["a"]), np.ndarray)
assert_type(fingerprint(encoder), str)
assert_type(StaticText.from_texts(["a"], ["b"]), StaticText)
assert_type(TwoTowers(encoder, encoder, dim=8).tower("query"), Encoder)
assert_type(ConvImage.load("runs/images"), ConvImage)
load_encoder(3)  # type: ignore[arg-type]

result = evaluate_sts(encoder, [("a", "b", 0.5)])
assert_type(result, Result)
assert_type(evaluate_retrieval(encoder, {"anchor": ["a"], "positive": ["b"]}), Result)
assert_type(evaluate_knn(encoder, {"x": ["a"], "label": [0]}, {"x": ["b"], "label": [1]}), Result)
evaluate_sts(encoder, 3)  # type: ignore[arg-type]
evaluate_sts(encoder, [], sytem="a")  # type: ignore[call-arg]
assert_type(result.value("Spearman"), float)


def own(encoder: Any, data: Scored, **settings: Any) -> Result:
    return evaluate_sts(encoder, data, **settings)


Task("mine", "scored", own)
Task("mine", "scored", 3)  # type: ignore[arg-type]
_: Sequence[Any] = [paired_test]
