"""Encoding beside a training: neither notices the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from dipole.encoders import StaticText, TransformerText
from dipole.encoders.adapters import AdaptedText
from dipole.encoders.base import Encoder
from dipole.encoders.conv import ConvImage
from dipole.encoders.evaluating import evaluating
from dipole.encoders.heads import ProjectionHead
from dipole.encoders.pair_scorer import PairScorer
from dipole.encoders.two_towers import TwoTowers


class Foreign(nn.Module):
    """What other libraries do: ask `training`, keep bound methods and modules in lists."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.norm = nn.BatchNorm1d(3)
        self.drop = nn.Dropout(0.5)
        self.way = self.noisy
        self.row = [self.drop]
        self.by_name = {"drop": self.drop}

    def noisy(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1 if self.training else x

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.by_name["drop"](self.row[0](self.way(self.norm(self.linear(x)))))


def test_a_twin_is_the_module_in_eval_mode() -> None:
    module = Foreign()
    x = torch.randn(5, 3)
    expected = module.eval()(x)
    module.train()
    module.drop.eval()
    twin = evaluating(module)
    assert torch.equal(twin(x), expected)
    assert module.training
    assert module.linear.training
    assert not module.drop.training
    assert int(module.norm.num_batches_tracked) == 0
    assert list(twin.state_dict()) == list(module.state_dict())


def test_a_twin_has_the_weights_as_they_are_now() -> None:
    module = Foreign()
    twin = evaluating(module)
    x = torch.randn(5, 3)
    with torch.no_grad():
        module.linear.weight.add_(1)  # an optimiser's step
        module._parameters["linear"] = None
    del module._parameters["linear"]
    module.linear.weight = nn.Parameter(module.linear.weight * 2)  # another tensor
    module.norm.running_mean = torch.ones(3)
    assert torch.equal(twin(x), module.eval()(x))


def test_hooks_run_on_the_twin_and_are_not_shared() -> None:
    module, seen = Foreign(), []
    module.linear.register_forward_hook(lambda part, *_: seen.append(part.training))
    twin = evaluating(module)
    twin(torch.randn(2, 3))
    assert seen == [False]
    twin.linear.register_forward_hook(lambda *_: seen.append("of the twin"))
    module(torch.randn(2, 3))
    assert seen == [False, True]


def static() -> Encoder:
    texts = [f"open file number {i}" for i in range(30)]
    return StaticText.from_texts(texts, texts, dim=8, buckets=64)


def make(kind: str, tiny: Any) -> Encoder:
    torch.manual_seed(0)
    if kind == "static":
        return static()
    if kind == "image":
        images = list(np.random.default_rng(0).integers(0, 256, (8, 8, 8), dtype=np.uint8))
        return ConvImage.from_images(images, head=4)
    if kind == "lora":
        base = TransformerText.load(tiny)
        return AdaptedText.add(base, tiny, "lora", rank=2, dropout=0.5)
    if kind in ("prefix", "bottleneck"):
        return AdaptedText.add(TransformerText.load(tiny), tiny, kind)  # type: ignore[arg-type]
    if kind == "two towers":
        return TwoTowers(TransformerText.load(tiny), static(), dim=4)
    return TransformerText.load(tiny, head=ProjectionHead(32, 4))


KINDS = ["static", "image", "transformer", "lora", "prefix", "bottleneck", "two towers"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_of_training_within_a_call_changes_no_vector(
    kind: str, tiny: Any, sentences: list[str]
) -> None:
    encoder = make(kind, tiny)
    images = list(np.random.default_rng(1).integers(0, 256, (5, 8, 8), dtype=np.uint8))
    inputs: Any = images if kind == "image" else sentences
    expected = {role: encoder.eval().encode(inputs, role) for role in ("query", "document")}
    # As a thread that trains would, in the middle of the call.
    for part in list(encoder.modules()):
        part.register_forward_pre_hook(lambda *_: encoder.train() and None)
    for role, vectors in expected.items():
        np.testing.assert_array_equal(encoder.encode(inputs, role), vectors)  # type: ignore[arg-type]
    assert all(part.training for part in encoder.modules())


def test_pairs_are_scored_beside_a_training(tiny: Any, sentences: list[str]) -> None:
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    model = BertForSequenceClassification(BertConfig.from_pretrained(tiny, num_labels=1))
    scorer = PairScorer(model, AutoTokenizer.from_pretrained(tiny))
    expected = scorer.score(sentences, sentences[::-1])
    for part in list(model.modules()):
        part.register_forward_pre_hook(lambda *_: model.train() and None)
    np.testing.assert_array_equal(scorer.score(sentences, sentences[::-1]), expected)


@contextmanager
def encoding(encoder: Encoder, part: nn.Module, work: Callable[[], Any]) -> Iterator[list[Any]]:
    """Inside, a call in another thread stands still behind a part of the encoder."""
    reached, go, found = threading.Event(), threading.Event(), []

    def wait(*_: Any) -> None:
        if threading.current_thread() is thread:
            reached.set()
            go.wait(60)

    handle = part.register_forward_hook(wait)
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    assert reached.wait(60)
    handle.remove()
    yield found
    go.set()
    thread.join()


def steps(encoder: Encoder, texts: list[str]) -> None:
    """What a training does; that it is one was said before."""
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.5)
    torch.manual_seed(3)
    for _ in range(3):
        vectors = encoder(encoder.prepare(texts))
        optimizer.zero_grad()
        (vectors @ vectors.T).square().sum().backward()
        optimizer.step()


@pytest.mark.parametrize("kind", ["static", "transformer"])
def test_a_training_within_a_call_keeps_its_bits(kind: str, tiny: Any, sentences: Any) -> None:
    alone, beside = make(kind, tiny).train(), make(kind, tiny).train()
    steps(alone, sentences)

    def encode() -> Any:
        return beside.encode(sentences)

    with encoding(beside, beside, encode) as found:
        steps(beside, sentences)
    assert len(found) == 1
    for name, value in alone.state_dict().items():
        assert torch.equal(beside.state_dict()[name], value)


class Linear(Encoder):
    """One map."""

    dim = 4

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 4)

    def prepare(self, inputs: Any, role: Any = "document") -> Any:
        return {"x": torch.ones(len(inputs), 3)}

    def forward(self, features: Any) -> torch.Tensor:
        return nn.functional.normalize(self.linear(features["x"]).float(), dim=-1)


def test_threads_of_others_keep_their_number() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        encoder, counts = Linear(), []
        thread = threading.Thread(target=lambda: counts.append(torch.get_num_threads()))
        first = threading.Lock()

        def start(*_: Any) -> None:
            if first.acquire(blocking=False):  # one of the threads that encode
                thread.start()

        handle = encoder.linear.register_forward_hook(start)
        encoder.encode(["a"] * 20, token_budget=2)
        handle.remove()
        thread.join()
        assert counts == [3]
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
