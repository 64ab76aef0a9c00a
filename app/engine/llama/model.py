"""Model: the weights, loaded as a plan says; and what is true of them afterwards.

llama.cpp gives reasons only in its log, and says there alone how many layers really went to a GPU;
both are read from the lines of this load.
"""

import ctypes
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import llama_cpp.llama_cpp as llama

from app.core.models.plan import LoadPlan
from app.engine.backend import LoadFailed, LoadProgress
from app.engine.llama import library
from app.engine.llama.amx import has_amx
from app.engine.llama.devices import gpus_to_use
from app.wire.model import ModelSource

_SPLIT_MODES: Final = {
    "none": llama.LLAMA_SPLIT_MODE_NONE,
    "layer": llama.LLAMA_SPLIT_MODE_LAYER,
    "row": llama.LLAMA_SPLIT_MODE_ROW,
}

_LOAD_MODES: Final = {
    # (memory_map, memory_lock) -> llama_load_mode
    (True, False): llama.LLAMA_LOAD_MODE_AUTO,
    (True, True): llama.LLAMA_LOAD_MODE_MMAP_MLOCK,
    (False, True): llama.LLAMA_LOAD_MODE_MLOCK,
    (False, False): llama.LLAMA_LOAD_MODE_NONE,
}

_PROGRESS_STEP: Final = 0.01
"""The callback comes for each tensor; a watcher needs no finer steps."""

_OWN_MEMORY: Final = frozenset({"deepseek4", "dots3note", "qwen4exp"})
"""Windowed memories where a token cannot belong to two sequences, so that the mirrors of memory.py
are not possible; whole sequences are then copied and forgotten, as with a state."""

_OUT_OF_MEMORY: Final = re.compile(
    r"failed to allocate|unable to allocate|out of memory|bad_alloc", re.I
)
_DAMAGED: Final = re.compile(r"corrupted|incomplete|file bounds|invalid magic|failed to read", re.I)


class Model:
    """The weights of one GGUF. `handle` and `vocabulary` are pointers of llama.cpp."""

    def __init__(
        self,
        source: ModelSource,
        plan: LoadPlan,
        progress: LoadProgress,
        *,
        is_vocabulary_only: bool = False,
    ) -> None:
        """Loads; with `is_vocabulary_only` all but the weights. Raises: LoadFailed."""
        self._mark = library.tail.mark
        path = Path(source.path)
        if not path.is_file():
            raise LoadFailed(f"there is no file {source.path}", remedy="Rescan the model folders.")
        parameters, keep = _parameters(plan, progress)
        parameters.vocab_only = is_vocabulary_only
        self.handle = llama.llama_model_load_from_file(library.encode_path(str(path)), parameters)
        del keep
        if not self.handle:
            raise failure(f"{path.name} could not be loaded", self._mark)
        self.vocabulary = llama.llama_model_get_vocab(self.handle)

    # --- facts ---------------------------------------------------------------------------

    @property
    def architecture(self) -> str:
        """The architecture's word in the GGUF."""
        return self.metadata("general.architecture")

    @property
    def description(self) -> str:
        """Architecture, size and quantisation in llama.cpp's words ("llama 1B Q4_K - Medium")."""
        return _text(llama.llama_model_desc, self.handle)

    @property
    def layers(self) -> int:
        """Repeating layers; with the output layer, one more can go to a GPU."""
        return int(llama.llama_model_n_layer(self.handle))

    @property
    def chat_template(self) -> str:
        """The default template, "" where there is none."""
        template = llama.llama_model_chat_template(self.handle, None)
        return template.decode("utf-8", "replace") if template else ""

    @property
    def can_trim(self) -> bool:
        """Whether its memory may forget the end of a sequence: False where it is a state, or of a
        kind of its own. A model that is new here may still refuse; the warm-up tries."""
        is_state = llama.llama_model_is_recurrent(self.handle) or llama.llama_model_is_hybrid(
            self.handle
        )
        return not is_state and self.architecture not in _OWN_MEMORY

    @property
    def is_encoder(self) -> bool:
        """Whether it only encodes (T5 encoders), by a call of its own."""
        has_decoder = bool(llama.llama_model_has_decoder(self.handle))
        return bool(llama.llama_model_has_encoder(self.handle)) and not has_decoder

    @property
    def is_causal(self) -> bool:
        """Whether attention looks back only; encoders in the manner of BERT look both ways."""
        return self.metadata(f"{self.architecture}.attention.causal") != "false"

    @property
    def window(self) -> int:
        """Tokens that sliding-window layers see back; 0 where all layers see everything."""
        return int(llama.llama_model_n_swa(self.handle))

    @property
    def layers_offloaded(self) -> int:
        """Layers that lie on GPUs, the output layer among them."""
        for line in reversed(library.tail.since(self._mark)):
            found = re.search(r"offloaded (\d+)/\d+ layers", line)
            if found:
                return int(found[1])
        return 0

    def metadata(self, key: str) -> str:
        """A scalar of the GGUF's header as text, "" where it is missing."""
        return _text(llama.llama_model_meta_val_str, self.handle, key.encode())

    def refusal(self, plan: LoadPlan) -> str | None:
        """Why this kind of model cannot be served by this plan; None where it can."""
        if llama.llama_model_is_diffusion(self.handle):
            return f"{self.architecture} models write by diffusion, which is not supported"
        if llama.llama_model_has_encoder(self.handle) and not self.is_encoder:
            return f"{self.architecture} models translate from encoder to decoder, not supported"
        if self.metadata(f"{self.architecture}.pooling_type") == str(llama.LLAMA_POOLING_TYPE_RANK):
            return "this is a reranking model; reranking is not supported"
        if (self.is_encoder or not self.is_causal) and not plan.is_embedding:
            return "this model only makes embeddings"
        if llama.llama_vocab_type(self.vocabulary) == llama.LLAMA_VOCAB_TYPE_NONE:
            return "the file holds no vocabulary"
        return None

    def close(self) -> None:
        """Frees the weights; the context must be gone."""
        if self.handle:
            llama.llama_model_free(self.handle)
            self.handle = None


