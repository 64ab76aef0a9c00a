"""Sampler: one request's way of choosing tokens, on llama.cpp's own samplers.

Order of a chain: logit bias; penalties; DRY; top-n-sigma; top-k; typical; top-p; min-p; XTC;
temperature (dynamic when its range is past 0); the draw. That is the default order of llama.cpp's
common/sampling.cpp (0.3.36), with these differences, all on purpose:

- Temperature 0 or less takes the best token after bias, penalties and DRY. llama.cpp lets the
  truncating samplers run before, of which XTC and typical can remove the best token.
- Mirostat comes after bias, penalties and temperature; llama.cpp ignores penalties with it.
- A window of -1 for penalties or DRY is the whole context, as it was in llama.cpp until 2025 and as
  its clients still expect.
- A chain holds only the samplers that do something, which changes no result.

Penalties and DRY have seen the prompt, the others have no memory. Equal seeds draw equally: all
randomness lies in the chain.

A sampler can take up an answer that another one began: penalties and DRY see its tokens, and the
draw has been made once for each, as llama.cpp's does whatever the candidates were. Only XTC, which
draws where there is something to exclude, and mirostat, which aims by the surprise of each token,
cannot know from the tokens where they stood; both begin anew.
"""

import ctypes
import math
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import llama_cpp.llama_cpp as llama
import numpy as np

from app.engine.backend import Floats
from app.wire.engine import Sampling

DRY_KEPT: Final = 8
"""Different DRY settings whose prepared form is kept. Finding the tokens that break a repetition
takes a look at the whole vocabulary for each breaker, 0.01 to 0.2 s at 150,000 tokens."""

DryKey = tuple[float, float, int, int, tuple[bytes, ...]]
"""Multiplier, base, allowed length, window, breakers."""


class Outputs(Protocol):
    """What a sampler needs of a context."""

    handle: Any

    @property
    def outputs(self) -> int:
        """Outputs of the last decode call."""

    def logits(self, index: int) -> Floats:
        """Logits of one of them."""


class GreedySampler:
    """Takes the arg-max; holds nothing in C.

    Its bias is a few numbers in numpy: llama.cpp's own sampler for it would first copy the whole
    vocabulary into a list of candidates, 0.4 ms that a greedy answer does not need.
    """

    def __init__(self, context: Outputs, bias: dict[int, float]) -> None:
        self._context = context
        self._tokens = np.fromiter(bias, np.int64, len(bias))
        self._bias = np.fromiter(bias.values(), np.float32, len(bias))

    def choose(self, index: int) -> int:
        """The likeliest token of output `index`, the lowest id among equals."""
        logits = self._context.logits(index)
        if not len(self._tokens):
            return int(logits.argmax())
        plain = logits[self._tokens]
        logits[self._tokens] += self._bias
        token = int(logits.argmax())
        logits[self._tokens] = plain
        return token

    def close(self) -> None:
        """Nothing to free."""


class ChainSampler:
    """A chain of llama.cpp's samplers, freed by `close`."""

    def __init__(self, context: Outputs, chain: Any) -> None:
        self._context = context
        self._chain = chain

    def choose(self, index: int) -> int:
        """The next token from output `index`; the chain's memory and random state move on."""
        # llama.cpp counts outputs from the end by negative numbers, tokens of the batch by others.
        place = index - self._context.outputs
        assert place < 0
        return int(llama.llama_sampler_sample(self._chain, self._context.handle, place))

    def close(self) -> None:
        """Frees the chain and its samplers."""
        if self._chain:
            llama.llama_sampler_free(self._chain)
            self._chain = None


