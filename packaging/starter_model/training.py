"""Training, on a GPU where torch finds one: Muon for the matrices, AdamW for the rest."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from starter_model.batches import Batch, batches
from starter_model.network import Network, Shape

_MUON_RATE: Final = 0.02
_ADAM_RATE: Final = 2e-3
_WARM_UP: Final = 100
_COOL_DOWN: Final = 0.35
"""This last share of the steps lowers the rates to nothing."""

_LONG_FROM: Final = 0.75
"""From here on some conversations are as long as the context."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and by what to train."""

    steps: int
    tokens: int
    """Of a step, padding included."""
    seed: int
    average: float = 0.995
    """Share of the running average of the weights that a step keeps; the average is what is
    written."""


def train(tokenizer: Tokenizer, shape: Shape, plan: Plan, keep: Path) -> Network:
    """A network trained from nothing; says each minute how far it is, keeps it now and then.

    `keep` is the file of the state; training goes on from it where there is one.
    """
    torch.manual_seed(plan.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network, averaged = Network(shape).to(device), Network(shape).to(device)
    averaged.load_state_dict(network.state_dict())
    optimisers = _optimisers(network)
    first = _restored(keep, network, averaged, optimisers)
    progress = _Progress(plan.steps, first)
    for step, batch in zip(
        range(first, plan.steps), _batches(tokenizer, plan, first), strict=False
    ):
        factor = _factor(step, plan.steps)
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["initial_lr"] * factor
        loss = _loss(network, batch)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        _average(averaged, network, min(plan.average, (step + 1) / (step + 10)))
        progress.tell(step + 1, float(loss.detach()), batch.tokens.numel())
        if (step + 1) % 200 == 0 or step + 1 == plan.steps:
            _store(keep, step + 1, network, averaged, optimisers)
    return averaged.cpu()


def load(shape: Shape, keep: Path) -> Network:
    """The averaged network of a state that `train` kept."""
    network = Network(shape)
    network.load_state_dict(torch.load(keep, weights_only=True, map_location="cpu")["averaged"])
    return network


def _batches(tokenizer: Tokenizer, plan: Plan, first: int) -> Iterator[Batch]:
    """The batches of the plan. One that goes on draws others than the first time."""
    switch = int(plan.steps * _LONG_FROM)
    short = batches(tokenizer, seed=plan.seed * 1000 + first, tokens=plan.tokens)
    for _ in range(first, switch):
        yield next(short)
    yield from batches(
        tokenizer, seed=plan.seed * 1000 + first + 1, tokens=plan.tokens, long_share=0.01
    )


def _optimisers(network: Network) -> list[torch.optim.Optimizer]:
    matrices = [each for each in network.blocks.parameters() if each.ndim == 2]
    others = [network.embedding.weight, *(p for p in network.parameters() if p.ndim == 1)]
    found: list[torch.optim.Optimizer] = [
        torch.optim.Muon(matrices, lr=_MUON_RATE, weight_decay=0.02, momentum=0.95),
        torch.optim.AdamW(others, lr=_ADAM_RATE, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    for optimiser in found:
        for group in optimiser.param_groups:
            group["initial_lr"] = group["lr"]
    return found


def _factor(step: int, steps: int) -> float:
    """Of the rates: up at first, level, down in the end."""
    left = (steps - step) / (steps * _COOL_DOWN)
    return min(1.0, (step + 1) / _WARM_UP, left)


def _loss(network: Network, batch: Batch) -> Tensor:
    device = network.embedding.weight.device
    tokens, weights = batch.tokens.to(device), batch.weights[:, 1:].flatten().to(device)
    with torch.autocast(device.type, dtype=torch.bfloat16):
        logits = network(tokens[:, :-1])
    each = functional.cross_entropy(
        logits.float().flatten(0, 1), tokens[:, 1:].flatten(), reduction="none"
    )
    return (each * weights).sum() / weights.sum()


@torch.no_grad()
def _average(averaged: Network, network: Network, keep: float) -> None:
    for kept, fresh in zip(averaged.parameters(), network.parameters(), strict=True):
        kept.lerp_(fresh, 1 - keep)


def _store(
    keep: Path,
    step: int,
    network: Network,
    averaged: Network,
    optimisers: list[torch.optim.Optimizer],
) -> None:
    state = {
        "step": step,
        "network": network.state_dict(),
        "averaged": averaged.state_dict(),
        "optimisers": [optimiser.state_dict() for optimiser in optimisers],
    }
    partial = keep.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(keep)


def _restored(
    keep: Path, network: Network, averaged: Network, optimisers: list[torch.optim.Optimizer]
) -> int:
    """The step to go on from."""
    if not keep.exists():
        return 0
    state = torch.load(keep, weights_only=True, map_location="cpu")
    network.load_state_dict(state["network"])
    averaged.load_state_dict(state["averaged"])
    for optimiser, kept in zip(optimisers, state["optimisers"], strict=True):
        optimiser.load_state_dict(kept)
    return int(state["step"])


class _Progress:
    """A line about every half minute: step, loss, speed, time left."""

    def __init__(self, steps: int, first: int) -> None:
        self._steps, self._first = steps, first
        self._began = self._told = time.monotonic()
        self._tokens, self._losses = 0, [0.0][:0]

    def tell(self, step: int, loss: float, tokens: int) -> None:
        """After each step."""
        self._tokens += tokens
        self._losses.append(loss)
        now = time.monotonic()
        if now - self._told < 30 and step < self._steps:
            return
        elapsed = now - self._began
        left = elapsed / (step - self._first) * (self._steps - step)
        mean = sum(self._losses) / len(self._losses)
        print(
            f"  step {step} of {self._steps}, loss {mean:.4f}, {self._tokens / elapsed:,.0f} "
            f"tokens/s, {left / 60:.0f} min left",
            flush=True,
        )
        self._told, self._losses = now, []
