from types import SimpleNamespace

import numpy as np
import pytest

from dipole.errors import InputError
from dipole.evaluation.encoding import encode_function, finite


def test_an_encoder_is_asked_with_role_and_progress():
    seen = []
    encoder = SimpleNamespace(encode=lambda *given, **how: seen.append((given, how)))
    encode_function(encoder, show_progress=True)(["a"], "query")
    assert seen == [((["a"], "query"), {"show_progress": True})]


def test_a_function_stays_itself():
    assert encode_function(max) is max


def test_neither():
    with pytest.raises(InputError, match=r"found str; expected an encoder or a function"):
        encode_function("runs/first")


def test_finite():
    assert finite([[1.0, 2.0]], ["a"], "query", "mine").shape == (1, 2)
    with pytest.raises(InputError, match=r"mine: the vectors of 1 texts have shape \(2,\)"):
        finite([1.0, 2.0], ["a"], "query", "mine")
    with pytest.raises(InputError, match="1 of 2 query vectors are not finite, first of query 'b'"):
        finite([[1.0], [np.inf]], ["a", "b"], "query", "mine")
