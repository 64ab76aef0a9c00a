"""A folder of made GGUFs: each set of options is written once."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tests.gguf_made.bert import BertOptions, make_bert
from tests.gguf_made.hybrid import HybridOptions, make_hybrid
from tests.gguf_made.llama import LlamaOptions, make_llama
from tests.gguf_made.mamba import MambaOptions, make_mamba
from tests.gguf_made.windowed import WindowedOptions, make_windowed

Options = TypeVar(
    "Options", LlamaOptions, BertOptions, MambaOptions, WindowedOptions, HybridOptions
)


class GgufStore:
    """Makers with a memory. Files are shared by all who ask: read them, do not change them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: dict[object, Path] = {}

    def llama(self, options: LlamaOptions | None = None) -> Path:
        """Path of a llama model."""
        return self._ensure("llama", options or LlamaOptions(), make_llama)

    def bert(self, options: BertOptions | None = None) -> Path:
        """Path of a BERT embedder."""
        return self._ensure("bert", options or BertOptions(), make_bert)

    def mamba(self, options: MambaOptions | None = None) -> Path:
        """Path of a recurrent model."""
        return self._ensure("mamba", options or MambaOptions(), make_mamba)

    def windowed(self, options: WindowedOptions | None = None) -> Path:
        """Path of a model with sliding-window layers."""
        return self._ensure("windowed", options or WindowedOptions(), make_windowed)

    def hybrid(self, options: HybridOptions | None = None) -> Path:
        """Path of a model that is part recurrent, part attention."""
        return self._ensure("hybrid", options or HybridOptions(), make_hybrid)

    def _ensure(self, kind: str, options: Options, make: Callable[[Path, Options], Path]) -> Path:
        if options not in self._made:
            digest = hashlib.sha256(repr(options).encode()).hexdigest()[:12]
            self._made[options] = make(self.folder / f"{kind}-{digest}.gguf", options)
        return self._made[options]
