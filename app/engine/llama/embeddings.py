"""Embeddings: pooled vectors of whole inputs, many inputs in one call.

An encoder looks both ways, so an input must lie within one micro batch; and pooling is per micro
batch, so that holds for causal embedders as well. A context for embeddings therefore has micro
batches as large as its longest input.
"""

from collections.abc import Sequence
from typing import Any, Final

import llama_cpp.llama_cpp as llama
import numpy as np

from app.core.base.errors import LOAD_LARGER, ContextExceeded, RequestError, Unsupported
from app.core.base.ids import Slot
from app.core.models.plan import LoadPlan
from app.core.scheduling.step import Row
from app.engine.backend import DecodeFailed, Floats
from app.engine.llama.batch import Batch
from app.engine.llama.model import Model

_POOLINGS: Final = {
    llama.LLAMA_POOLING_TYPE_MEAN: "mean",
    llama.LLAMA_POOLING_TYPE_CLS: "cls",
    llama.LLAMA_POOLING_TYPE_LAST: "last",
}


def adapt(parameters: Any, model: Model, plan: LoadPlan) -> None:
    """Changes the parameters of a context into one for embeddings."""
    longest = longest_input(model, plan)
    parameters.embeddings = True
    # When it measures its buffers llama.cpp rounds the tokens up to a multiple of the sequences,
    # but not the outputs, and aborts where they differ; so the size is such a multiple already.
    sequences = parameters.n_seq_max
    size = max(parameters.n_batch, plan.micro_batch, longest)
    parameters.n_batch = -(-size // sequences) * sequences
    parameters.n_ubatch = parameters.n_batch
    parameters.n_ctx = parameters.n_batch  # each call begins with an empty memory
    if model.metadata(f"{model.architecture}.pooling_type") in ("", "0"):
        # The header leaves it open. A causal model has seen all of the input at its last token;
        # an encoder's tokens are equals, and their mean is what such models are trained with.
        parameters.pooling_type = (
            llama.LLAMA_POOLING_TYPE_LAST if model.is_causal else llama.LLAMA_POOLING_TYPE_MEAN
        )


def longest_input(model: Model, plan: LoadPlan) -> int:
    """Tokens of the longest input: past what it was trained with an encoder has no positions."""
    return min(plan.context, int(llama.llama_model_n_ctx_train(model.handle)))


class Embedder:
    """Computes vectors on a context that `adapt` has shaped."""

    def __init__(self, handle: Any, model: Model, plan: LoadPlan, sequences: int) -> None:
        self.width = int(llama.llama_model_n_embd_out(model.handle))
        self.pooling = _POOLINGS.get(llama.llama_pooling_type(handle), "")
        self.longest = longest_input(model, plan)
        self._handle = handle
        self._sequences = sequences
        self._batch = Batch(int(llama.llama_n_ubatch(handle)))
        self._compute = llama.llama_encode if model.is_encoder else llama.llama_decode
        self._memory = llama.llama_get_memory(handle)

    def embed(self, inputs: Sequence[Sequence[int]]) -> Floats:
        """Pooled vectors, shape (len(inputs), width), as the model gives them (not normalised).

        Raises: ContextExceeded, RequestError for an empty input, DecodeFailed.
        """
        for tokens in inputs:
            if not tokens:
                raise RequestError("an input is empty", field="input")
            if len(tokens) > self.longest:
                raise ContextExceeded(
                    prompt_tokens=len(tokens),
                    context=self.longest,
                    field="input",
                    remedy=LOAD_LARGER,
                )
        vectors = np.empty((len(inputs), self.width), np.float32)
        done = 0
        while done < len(inputs):
            rows = self._next_rows(inputs, done)
            self._compute_rows(rows, vectors[done : done + len(rows)])
            done += len(rows)
        return vectors

    def _next_rows(self, inputs: Sequence[Sequence[int]], start: int) -> list[Row]:
        """As many inputs from `start` on as one call takes."""
        rows: list[Row] = []
        room = self._batch.size
        for tokens in inputs[start : start + self._sequences]:
            if len(tokens) > room:
                break
            room -= len(tokens)
            slot = len(rows)
            rows.append(Row(slot, Slot(slot), 0, list(tokens), logits=len(tokens)))
        return rows

    def _compute_rows(self, rows: list[Row], vectors: Floats) -> None:
        if self._memory is not None:
            llama.llama_memory_clear(self._memory, False)
        self._batch.fill(rows)
        code = self._compute(self._handle, self._batch.struct)
        if code:
            raise DecodeFailed(f"computing embeddings returned {code}", is_room=code == 1)
        for index, row in enumerate(rows):
            pointer = llama.llama_get_embeddings_seq(self._handle, row.slot)
            if not pointer:
                raise Unsupported("the model gave no pooled vector")
            vectors[index] = np.ctypeslib.as_array(pointer, (self.width,))
