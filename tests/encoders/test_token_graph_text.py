"""A graph of tokens against loops over places, and what is saved of an encoder with one."""

import math

import numpy as np
import pytest
import torch

from dipole.encoders import load_encoder
from dipole.encoders.token_graph_text import TokenGraphText, pmi_graph
from dipole.errors import InputError

TEXTS = ["open a red file", "open the door", "close the red file", "the cat sleeps"]


def dense_by_loops(sequences, size, window):
    near = [[0.0] * size for _ in range(size)]
    for tokens in sequences:
        for i, t in enumerate(tokens):
            for j, u in enumerate(tokens):
                if 0 < abs(i - j) < window and t != u:
                    near[t][u] += 1
    each = [sum(row) for row in near]
    a = [[0.0] * size for _ in range(size)]
    for t in range(size):
        for u in range(size):
            if near[t][u]:
                a[t][u] = max(0.0, math.log(near[t][u] * sum(each) / (each[t] * each[u])))
        a[t][t] = 1.0
    degree = [sum(row) for row in a]
    return [[a[t][u] / math.sqrt(degree[t] * degree[u]) for u in range(size)] for t in range(size)]


@pytest.mark.parametrize("window", [2, 3, 9])
def test_the_graph_is_that_of_loops_over_places(window):
    sequences = [np.array(x) for x in ([0, 1, 2, 1], [3, 1], [2, 2, 0, 5], [4])]
    links, strengths = pmi_graph(sequences, 7, window)
    dense = np.zeros((7, 7))
    dense[links[0], links[1]] = strengths
    np.testing.assert_allclose(dense, dense_by_loops(sequences, 7, window), atol=1e-6)


def test_token_vectors_are_two_layers_over_the_graph_and_texts_their_sums():
    encoder = TokenGraphText.from_inputs(TEXTS, TEXTS, dim=8, window=3).eval()
    size = encoder.tokenizer.size
    graph = torch.zeros(size, size)
    graph[encoder.links[0], encoder.links[1]] = encoder.strengths
    z = graph @ torch.relu(graph @ encoder.vectors @ encoder.first) @ encoder.second
    norm = z.norm(dim=1, keepdim=True)
    z = z / norm.masked_fill(norm == 0, 1)
    torch.testing.assert_close(encoder.token_vectors(), z)
    ((tokens, _),) = encoder.tokenizer(["the red door"])
    summed = z[torch.as_tensor(tokens)].sum(0)
    found = torch.from_numpy(encoder.encode(["the red door"])[0])
    torch.testing.assert_close(found, (summed / summed.norm()).detach())


def test_it_is_saved_as_a_bag_of_tokens_that_encodes_the_same(tmp_path):
    encoder = TokenGraphText.from_inputs(TEXTS, TEXTS, dim=8)
    encoder.save(tmp_path / "model")
    saved = load_encoder(tmp_path / "model")
    assert type(saved).__name__ == "StaticText"
    np.testing.assert_allclose(saved.encode(TEXTS), encoder.encode(TEXTS), atol=1e-6)


def test_a_wrong_window_is_said():
    with pytest.raises(InputError, match="TokenGraphText: window"):
        TokenGraphText.from_inputs(TEXTS, TEXTS, window=0)
