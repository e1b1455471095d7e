"""What makes an encoder a transformer of scikit-learn: vectors as features."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from dipole.errors import InputError

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder


class Transforming:
    """`fit`, `transform` and what else pipelines ask of a step.

    An encoder has learnt before: `fit` changes nothing, and a clone is a copy with the weights.

    Example:
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn.pipeline import make_pipeline
        >>> model = make_pipeline(encoder, LogisticRegression()).fit(texts, labels)
        >>> model.predict(["another text"])
    """

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """The encoder as it is; inputs and classes are not looked at."""
        return self

    def transform(self: Encoder, X: Any) -> np.ndarray:  # type: ignore[misc]
        """`encode` with its defaults: vectors of documents, float32, (n, dim)."""
        return self.encode(X)

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """`transform`."""
        return self.transform(X)  # type: ignore[misc]

    def get_feature_names_out(self: Encoder, input_features: Any = None) -> np.ndarray:  # type: ignore[misc]
        """A name for each number of a vector, as scikit-learn makes them: statictext0, ..."""
        name = type(self).__name__.lower()
        return np.array([f"{name}{i}" for i in range(self.dim)], dtype=object)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """None: what decides the vectors was decided when the encoder was made."""
        return {}

    def set_params(self, **params: Any) -> Self:
        """Nothing can be set."""
        if params:
            raise InputError(
                f"{type(self).__name__}: found {', '.join(params)} to set; expected nothing, as an "
                "encoder has no parameters of scikit-learn"
            )
        return self

    def __sklearn_clone__(self) -> Self:
        return copy.deepcopy(self)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(),
            input_tags=InputTags(one_d_array=True, two_d_array=False, string=True),
            requires_fit=False,
        )