class SamplerMaker:
    """Makes the samplers of one model's requests."""

    def __init__(
        self, context: Outputs, vocabulary: Any, *, window_max: int, ends: Sequence[int]
    ) -> None:
        """`window_max` bounds how far penalties look back; `ends` are silenced by ignore_eos."""
        self._context = context
        self._vocabulary = vocabulary
        self._size = int(llama.llama_vocab_n_tokens(vocabulary))
        self._window_max = window_max
        self._ends = ends
        self._suppressed = _suppressed(vocabulary)
        self._dry: dict[DryKey, Any] = {}
        self._dry_lock = threading.Lock()

    def ready_for(self, sampling: Sampling) -> None:
        """Prepare DRY's breakers, which can take seconds; on any thread."""
        key = self._dry_key(sampling)
        if key is not None:
            self._prepare_dry(key)

    def make(
        self, sampling: Sampling, prompt: Sequence[int], answered: Sequence[int] = ()
    ) -> GreedySampler | ChainSampler:
        """A sampler that has seen `prompt` and chosen `answered`."""
        bias, before = self._bias(sampling), self._before(sampling, [*prompt, *answered])
        is_greedy = sampling.temperature <= 0
        if is_greedy and not before:
            return GreedySampler(self._context, bias)
        after = [llama.llama_sampler_init_greedy()] if is_greedy else self._after(sampling)
        if not is_greedy and sampling.mirostat not in (1, 2):
            _draw(after[-1], times=len(answered))
        settings = llama.llama_sampler_chain_default_params()
        settings.no_perf = True
        chain = llama.llama_sampler_chain_init(settings)
        for sampler in [*self._bias_samplers(bias), *before, *after]:
            llama.llama_sampler_chain_add(chain, sampler)
        return ChainSampler(self._context, chain)

    def close(self) -> None:
        """Frees what is kept for the next request."""
        with self._dry_lock:
            for sampler in self._dry.values():
                llama.llama_sampler_free(sampler)
            self._dry.clear()

    # --- what changes logits for reasons of the text so far -------------------------------

    def _before(self, sampling: Sampling, prompt: Sequence[int]) -> list[Any]:
        found = (self._penalties(sampling, prompt), self._dry_sampler(sampling, prompt))
        return [sampler for sampler in found if sampler is not None]

    def _bias(self, sampling: Sampling) -> dict[int, float]:
        """What is added to the logits of which tokens."""
        added: dict[int, float] = {}
        for token, bias in sampling.logit_bias:
            if 0 <= token < self._size:
                added[token] = added.get(token, 0.0) + bias
        added |= dict.fromkeys(self._suppressed, -math.inf)
        if sampling.ignore_eos:
            added |= dict.fromkeys(self._ends, -math.inf)
        return added

    def _bias_samplers(self, bias: dict[int, float]) -> list[Any]:
        if not bias:
            return []
        array = (llama.llama_logit_bias * len(bias))(*bias.items())
        return [llama.llama_sampler_init_logit_bias(self._size, len(bias), array)]

    def _window(self, last_n: int) -> int:
        return self._window_max if last_n < 0 else min(last_n, self._window_max)

    def _penalties(self, sampling: Sampling, prompt: Sequence[int]) -> Any:
        window = self._window(sampling.repeat_last_n)
        strengths = (
            sampling.repeat_penalty,
            sampling.frequency_penalty,
            sampling.presence_penalty,
        )
        if window == 0 or strengths == (1.0, 0.0, 0.0):
            return None
        sampler = llama.llama_sampler_init_penalties(self._size, window, *strengths)
        return _having_seen(sampler, prompt, window)

    def _dry_sampler(self, sampling: Sampling, prompt: Sequence[int]) -> Any:
        key = self._dry_key(sampling)
        if key is None:
            return None
        while True:
            with self._dry_lock:
                if key in self._dry:
                    dry = llama.llama_sampler_clone(self._dry[key])
                    return _having_seen(dry, prompt, key[3])
            self._prepare_dry(key)

    def _dry_key(self, sampling: Sampling) -> DryKey | None:
        """What DRY is prepared by; None where it does nothing."""
        is_mirostat = sampling.mirostat in (1, 2) and sampling.temperature > 0
        window = self._window(sampling.dry_penalty_last_n)
        if sampling.dry_multiplier == 0 or sampling.dry_base < 1 or window == 0 or is_mirostat:
            return None
        return (
            sampling.dry_multiplier,
            sampling.dry_base,
            sampling.dry_allowed_length,
            window,
            tuple(breaker.encode(errors="replace") for breaker in sampling.dry_sequence_breakers),
        )

    def _prepare_dry(self, key: DryKey) -> None:
        """Keep the prepared form of `key`. The lock is not held while it is made."""
        with self._dry_lock:
            if key in self._dry:
                return
        breakers = key[4]
        texts = (ctypes.c_char_p * len(breakers))(*breakers)
        made = llama.llama_sampler_init_dry(self._vocabulary, *key[:4], texts, len(breakers))
        with self._dry_lock:
            if key in self._dry:
                llama.llama_sampler_free(made)  # another thread was faster
                return
            if len(self._dry) == DRY_KEPT:
                llama.llama_sampler_free(self._dry.pop(next(iter(self._dry))))
            self._dry[key] = made

    # --- what narrows and draws --------------------------------------------------------------

    def _after(self, sampling: Sampling) -> list[Any]:
        seed = _seed(sampling.seed)
        if sampling.mirostat == 1:
            tau, eta = sampling.mirostat_tau, sampling.mirostat_eta
            draw = llama.llama_sampler_init_mirostat(self._size, seed, tau, eta, 100)
            return [llama.llama_sampler_init_temp(sampling.temperature), draw]
        if sampling.mirostat == 2:
            tau, eta = sampling.mirostat_tau, sampling.mirostat_eta
            draw = llama.llama_sampler_init_mirostat_v2(seed, tau, eta)
            return [llama.llama_sampler_init_temp(sampling.temperature), draw]
        makers = _truncations(sampling, seed)
        return [make() for is_used, make in makers if is_used] + [
            llama.llama_sampler_init_temp_ext(
                sampling.temperature, sampling.dynatemp_range, sampling.dynatemp_exponent
            ),
            llama.llama_sampler_init_dist(seed),
        ]


