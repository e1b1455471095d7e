from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from dipole.data.inputs import batch_of, check_texts, modality, real_number, whole_number
from dipole.errors import InputError

TEXTS = ["how do I pay", "a cat", "where are you"]


@pytest.mark.parametrize(
    "given",
    [
        TEXTS,
        tuple(TEXTS),
        (text for text in TEXTS),
        dict(enumerate(TEXTS)).values(),
        dict.fromkeys(TEXTS).keys(),
        np.array(TEXTS),
        np.array(TEXTS, dtype=object),
        np.array(TEXTS, dtype=np.dtypes.StringDType()),
        pd.Series(TEXTS, index=[2, 0, 1]),  # a label is no position
        pd.Index(TEXTS),
        pa.array(TEXTS),
        pa.chunked_array([TEXTS[:1], TEXTS[1:]]),
    ],
    ids=lambda given: type(given).__name__,
)
def test_whatever_holds_them_in_order_is_read_by_position(given: Any) -> None:
    found = batch_of(given, "x")
    assert [found[i] for i in range(len(found))] == TEXTS
    assert all(type(text) is str for text in found)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("a text", r"x: found one text; expected a list, as \['a text'\]"),
        (b"bytes", "x: found bytes; expected a list"),
        ({"a": 1}, r"x: found a dict; expected a list, as list\(x.values\(\)\)"),
        ({"a"}, "x: found a set, which has no order; expected a list"),
        (frozenset("a"), "x: found a frozenset, which has no order"),
        (pd.DataFrame({"a": ["b"]}), "x: found a DataFrame; expected one of its columns"),
        (pa.table({"a": ["b"]}), "x: found a Table; expected one of its columns"),
        (None, "x: found None; expected a list"),
        (3, "x: found an int; expected a list"),
        (np.array("a"), "x: found an array of <U1 .*; expected a list"),
    ],
)
def test_what_is_no_batch_is_refused(given: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        batch_of(given, "x")


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (None, "is None; expected text"),
        (float("nan"), "is nan; expected text"),
        (pd.NA, "is a NAType; expected text"),
        (b"b", "is bytes; expected text"),
        (7, "is an int; expected text"),
        (["b"], "is a list; expected text"),
        (np.zeros((2, 2), np.uint8), r"is an array of uint8 \(2, 2\); expected text"),
        ("ab\ud83d", r"has half of a surrogate pair, U\+D83D, at character 2; expected valid"),
        ("\udc80", r"has half of a surrogate pair, U\+DC80, at character 0"),
    ],
)
def test_what_is_no_text_is_named_with_its_position(wrong: Any, found: str) -> None:
    with pytest.raises(InputError, match=rf"^x\[1\] {found}"):
        check_texts(["größe", wrong, None], "x")


def test_whole_characters_are_text() -> None:
    check_texts(["", "\U0001f600", "日本", "\ufffe", "\x00"], "x")


@pytest.mark.parametrize("wrong", [True, 1.0, "3", None, 0, -1, float("nan"), 6])
def test_whole_numbers(wrong: Any) -> None:
    assert whole_number(np.int64(3), "x") == 3
    with pytest.raises(InputError, match=r"^x: found .*; expected a whole number, 1 to 5$"):
        whole_number(wrong, "x", 1, 5)


@pytest.mark.parametrize("wrong", [True, "3", None, float("nan"), float("inf"), -0.1, 1.1, 10**400])
def test_real_numbers(wrong: Any) -> None:
    assert real_number(np.float32(0.5), "x", 0, 1) == 0.5
    assert real_number(-7, "x") == -7.0
    with pytest.raises(InputError, match=r"^x: found .*; expected a finite number, 0 to 1$"):
        real_number(wrong, "x", 0, 1)


def test_the_modality_of_an_input() -> None:
    image = np.zeros((4, 4), np.uint8)
    found = [modality(value) for value in ("a", image, image[:, :, None], image[0], image * 1.0, 3)]
    assert found == ["text", "image", "image", "", "", ""]
