from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dipole.encoders.batching import pack


@settings(deadline=None)
@given(st.lists(st.integers(0, 50), max_size=60), st.integers(1, 120))
def test_slices_cover_everything_once_and_hold_as_much_as_the_budget_allows(
    lengths: list[int], budget: int
) -> None:
    lengths.sort(reverse=True)
    parts = list(pack(np.array(lengths, dtype=np.int64), budget))
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(len(lengths)))
    for part in parts:
        rows, longest = part.stop - part.start, max(1, lengths[part.start])
        assert rows == 1 or rows * longest <= budget
        assert part.stop == len(lengths) or (rows + 1) * longest > budget