def failure(what: str, mark: int) -> LoadFailed:
    """A LoadFailed that quotes llama.cpp's own reason, from its log since `mark`."""
    lines = library.tail.since(mark, level=logging.ERROR)
    lines = lines or library.tail.since(mark, level=logging.WARNING)
    reasons = [_without_function(line) for line in lines]
    told = [
        r for r in reasons if not r.startswith(("failed to load model", "failed to initialize"))
    ]
    memory = [r for r in reasons if _OUT_OF_MEMORY.search(r)]
    reason = (memory or told or reasons or ["llama.cpp gave no reason"])[0]
    if memory:
        remedy = "Use a smaller context, fewer layers on the GPU or a smaller quantisation."
    elif _DAMAGED.search(reason):
        remedy = "Download the file again: it is damaged or incomplete."
    elif "unknown model architecture" in reason:
        remedy = "This model is newer than the llama.cpp inside; update the program."
    else:
        remedy = ""
    return LoadFailed(f"{what}: {reason}", remedy=remedy)


def _without_function(line: str) -> str:
    """The line without the names of C functions and "error loading model" before the reason."""
    return re.sub(r"^(?:[\w:<>~]+: )?(?:error loading model: )?(?:[\w:<>~]+: )?", "", line)


def _parameters(plan: LoadPlan, progress: LoadProgress) -> tuple[Any, list[object]]:
    """llama_model_params, and what must live as long as they are used."""
    parameters = llama.llama_model_default_params()
    parameters.n_gpu_layers = plan.gpu_layers
    parameters.split_mode = _SPLIT_MODES[plan.split_mode]
    parameters.main_gpu = plan.main_gpu
    parameters.load_mode = _LOAD_MODES[plan.memory_map, plan.memory_lock]
    parameters.use_extra_bufts = plan.use_extra_buffers and not has_amx()
    callback = llama.llama_progress_callback(_reporter(progress))
    parameters.progress_callback = callback
    keep: list[object] = [callback]
    if plan.gpu_layers == 0:
        # An empty list: otherwise a GPU would still compute large batches and hold buffers, and
        # the last rung of the ladder of safer plans is to leave a broken driver alone.
        keep.append(_use_devices(parameters, []))
    elif (gpus := gpus_to_use()) is not None:
        keep.append(_use_devices(parameters, gpus))
    if plan.tensor_split:
        shares = (ctypes.c_float * max(llama.llama_max_devices(), len(plan.tensor_split)))()
        shares[: len(plan.tensor_split)] = plan.tensor_split
        parameters.tensor_split = shares
        keep.append(shares)
    return parameters, keep


def _use_devices(parameters: Any, handles: list[int]) -> object:
    """Sets the GPUs of a load; the list that C reads must be kept as long."""
    pointers = (ctypes.c_void_p * (len(handles) + 1))(*handles, None)
    parameters.devices = ctypes.addressof(pointers)
    return pointers


def _reporter(progress: LoadProgress) -> Callable[[float, object], bool]:
    """A progress callback for C that passes on steps of one percent."""
    reported = -1.0

    def report(fraction: float, _user_data: object) -> bool:
        nonlocal reported
        if fraction >= reported + _PROGRESS_STEP or fraction >= 1.0:
            reported = fraction
            progress("weights", fraction)
        return True

    return report


def _text(function: Callable[..., int], handle: object, *before: object) -> str:
    """The string that a llama.cpp getter writes into a buffer, "" on failure."""
    size = 256
    while True:
        buffer = ctypes.create_string_buffer(size)
        length = function(handle, *before, buffer, size)
        if length < size:
            return buffer.value.decode("utf-8", "replace") if length > 0 else ""
        size = length + 1
