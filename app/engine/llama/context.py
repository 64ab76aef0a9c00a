"""Context: the memory and the compute buffers of a model, and the decode call."""

import ctypes
from collections.abc import Sequence
from typing import Any, Final

import llama_cpp.llama_cpp as llama
import numpy as np

from app.core.models.plan import LoadPlan
from app.core.scheduling.lookup import outputs_max
from app.core.scheduling.step import Row
from app.engine.backend import DecodeFailed, Floats, LoadFailed
from app.engine.llama import embeddings, library, threads
from app.engine.llama.batch import Batch
from app.engine.llama.memory import Memory
from app.engine.llama.model import Model, failure

_CELL_TYPES: Final = {
    "f32": llama.GGML_TYPE_F32,
    "f16": llama.GGML_TYPE_F16,
    "bf16": 30,  # GGML_TYPE_BF16, which the bindings leave out
    "q8_0": llama.GGML_TYPE_Q8_0,
    "q5_1": llama.GGML_TYPE_Q5_1,
    "q5_0": llama.GGML_TYPE_Q5_0,
    "q4_1": llama.GGML_TYPE_Q4_1,
    "q4_0": llama.GGML_TYPE_Q4_0,
    "iq4_nl": llama.GGML_TYPE_IQ4_NL,
}

_FLASH_ATTENTION: Final = {
    "auto": llama.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "on": llama.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": llama.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}

_NO_ROOM: Final = 1
_INVALID: Final = -1
"""Return codes of llama_decode after which memory is as before; others leave what was done."""


class Context:
    """One context of a model; used by one thread, but for `logits` of a finished decode."""

    def __init__(self, model: Model, plan: LoadPlan) -> None:
        """Allocates. Raises: LoadFailed."""
        self._mark = library.tail.mark
        self.vocabulary_size = int(llama.llama_vocab_n_tokens(model.vocabulary))
        # A mirror keeps cells that slid out of a window; pointless where nothing is ever trimmed.
        window = model.window if model.can_trim and not plan.is_embedding else 0
        slots = min(plan.slots, Memory.slots_max(window))
        self.threads, self.threads_batch = threads.choose(
            plan, cores=threads.cores_allowed(), has_gpu=model.layers_offloaded > 0
        )
        parameters = self._parameters(model, plan, Memory.ids(slots, window))
        self.handle = llama.llama_init_from_model(model.handle, parameters)
        if not self.handle:
            raise failure("the context could not be made", self._mark)
        self.outputs_max = int(parameters.n_outputs_max) or self.step_tokens
        self.memory = Memory(self.handle, slots, window)
        self.can_trim = model.can_trim
        self._batch = Batch(self.step_tokens, mirror=self.memory.mirror)
        self._outputs = 0
        self._logits: Floats = np.empty((0, self.vocabulary_size), np.float32)
        self._logits_address = 0

    def _parameters(self, model: Model, plan: LoadPlan, sequences: int) -> Any:
        unknown = {plan.key_type, plan.value_type} - _CELL_TYPES.keys()
        if unknown:
            raise LoadFailed(
                f"unknown type for the KV cache: {unknown.pop()}",
                remedy=f"Use one of {', '.join(_CELL_TYPES)}.",
            )
        parameters = llama.llama_context_default_params()
        parameters.n_ctx = plan.cells
        # Two floors of llama.cpp, each an abort in C: as many outputs as sequences must fit in
        # the buffers, and these are sized by the batch.
        parameters.n_batch = max(plan.step_tokens, sequences)
        parameters.n_ubatch = plan.micro_batch
        parameters.n_seq_max = sequences
        # One pool of cells: slots do not divide the context, and a copied prefix costs nothing.
        parameters.kv_unified = True
        # A window-sized cache would lose the beginnings that sequences share (see memory.py).
        parameters.swa_full = True
        parameters.flash_attn_type = _FLASH_ATTENTION[plan.flash_attention]
        parameters.type_k = _CELL_TYPES[plan.key_type]
        parameters.type_v = _CELL_TYPES[plan.value_type]
        parameters.n_threads = self.threads
        parameters.n_threads_batch = self.threads_batch
        parameters.no_perf = True
        if plan.is_embedding:
            embeddings.adapt(parameters, model, plan)
            return parameters
        # By default a buffer for the logits of a whole batch is reserved on the device, 300 MB at a
        # vocabulary of 150,000. No step wants more rows than these.
        parameters.n_outputs_max = max(sequences, outputs_max(plan.sequences))
        return parameters

    # --- sizes as they came out ------------------------------------------------------------

    @property
    def cells(self) -> int:
        """Cells of the cache; llama.cpp rounds up to 256."""
        return int(llama.llama_n_ctx(self.handle))

    @property
    def step_tokens(self) -> int:
        """Most tokens in one decode call."""
        return int(llama.llama_n_batch(self.handle))

    @property
    def micro_batch(self) -> int:
        """Most tokens computed at a time."""
        return int(llama.llama_n_ubatch(self.handle))

    @property
    def flash_attention(self) -> str:
        """What "auto" came out as, "" where llama.cpp did not say."""
        for line in library.tail.since(self._mark):
            if "Flash Attention was auto, set to" in line:
                return "on" if line.endswith("enabled") else "off"
        return ""

    # --- computing -------------------------------------------------------------------------

    def decode(self, rows: Sequence[Row]) -> None:
        """Computes the rows in one call.

        Raises: DecodeFailed, with memory as before; in a memory that cannot forget part of a
        sequence an error of the compute backend loses the sequences of the rows.
        """
        self._outputs = 0
        outputs = self._batch.fill(rows)
        assert outputs <= self.outputs_max, f"{outputs} outputs asked, {self.outputs_max} planned"
        code = llama.llama_decode(self.handle, self._batch.struct)
        if code == 0:
            self._outputs = outputs
            self._finish()
            return
        if code not in (_NO_ROOM, _INVALID):
            for row in rows:  # some micro batches may have been done before the error
                if not self.memory.forget(row.slot, row.position):
                    self.memory.forget(row.slot, 0)
        raise DecodeFailed(f"llama_decode returned {code}", is_room=code == _NO_ROOM)

    @property
    def outputs(self) -> int:
        """Outputs of the last decode call."""
        return self._outputs

    def _finish(self) -> None:
        """Waits for the decode call and makes its logits readable by any thread."""
        if not self._outputs:
            return
        # This call waits for the device and puts the rows in order; after it, reading them
        # touches nothing of the context, which is what lets samplers run on several threads.
        pointer = llama.llama_get_logits(self.handle)
        address = ctypes.addressof(pointer.contents)
        if address != self._logits_address or self._outputs > len(self._logits):
            shape = (self._outputs, self.vocabulary_size)
            self._logits = np.ctypeslib.as_array(pointer, shape)
            self._logits_address = address

    def logits(self, index: int) -> Floats:
        """Writable view of output `index`'s logits, valid until the next decode call."""
        assert 0 <= index < self._outputs, "no such output in the last decode call"
        row: Floats = self._logits[index]
        return row

    def close(self) -> None:
        """Frees the context."""
        if self.handle:
            llama.llama_free(self.handle)
            self.handle = None
