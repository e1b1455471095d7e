"""What the teacher sees of a pair: 1 where every token has its like, and the same both ways."""

import numpy as np
import pytest
import torch

import dipole
from dipole.errors import InputError
from dipole.systems.text.dse import READ, aligned
from support import kinds
from support.tiny_bert import save_tiny_bert


def test_aligned_tokens():
    torch.manual_seed(0)
    first, second = torch.randn(5, 6 * len(READ)), torch.randn(3, 6 * len(READ))
    same = aligned(first, first[[2, 0, 1, 4, 3]])
    np.testing.assert_allclose(same, [5, 5, *[1] * 5 * len(READ)], atol=1e-6)
    there, back = aligned(first, second), aligned(second, first)
    assert list(there[:2]) == [5, 3]
    order = [1, 0]  # and of every layer: the means' cosine, then what each side has in the other
    for layer in range(len(READ)):
        order += [2 + 5 * layer + i for i in (0, 3, 4, 1, 2)]
    np.testing.assert_allclose(back, there[order], atol=1e-6)


def test_a_teacher_is_asked_for(tmp_path):
    """The paper's speaks in the unit of the scores, which nothing that every machine has does."""
    data, texts = kinds.write("graded", tmp_path), [text for row in kinds.ROWS for text in row]
    model = save_tiny_bert(tmp_path / "bert", texts)
    options = {"model": str(model), "last": 2}
    with pytest.raises(InputError, match="dse needs a teacher's scores; expected --part teacher:"):
        dipole.fit(data, recipe="dse", encoder_options=options, out=tmp_path / "run")
