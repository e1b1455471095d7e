"""Symmetrisation against Moses' loops written out over the whole matrix."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dipole.aligning.words import symmetrise
from dipole.aligning.words.symmetrising import METHODS
from dipole.errors import InputError

SIZE = 6
STEPS = [(-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)]
one_way = st.lists(st.integers(-1, SIZE - 1), min_size=SIZE, max_size=SIZE)


def by_matrix(forward, reverse, method):
    """As symal walks: every cell in the order of target and source, until nothing is added."""
    union, found = forward | reverse, set(forward & reverse)

    def is_free(source, target):
        return [all(i != source for i, _ in found), all(j != target for _, j in found)]

    is_added = True
    while is_added:
        is_added = False
        for j in range(SIZE):
            for i in range(SIZE):
                for down, right in STEPS if (i, j) in found else []:
                    new = (i + right, j + down)
                    if new in union and new not in found and any(is_free(*new)):
                        found.add(new)
                        is_added = True
    if method != "grow-diag":
        test = all if method.endswith("and") else any
        for links in (forward - reverse, reverse - forward):
            for j, i in sorted((j, i) for i, j in links):
                if (i, j) not in found and test(is_free(i, j)):
                    found.add((i, j))
    return found


@given(one_way, one_way, st.sampled_from(["grow-diag", "grow-diag-final", "grow-diag-final-and"]))
def test_grown_as_over_the_matrix(forward, reverse, method):
    one = frozenset((i, j) for j, i in enumerate(forward) if i >= 0)
    other = frozenset((i, j) for i, j in enumerate(reverse) if j >= 0)
    assert symmetrise(one, other, method) == by_matrix(one, other, method)


@given(one_way, one_way)
def test_each_lies_between_intersection_and_union(forward, reverse):
    one = frozenset((i, j) for j, i in enumerate(forward) if i >= 0)
    other = frozenset((i, j) for i, j in enumerate(reverse) if j >= 0)
    found = {method: symmetrise(one, other, method) for method in METHODS}
    assert found["forward"] == one
    assert found["reverse"] == other
    assert found["intersect"] == one & other
    assert found["union"] == one | other
    grown = [found[f"grow-diag{end}"] for end in ("", "-final-and", "-final")]
    assert found["intersect"] <= grown[0] <= grown[1] <= found["union"]
    assert grown[0] <= grown[2] <= found["union"]


def test_an_unknown_one_is_refused():
    with pytest.raises(InputError, match="symmetrise: found 'grow'; did you mean 'grow-diag'"):
        symmetrise(frozenset(), frozenset(), "grow")
