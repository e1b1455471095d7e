"""A training that ends in the middle of a step, as if it were killed."""

from collections.abc import Callable
from typing import Any

import pytest


def killed_at(
    patcher: pytest.MonkeyPatch,
    step: int,
    function: Callable[..., Any],
    *args: Any,
    **given: Any,
) -> None:
    """Call a function that trains, and end it in the step of this number (0-based)."""
    from dipole.training.loop import Trainer

    whole = Trainer._step

    def until(trainer: Trainer, batch: Any) -> Any:
        if trainer.progress.step == step:
            raise KeyboardInterrupt
        return whole(trainer, batch)

    with patcher.context() as patch:
        patch.setattr(Trainer, "_step", until)
        with pytest.raises(KeyboardInterrupt):
            function(*args, **given)
