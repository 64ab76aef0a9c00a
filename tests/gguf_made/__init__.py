"""Makers of tiny real GGUF files of five architectures: real tokenizers, random weights.

Every file loads and runs in llama.cpp. The same options give the same bytes, so a test may state
figures; nothing is downloaded and nothing is mocked.
"""

from tests.gguf_made.bert import BertOptions, make_bert
from tests.gguf_made.hybrid import HybridOptions, make_hybrid
from tests.gguf_made.llama import EXACT, EXACT_PLAN, LlamaOptions, make_llama
from tests.gguf_made.mamba import MambaOptions, make_mamba
from tests.gguf_made.store import GgufStore
from tests.gguf_made.windowed import WindowedOptions, make_windowed

__all__ = [
    "EXACT",
    "EXACT_PLAN",
    "BertOptions",
    "GgufStore",
    "HybridOptions",
    "LlamaOptions",
    "MambaOptions",
    "WindowedOptions",
    "make_bert",
    "make_hybrid",
    "make_llama",
    "make_mamba",
    "make_windowed",
]
