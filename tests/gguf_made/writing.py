"""Writing a GGUF: tokenizer keys, and random tensors of a chosen type."""

from pathlib import Path
from typing import Literal

import gguf
import numpy as np
from numpy.typing import NDArray

from tests.gguf_made.tokenizer import END_OF_TEXT, TURN_END, Tokenizer

WeightType = Literal["F32", "F16", "BF16", "Q8_0", "Q4_0"]

_FILE_TYPES = {
    "F32": gguf.LlamaFileType.ALL_F32,
    "F16": gguf.LlamaFileType.MOSTLY_F16,
    "BF16": gguf.LlamaFileType.MOSTLY_BF16,
    "Q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
    "Q4_0": gguf.LlamaFileType.MOSTLY_Q4_0,
}


class Weights:
    """Adds tensors to a writer; all randomness comes from `seed`, in the order of the calls."""

    def __init__(self, writer: gguf.GGUFWriter, kind: WeightType, seed: int) -> None:
        self._writer = writer
        self._kind = gguf.GGMLQuantizationType[kind]
        self._rng = np.random.default_rng(seed)
        writer.add_file_type(_FILE_TYPES[kind])
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)

    def normal(self, rows: int, columns: int, scale: float) -> NDArray[np.float32]:
        """A matrix of independent draws with standard deviation `scale`."""
        return (self._rng.standard_normal((rows, columns)) * scale).astype(np.float32)

    def matrix(self, name: str, rows: int, columns: int, *, gain: float = 1.0) -> None:
        """A random matrix that keeps the size of what it multiplies, times `gain`."""
        self.add(name, self.normal(rows, columns, gain / np.sqrt(columns)))

    def add(self, name: str, values: NDArray[np.float32]) -> None:
        """`values` under `name`, in the file's weight type."""
        packed = gguf.quants.quantize(values, self._kind)
        self._writer.add_tensor(name, packed, raw_dtype=self._kind)

    def exact(self, name: str, values: NDArray[np.float32]) -> None:
        """`values` under `name`, always float32 (norms, biases, states)."""
        self._writer.add_tensor(name, values.astype(np.float32))

    def ones(self, name: str, size: int) -> None:
        """A norm's weight."""
        self.exact(name, np.ones(size, np.float32))

    def zeros(self, name: str, size: int) -> None:
        """A bias."""
        self.exact(name, np.zeros(size, np.float32))


def add_text_tokenizer(
    writer: gguf.GGUFWriter,
    tokenizer: Tokenizer,
    *,
    add_bos: bool,
    pre_tokenizer: str = "gpt-2",
    space_prefix: bool = False,
) -> None:
    """The keys of a byte-level or sentencepiece vocabulary."""
    writer.add_tokenizer_model(tokenizer.model)
    writer.add_token_list(tokenizer.tokens)
    writer.add_token_types(tokenizer.types)
    if tokenizer.model == "gpt2":
        writer.add_tokenizer_pre(pre_tokenizer)
        writer.add_token_merges(tokenizer.merges)
        writer.add_bos_token_id(tokenizer.id(END_OF_TEXT))
        writer.add_pad_token_id(tokenizer.id(END_OF_TEXT))
    else:
        writer.add_tokenizer_pre("default")
        writer.add_token_scores(tokenizer.scores)
        writer.add_bos_token_id(tokenizer.id("<s>"))
        writer.add_unk_token_id(tokenizer.id("<unk>"))
        writer.add_add_space_prefix(space_prefix)
    writer.add_eos_token_id(tokenizer.id(TURN_END))
    writer.add_add_bos_token(add_bos)
    writer.add_add_eos_token(False)


def write(writer: gguf.GGUFWriter, path: Path) -> Path:
    """All to disk; `path`, or the first shard where the writer splits."""
    writer.write_header_to_file(path)
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    if path.exists():
        return path
    shards = sorted(path.parent.glob(f"{path.stem}-*-of-*.gguf"))
    return shards[0]
