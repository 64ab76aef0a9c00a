"""Makers of tiny real GGUF files: llama, BERT and Mamba with real tokenizers and random weights.

Every file loads and runs in llama.cpp. The same options give the same bytes, so a test may state
figures; nothing is downloaded and nothing is mocked.
"""

from tests.gguf_made.bert import BertOptions, make_bert
from tests.gguf_made.llama import LlamaOptions, make_llama
from tests.gguf_made.mamba import MambaOptions, make_mamba
from tests.gguf_made.store import GgufStore

__all__ = [
    "BertOptions",
    "GgufStore",
    "LlamaOptions",
    "MambaOptions",
    "make_bert",
    "make_llama",
    "make_mamba",
]
