"""Backend: llama.cpp behind the engine's contract (engine/backend.py)."""

import time
from collections.abc import Sequence
from typing import Final

import llama_cpp.llama_cpp as llama
import msgspec

from app.core.base.errors import Unsupported
from app.core.base.ids import Slot
from app.core.models.plan import LoadPlan
from app.core.scheduling.step import Move, Row
from app.engine.backend import DecodeFailed, Floats, LoadFailed, LoadProgress, Sampler
from app.engine.llama import library
from app.engine.llama.amx import has_amx
from app.engine.llama.context import Context
from app.engine.llama.devices import list_devices
from app.engine.llama.embeddings import Embedder
from app.engine.llama.model import Model
from app.engine.llama.sampler import SamplerMaker
from app.engine.llama.vocabulary import LlamaVocabulary
from app.wire.engine import Sampling
from app.wire.model import ModelFacts, ModelSource

WARM_UP_TOKENS: Final = 16
"""Enough for the kernels of prefill to be chosen, which differ from those of decode."""


def load(source: ModelSource, plan: LoadPlan, progress: LoadProgress) -> "LlamaBackend":
    """The model of `source`, ready to serve; a `backend.Loader`. Raises: LoadFailed."""
    begun = time.monotonic()
    progress("library", 0.0)
    try:
        library.start()
    except RuntimeError as error:
        raise LoadFailed(str(error), remedy="Install the program again.") from error
    model = Model(source, plan, progress)
    refusal = model.refusal(plan)
    if refusal is not None:
        model.close()
        raise LoadFailed(refusal)
    try:
        progress("context", 0.0)
        context = Context(model, plan)
    except LoadFailed:
        model.close()
        raise
    backend = LlamaBackend(model, context, plan)
    try:
        progress("warmup", 0.0)
        backend.warm_up()
    except DecodeFailed as error:
        backend.close()
        raise LoadFailed(
            f"the first computation failed: {error}",
            remedy="Use a smaller context or fewer layers on the GPU.",
        ) from error
    backend.facts = backend.learn_facts(time.monotonic() - begun)
    return backend


class LlamaBackend:
    """A loaded model with its memory. One thread, but for vocabulary and samplers."""

    facts: ModelFacts

    def __init__(self, model: Model, context: Context, plan: LoadPlan) -> None:
        self._model = model
        self._context = context
        self._plan = plan
        self.vocabulary = LlamaVocabulary(model.vocabulary)
        self._samplers = SamplerMaker(
            context,
            model.vocabulary,
            window_max=min(plan.context, context.cells),
            ends=self.vocabulary.ends,
        )
        slots = context.memory.slots
        self._embedder = Embedder(context.handle, model, plan, slots) if plan.is_embedding else None

    # --- the contract ------------------------------------------------------------------------

    def move(self, move: Move) -> None:
        """Change the memory. Raises KeyError for an unknown key."""
        self._context.memory.move(move)

    def state_bytes(self, slot: int) -> int:
        """What saving the slot would take in RAM."""
        return self._context.memory.state_bytes(slot)

    def decode(self, rows: Sequence[Row]) -> None:
        """Compute the rows in one call. Raises: DecodeFailed."""
        self._context.decode(rows)

    def logits(self, index: int) -> Floats:
        """Writable view of output `index`'s logits; valid until the next decode."""
        return self._context.logits(index)

    def ready_for(self, sampling: Sampling) -> None:
        """Prepare what takes long of a sampler."""
        self._samplers.ready_for(sampling)

    def sampler(
        self, sampling: Sampling, prompt: Sequence[int], answered: Sequence[int] = ()
    ) -> Sampler:
        """A sampler that has seen `prompt` and chosen `answered`."""
        return self._samplers.make(sampling, prompt, answered)

    def embed(self, batch: Sequence[Sequence[int]]) -> Floats:
        """Pooled vectors, shape (len(batch), embedding_length), not normalised.

        Raises: Unsupported for a model that was not loaded for it, ContextExceeded, RequestError,
        DecodeFailed.
        """
        if self._embedder is None:
            raise Unsupported("this model is not loaded for embeddings")
        return self._embedder.embed(batch)

    def close(self) -> None:
        """Free context and model."""
        self._samplers.close()
        self._context.close()
        self._model.close()

    # --- loading -----------------------------------------------------------------------------

    def warm_up(self) -> None:
        """Computes once, so that the first request does not pay for what is done lazily.

        It also tries what no header tells: whether this memory can forget the end of a sequence.
        Raises: DecodeFailed.
        """
        first = max(llama.llama_vocab_bos(self._model.vocabulary), 0)
        if self._embedder is not None:
            self._embedder.embed([[first]])
            return
        context, memory, slot = self._context, self._context.memory, Slot(0)
        prompt = [first] * min(WARM_UP_TOKENS, context.step_tokens - 1)
        context.decode([Row(0, slot, 0, prompt, logits=1)])
        context.decode([Row(0, slot, len(prompt), [first], logits=1)])
        context.can_trim = context.can_trim and memory.forget(slot, len(prompt))
        memory.forget(slot, 0)

    def learn_facts(self, load_seconds: float) -> ModelFacts:
        """What is true of the loaded model and of the plan as it was carried out."""
        model, context = self._model, self._context
        return ModelFacts(
            architecture=model.architecture,
            description=model.description,
            parameters=int(llama.llama_model_n_params(model.handle)),
            size_bytes=int(llama.llama_model_size(model.handle)),
            vocabulary=self.vocabulary.size,
            vocabulary_type=int(llama.llama_vocab_type(model.vocabulary)),
            embedding_length=int(llama.llama_model_n_embd_out(model.handle)),
            context_trained=int(llama.llama_model_n_ctx_train(model.handle)),
            layers=model.layers,
            plan=self._plan_done(),
            can_trim=context.can_trim,
            capabilities=self._capabilities(),
            chat_template=model.chat_template,
            devices=tuple(list_devices()),
            pooling=self._embedder.pooling if self._embedder else "",
            load_seconds=load_seconds,
        )

    def _plan_done(self) -> LoadPlan:
        context, plan = self._context, self._plan
        longest = self._embedder.longest if self._embedder else plan.context
        return msgspec.structs.replace(
            plan,
            context=min(longest, context.cells),
            cells=context.cells,
            slots=context.memory.slots,
            step_tokens=min(plan.step_tokens, context.step_tokens),
            micro_batch=context.micro_batch,
            gpu_layers=self._model.layers_offloaded,
            use_extra_buffers=plan.use_extra_buffers and not has_amx(),
            flash_attention=context.flash_attention or plan.flash_attention,
            threads=context.threads,
            threads_batch=context.threads_batch,
        )

    def _capabilities(self) -> tuple[str, ...]:
        if self._embedder is not None:
            return ("embedding",)
        found = ["completion"]
        if self._model.chat_template:
            found.append("chat")
        if self.vocabulary.infill is not None:
            found.append("infill")
        return tuple(found)