def _truncations(s: Sampling, seed: int) -> list[tuple[bool, Callable[[], Any]]]:
    """The narrowing samplers in order, each with whether it does anything."""
    keep = max(s.min_keep, 0)
    return [
        (s.top_n_sigma > 0, lambda: llama.llama_sampler_init_top_n_sigma(s.top_n_sigma)),
        (s.top_k > 0, lambda: llama.llama_sampler_init_top_k(s.top_k)),
        (s.typical_p < 1, lambda: llama.llama_sampler_init_typical(s.typical_p, keep)),
        (s.top_p < 1, lambda: llama.llama_sampler_init_top_p(s.top_p, keep)),
        (s.min_p > 0, lambda: llama.llama_sampler_init_min_p(s.min_p, keep)),
        (
            s.xtc_probability > 0,
            lambda: llama.llama_sampler_init_xtc(s.xtc_probability, s.xtc_threshold, keep, seed),
        ),
    ]


def _seed(seed: int | None) -> int:
    """A seed for C: 32 bits. llama.cpp's own word for "draw one" must not come from a number."""
    if seed is None:
        return int(llama.LLAMA_DEFAULT_SEED)
    folded = seed & 0xFFFFFFFF
    return folded if folded != llama.LLAMA_DEFAULT_SEED else folded - 1


def _having_seen(sampler: Any, prompt: Sequence[int], window: int) -> Any:
    for token in prompt[-window:]:
        llama.llama_sampler_accept(sampler, token)
    return sampler


def _draw(sampler: Any, *, times: int) -> None:
    """Let the last sampler of a chain draw so often; from one candidate, which is as good as many.

    Source: llama_sampler_dist_apply in llama-sampler.cpp (0.3.36), "draws once per output".
    """
    only = llama.llama_token_data(id=0, logit=0.0, p=1.0)
    for _ in range(times):
        candidates = llama.llama_token_data_array(
            data=ctypes.pointer(only), size=1, selected=-1, sorted=False
        )
        llama.llama_sampler_apply(sampler, ctypes.byref(candidates))


def _suppressed(vocabulary: Any) -> list[int]:
    """Tokens that the model's header says it must never say."""
    count = ctypes.c_int32()
    tokens = llama.llama_vocab_get_suppress_tokens(vocabulary, ctypes.byref(count))
    return list(tokens[: count.value]) if count.value else []
