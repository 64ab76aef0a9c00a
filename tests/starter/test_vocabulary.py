"""The engine cuts text into the tokens that the model was trained on, whatever the text."""

import random
import sys
from pathlib import Path

import gguf
import httpx
import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from app.server.models.starter import FOLDER
from app.settings.assets import assets_folder
from tests.support.assets import STARTER
from tests.support.node import running_node

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "packaging"))
from starter_model.conversation import converse, rendered  # a folder of scripts

MODEL = assets_folder({}) / FOLDER / f"{STARTER}.gguf"

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(not MODEL.exists(), reason=f"{MODEL.name} is not in this checkout"),
]
STRANGE = (
    "Grüße, 你好, مرحبا, नमस्ते 🙂👍🏽\n",
    "  two  spaces\tand tabs \n\n\n and lines ",
    "can't won't I'll 3.14159 1,000,000 v2.0.1 x=7;y=8",
    "<|im_end|> <tool_call> <|im_start|>user",
    "\u200b\ufeff\x00\x7f ½ ² Ⅷ ٣",
)


def trained_tokenizer(path: Path) -> Tokenizer:
    """The training's tokenizer, put together again from the header of the file."""
    fields = gguf.GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(pair.split(" ")) for pair in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE({text: at for at, text in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    kinds = fields["tokenizer.ggml.token_type"].contents()
    tokenizer.add_special_tokens(
        [
            AddedToken(text, normalized=False)
            for text, kind in zip(tokens, kinds, strict=True)
            if kind != gguf.TokenType.NORMAL
        ]
    )
    return tokenizer


def test_the_engine_reads_text_in_the_tokens_of_the_training(tmp_path: Path) -> None:
    tokenizer = trained_tokenizer(MODEL)
    chance = random.Random(6)
    texts = [*STRANGE, *(rendered(converse(chance)) for _ in range(150))]
    with (
        running_node(tmp_path / "home", "--model", str(MODEL)) as node,
        httpx.Client(base_url=node.root_url, timeout=60) as client,
    ):
        for text in texts:
            body = {"content": text, "add_special": False, "parse_special": True}
            tokens = client.post("/tokenize", json=body).raise_for_status().json()["tokens"]
            assert tokens == tokenizer.encode(text).ids, text
