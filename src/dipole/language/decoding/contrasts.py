"""Published methods that add up next-token distributions, each as the rule that it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from dipole.declared import NotNegative, Positive, Share
from dipole.errors import InputError
from dipole.language.causal import CausalLM
from dipole.language.decoding.early import early_layers
from dipole.language.decoding.methods import Sampled
from dipole.language.decoding.prompts import Instructed, the_contrast, the_last_token
from dipole.language.decoding.rule import Rule, Stream, weighted


class ContrastiveDecoding(Sampled):
    """What a model likes more than an amateur does, a smaller or worse model of its vocabulary.

        S(v) = log p(v) - weight / amateur_temperature log p_amateur(v)

    The published code divides the amateur's log-probabilities by 0.5 and does not renormalise them,
    so that they weigh twice; these are the defaults.

    amateur: a folder, run or hub id; in Python also a `CausalLM`.

    Source: Li et al. 2023, Contrastive Decoding, arXiv 2210.15097.
    """

    amateur: Any
    weight: NotNegative = 1.0
    amateur_temperature: Positive = 0.5
    plausible: Share = 0.1

    def rule(self, model: CausalLM) -> Rule:
        """The model against the amateur."""
        other = loaded(self.amateur, model)
        streams = (Stream(1.0), Stream(-self.weight / self.amateur_temperature, other))
        return Rule(streams, self.plausible)


class DoLa(Sampled):
    """What a model's last layer likes more than an early one.

        S(v) = log p(v) - log p_l(v),   l = argmax_{l in layers} JSD(p, p_l)

    p_l: the final norm and the head on the states of layer l. One layer is static DoLa, several are
    dynamic: the layer is chosen for every token.

    layers: low, high, a layer or a list of them (`early.early_layers`); divergence: Jensen-Shannon,
    or the one in the published code, whose arguments are the other way round.

    Source: Chuang et al. 2024, DoLa, arXiv 2309.03883.
    """

    layers: Any = "low"
    divergence: Literal["jensen-shannon", "published"] = "jensen-shannon"
    plausible: Share = 0.1

    def rule(self, model: CausalLM) -> Rule:
        """The last layer against an early one."""
        layers = _layers(self.layers, model)
        streams = (Stream(1.0), Stream(-1.0, early=True))
        return Rule(streams, self.plausible, layers, self.divergence == "published")


class LOL(Sampled):
    """A model against an amateur at the last and at an early layer, and its own shift by an
    instruction to be truthful.

        S(v) = F_last(v) + omega F_early(v) + refocus (log p(v | instruction, x) - log p(v | x))
        F_l(v) = log p_l(v) - alpha log p_amateur,l(v)

    Our reading: no code is published, and the paper's weights and its choice of the layer are not
    confirmed. layers: as `DoLa`'s; not given: the middle one. The amateur has the same layers.

    Source: Chen et al. 2024, Lower Layer Matters, arXiv 2408.08769.
    """

    amateur: Any
    instruction: str
    alpha: NotNegative = 1.0
    omega: NotNegative = 0.5
    refocus: NotNegative = 0.5
    layers: Any = None
    plausible: Share = 0.1

    def rule(self, model: CausalLM) -> Rule:
        """Both contrasts and the shift."""
        other = loaded(self.amateur, model)
        middle = int(model.model.config.num_hidden_layers) // 2
        layers = _layers(middle if self.layers is None else self.layers, model)
        streams = (
            Stream(1.0 - self.refocus),
            Stream(-self.alpha, other),
            Stream(self.omega, early=True),
            Stream(-self.omega * self.alpha, other, early=True),
            Stream(self.refocus, reads=Instructed(self.instruction)),
        )
        return Rule(streams, self.plausible, layers)


class ACD(Sampled):
    """A prompt under a safe instruction against the same under an adversarial one.

        S(v) = log p(v | safe, x) - alpha log p(v | adversarial, x)

    safe, adversarial: texts, or in Python soft prompts, (m, d) vectors as the paper learns them.
    plausible: 0 as published; at large alpha 0.1 keeps it from tokens that nothing speaks for.

    Source: Zhao et al. 2024, Adversarial Contrastive Decoding, arXiv 2406.16743.
    """

    safe: Any
    adversarial: Any
    alpha: NotNegative = 0.5
    plausible: Share = 0.0

    def rule(self, model: CausalLM) -> Rule:
        """The safe instruction against the adversarial one."""
        streams = (_under(1.0, self.safe, "safe"),
                   _under(-self.alpha, self.adversarial, "adversarial"))  # fmt: skip
        return Rule(streams, self.plausible)


class CID(Sampled):
    """What is likely after a prompt and unlikely after its contrast, a prompt with a small change.

        ratio:       S(v) = log p(v) + strength (log p(v) - log p'(v))
        difference:  S(v) = log p(v) + strength (p(v) - p'(v))

    p' is after the contrast and the same answer so far; strength 0 is the model itself. Our
    reading, in two forms: the paper has no code, and its rule is not confirmed.

    Source: Yona et al. 2023, Contrastive Input Decoding, arXiv 2305.07378.
    """

    strength: NotNegative = 1.0
    form: Literal["ratio", "difference"] = "ratio"
    plausible: Share = 0.1

    def rule(self, model: CausalLM) -> Rule:
        """The prompt against its contrast."""
        by_ratio = self.form == "ratio"
        streams = (Stream(1 + self.strength if by_ratio else self.strength),
                   Stream(-self.strength, reads=the_contrast))  # fmt: skip
        return Rule(streams, self.plausible, combine=weighted if by_ratio else tilted)


class CFG(Sampled):
    """Classifier-free guidance: the prompt weighs more than it does by itself.

        S(v) = log p0(v) + guidance (log p(v) - log p0(v))

    p0 is after the last token of the prompt alone, or with `negative` after that text and the
    prompt; guidance 1 is the model itself.

    Source: Sanchez et al. 2023, Stay on topic, arXiv 2306.17806.
    """

    guidance: NotNegative = 1.5
    negative: str | None = None
    plausible: Share = 0.0

    def rule(self, model: CausalLM) -> Rule:
        """The prompt against none."""
        reads = the_last_token if self.negative is None else Instructed(self.negative)
        streams = (Stream(self.guidance), Stream(1 - self.guidance, reads=reads))
        return Rule(streams, self.plausible)


def tilted(log_probs: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """log p + sum_i w_i p_i: probabilities instead of their logarithms move the first stream."""
    moved = [w * x.exp() for w, x in zip(weights, log_probs, strict=True)]
    return log_probs[0] + sum(moved[1:], moved[0])


def loaded(other: Any, model: CausalLM) -> CausalLM:
    """Another model, by its folder, on the device of the first."""
    if isinstance(other, CausalLM):
        return other
    if not isinstance(other, str | Path):
        raise InputError(f"amateur: found {other!r}; expected a folder, a run or a hub id")
    return CausalLM.load(other).to(model.device)


def _layers(wanted: Any, model: CausalLM) -> tuple[int, ...]:
    config = model.model.config
    tied = bool(getattr(config, "tie_word_embeddings", False))
    return early_layers(wanted, int(config.num_hidden_layers), tied=tied)


def _under(weight: float, instruction: Any, name: str) -> Stream:
    if isinstance(instruction, Tensor):
        return Stream(weight, prefix=instruction)
    if not isinstance(instruction, str):
        raise InputError(f"{name}: found {instruction!r}; expected a text, or a tensor of vectors")
    return Stream(weight, reads=Instructed(instruction))
