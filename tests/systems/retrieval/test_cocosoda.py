"""CoCoSoDa's loss: what is left with all parts off, and what enters the four queues."""

from __future__ import annotations

import torch

from dipole.encoders.static_text import StaticText
from dipole.systems.retrieval.cocosoda import Momentum, all_off
from dipole.training.batches import content_ids


def test_all_off_is_infonce() -> None:
    assert all_off(0) < 1e-6


def test_a_batch_enters_every_queue_after_its_step() -> None:
    texts = {"anchor": ["open a file", "add two numbers"], "positive": ["open(f)", "a + b"]}
    encoder = StaticText.from_texts(*texts.values(), dim=8, dropout=0.0)
    momentum = Momentum(encoder, queue=16, decay=0.5)
    ready = {side: encoder.prepare(texts[side]) for side in texts}
    clean = {side: encoder(x) for side, x in ready.items()}
    ids = {side: content_ids(texts[side]) for side in texts}
    views = {side: [x] for side, x in ready.items()}
    first = momentum(clean, views, ids)
    assert all(not len(queue.vectors) for queue in momentum.queues.values())
    momentum.after_step()
    assert {len(queue.vectors) for queue in momentum.queues.values()} == {2}
    # Past copies of the anchors' own positives are no negatives, but the other's are.
    assert momentum(clean, views, ids) > first
    assert set(momentum.queues) == {"anchor", "positive", "teacher_anchor", "teacher_positive"}
    assert not any(queue.vectors.requires_grad for queue in momentum.queues.values())
    assert torch.isfinite(first)
