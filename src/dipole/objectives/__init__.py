"""The objectives."""

from dipole.objectives.infonce import InfoNCE, infonce

__all__ = ["InfoNCE", "infonce"]
