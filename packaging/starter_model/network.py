"""The network: llama's architecture, small. Shapes are (batch, tokens, ...)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers that the file's header repeats."""

    vocabulary: int = 2048
    width: int = 256
    layers: int = 6
    heads: int = 4
    feed_forward: int = 768
    context: int = 4096
    rope_base: float = 10_000.0
    norm_epsilon: float = 1e-5

    @property
    def head_width(self) -> int:
        """Of one attention head."""
        return self.width // self.heads


class Attention(nn.Module):
    """Causal self-attention with rotary positions."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.query = nn.Linear(shape.width, shape.width, bias=False)
        self.key = nn.Linear(shape.width, shape.width, bias=False)
        self.value = nn.Linear(shape.width, shape.width, bias=False)
        self.output = nn.Linear(shape.width, shape.width, bias=False)

    def forward(self, x: Tensor, turns: Tensor) -> Tensor:
        """`x` is (batch, tokens, width), `turns` (tokens, head width / 2) of complex numbers."""
        batch, tokens, width = x.shape
        split = (batch, tokens, self.heads, width // self.heads)
        query = rotated(self.query(x).view(split).transpose(1, 2), turns)
        key = rotated(self.key(x).view(split).transpose(1, 2), turns)
        value = self.value(x).view(split).transpose(1, 2)
        mixed = attended(query, key, value)
        return self.output(mixed.transpose(1, 2).reshape(batch, tokens, width))


class FeedForward(nn.Module):
    """SwiGLU."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.up = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.down = nn.Linear(shape.feed_forward, shape.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, tokens, width) to the same."""
        return self.down(functional.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    """Attention and feed-forward, each behind a norm and beside a residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        self.attention = Attention(shape)
        self.feed_forward_norm = nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        self.feed_forward = FeedForward(shape)

    def forward(self, x: Tensor, turns: Tensor) -> Tensor:
        """(batch, tokens, width) to the same."""
        x = x + self.attention(self.attention_norm(x), turns)
        return x + self.feed_forward(self.feed_forward_norm(x))


class Network(nn.Module):
    """Tokens to logits. The embedding is the output matrix too."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        self.register_buffer("turns", rotations(shape), persistent=False)
        self.apply(_initialised)
        for block in self.blocks:
            assert isinstance(block, Block)
            nn.init.zeros_(block.attention.output.weight)
            nn.init.zeros_(block.feed_forward.down.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """(batch, tokens) of ids to (batch, tokens, vocabulary) of logits."""
        assert isinstance(self.turns, Tensor)
        x = self.embedding(tokens)
        turns = self.turns[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x, turns)
        return functional.linear(self.norm(x), self.embedding.weight)


def attended(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Causal attention of (batch, heads, tokens, head width).

    Short rows are multiplied out: on the CPU that takes a third of the fused kernel's time back.
    """
    tokens = query.shape[2]
    if tokens > 512:
        return functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    scores = query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5
    future = torch.ones(tokens, tokens, dtype=torch.bool, device=scores.device).triu(1)
    return scores.masked_fill(future, float("-inf")).softmax(-1).to(value.dtype) @ value


def rotations(shape: Shape) -> Tensor:
    """(context, head width / 2) of unit complex numbers: the turn of each pair at each position."""
    exponents = torch.arange(0, shape.head_width, 2).float() / shape.head_width
    angles = torch.outer(torch.arange(shape.context).float(), shape.rope_base**-exponents)
    return torch.polar(torch.ones_like(angles), angles)


def rotated(x: Tensor, turns: Tensor) -> Tensor:
    """`x` (batch, heads, tokens, head width) with neighbouring pairs turned, as llama.cpp does."""
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * turns).flatten(-2).to(x.dtype)


def _initialised(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
