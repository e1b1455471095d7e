"""What moves the weights: AdamW, SGD, LARS, Muon, or an optimiser of one's own, by name."""

from dipole.training.optimizers.naming import (
    check_optimizer,
    defaults_of,
    make_optimizer,
    takes_rates_of_adamw,
)

__all__ = ["check_optimizer", "defaults_of", "make_optimizer", "takes_rates_of_adamw"]
