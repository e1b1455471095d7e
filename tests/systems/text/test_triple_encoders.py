"""Windows and their cosines, new tokens, and a context that takes in one turn at a time."""

from itertools import combinations

import numpy as np
import pytest
import torch

from dipole.data import Inputs, Scored
from dipole.encoders import TransformerText, load_encoder
from dipole.errors import InputError
from dipole.systems.text.triple_encoders import (
    AFTER,
    FIRST,
    SECOND,
    TOKENS,
    Context,
    Marked,
    Mixed,
    singles,
    targets,
    windows,
)
from support.tiny_bert import save_tiny_bert

TURNS = [f"turn {word}" for word in ("one", "two", "three", "four", "five", "six")]


def rows_of(found):
    rows = found.take(range(len(found)))
    return list(zip(rows["query"], rows["candidates"], rows["relevance"], strict=True))


def test_the_cosines_of_a_window_of_four():
    """Nearness 1/4, 2/4, 3/4 of the three turns; sums 3/4, 4/4, 5/4 become 0.2, 0.6, 1."""
    assert targets(4) == pytest.approx({(0, 1): 0.2, (0, 2): 0.6, (1, 2): 1.0})
    with pytest.raises(InputError, match="window: found 3; expected at least 4 turns"):
        targets(3)


def test_six_true_pairs_and_twelve_others_of_each_window():
    data = Inputs.from_columns({"input": ["\n".join(TURNS), "a\nb"]})
    found = rows_of(windows(data, None, seed=0))
    assert len(found) == 2 * 18
    true = [row for row in found if row[2][0] > 0]
    expected = {}
    for start in (0, 1):
        for (k, m), y in targets(5).items():
            pair = (FIRST + TURNS[start + k], SECOND + TURNS[start + m])
            expected[(AFTER + TURNS[start + 4], *pair)] = y
    assert {(q, *two): y[0] for q, two, y in true} == expected
    first = found[6:18]
    assert {row[0] for row in first} == {AFTER + TURNS[4]}
    assert all(y == [0.0, 0.0] for _, _, y in first)
    for k in range(4):
        (_, one, _), (_, two, _), _ = first[3 * k : 3 * k + 3]
        assert one[0] == FIRST + TURNS[k]
        assert two[1] == SECOND + TURNS[k]
    assert rows_of(windows(data, None, seed=0)) == found
    flat = rows_of(windows(data, None, seed=0, decay=False))
    assert {y[0] for _, _, y in flat} == {0.0, 1.0}


def test_rows_that_are_turns_and_data_that_are_none():
    lines = Inputs.from_columns({"input": TURNS})
    whole = Inputs.from_columns({"input": ["\n".join(TURNS)]})
    assert rows_of(windows(lines, None, seed=1)) == rows_of(windows(whole, None, seed=1))
    graded = Scored.from_columns({"first": ["a"], "second": ["b"], "score": [1.0]})
    assert windows(graded, None, seed=0) is graded
    short = Inputs.from_columns({"input": TURNS[:4]})
    with pytest.raises(InputError, match="found no dialogue of 5 turns in"):
        windows(short, None, seed=0)


def test_the_baseline_is_of_each_turn_for_itself():
    data = Inputs.from_columns({"input": ["\n".join(TURNS[:5])]})
    found = rows_of(singles(data, None, seed=0))
    assert len(found) == 8
    for k in range(4):
        assert found[k] == (AFTER + TURNS[4], [FIRST + TURNS[k]] * 2, [(k + 1) / 5] * 2)
    assert all(two[0] == two[1] and two[0].startswith(FIRST) for _, two, _ in found)
    assert [y[0] for *_, y in found[4:]] == [0.0] * 4


def test_vectors_are_averaged_as_they_are():
    candidates, relevance = torch.randn(3, 2, 4), torch.tensor([[0.2, 0.2], [1, 1], [0, 0]])
    found = Mixed().before({"candidates": candidates, "relevance": relevance})
    torch.testing.assert_close(found["positive"], (candidates[:, 0] + candidates[:, 1]) / 2)
    assert found["scores"].tolist() == pytest.approx([0.2, 1, 0])


def test_new_tokens_are_one_each_and_stay(tmp_path):
    place = save_tiny_bert(tmp_path / "bert", TURNS)
    before = TransformerText.load(place)
    encoder = Marked.from_inputs(model=str(place))
    ids = encoder.tokenizer.encode(SECOND + "turn", add_special_tokens=False)
    assert encoder.tokenizer.convert_ids_to_tokens(ids) == ["[B2]", "[BEFORE]", "turn"]
    table, old = (
        one.transformer.get_input_embeddings().weight[: len(one.tokenizer)]
        for one in (encoder, before)
    )
    assert len(table) == len(old) + len(TOKENS)
    torch.testing.assert_close(table[-4:], old.mean(0).expand(4, -1))
    torch.testing.assert_close(table[:-4], old)
    encoder.save(tmp_path / "saved")
    loaded = load_encoder(tmp_path / "saved")
    texts = [AFTER + TURNS[0], FIRST + TURNS[0], TURNS[0]]
    np.testing.assert_allclose(loaded.encode(texts), encoder.encode(texts), atol=1e-6)
    again = Marked.from_inputs(model=str(tmp_path / "saved"))
    assert len(again.tokenizer) == len(table)
    np.testing.assert_allclose(again.encode(texts), loaded.encode(texts), atol=1e-6)


class Known:
    """Vectors by text."""

    def encode(self, texts):
        found = [np.random.default_rng(sum(map(ord, text))).normal(size=6) for text in texts]
        return np.stack(found).astype(np.float32)


@pytest.mark.parametrize("last", [None, 2])
def test_a_turn_at_a_time_is_as_all_at_once(last):
    encoder, context = Known(), Context(Known(), last)
    assert context.scores(TURNS[:2]).tolist() == [0, 0]
    candidates = encoder.encode([AFTER + turn for turn in TURNS]).astype(float)
    for count, turn in enumerate(TURNS[:5], 1):
        context.add(turn)
        expected = np.zeros(6)
        for k, m in combinations(range(count), 2):
            if last is None or m >= count - last:
                one, two = encoder.encode([FIRST + TURNS[k], SECOND + TURNS[m]]).astype(float)
                mixed = (one + two) / 2
                for number, c in enumerate(candidates):
                    expected[number] += mixed @ c / np.linalg.norm(mixed) / np.linalg.norm(c)
        np.testing.assert_allclose(context.scores(TURNS), expected, atol=1e-6)
