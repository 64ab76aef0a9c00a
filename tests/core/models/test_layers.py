"""Memory of known architectures, by their published shapes, and how cards are made of headers."""

from collections.abc import Mapping

import pytest

from app.core.base.errors import ModelFileInvalid
from app.core.models.card import ModelCard
from app.core.models.describe import card_of
from app.core.models.header import Counted, Header, TensorEntry, Value
from app.core.models.quant import NUMBER_TYPES, quantisation, smaller_recipe


def header(architecture: str, layers: int, facts: Mapping[str, Value]) -> Header:
    """A model of that shape; `facts` are keys below the architecture's, or whole ones."""
    metadata: dict[str, Value] = {
        "general.architecture": architecture,
        f"{architecture}.block_count": layers,
        f"{architecture}.context_length": 4096,
        f"{architecture}.embedding_length": 4096,
        "tokenizer.ggml.tokens": Counted(1000),
    }
    for key, fact in facts.items():
        whole = key.startswith(("general.", "tokenizer."))
        metadata[key if whole else f"{architecture}.{key}"] = fact
    tensors = (
        TensorEntry("token_embd.weight", 12, 4096, 2304),
        *(TensorEntry(f"blk.{index}.attn_q.weight", 12, 4096, 2304) for index in range(layers)),
        TensorEntry("output.weight", 14, 4096, 3360),
    )
    return Header("m.gguf", 10_000, metadata, tensors)


def card(architecture: str, layers: int, **facts: Value) -> ModelCard:
    keyed = {key.replace("__", "."): fact for key, fact in facts.items()}
    return card_of([header(architecture, layers, keyed)])


def every(count: int, interval: int, value: int) -> tuple[int, ...]:
    return tuple(value if (index + 1) % interval == 0 else 0 for index in range(count))


# --- known models ----------------------------------------------------------------------------

KNOWN = {
    "Llama 3 8B": (
        card("llama", 32, attention__head_count=32, attention__head_count_kv=8),
        131_072,
    ),
    "Llama 2 7B, without grouping": (card("llama", 32, attention__head_count=32), 524_288),
    "Qwen 3 8B": (
        card(
            "qwen3",
            36,
            attention__head_count=32,
            attention__head_count_kv=8,
            attention__key_length=128,
            attention__value_length=128,
        ),
        147_456,
    ),
    "DeepSeek V3, compressed": (
        card(
            "deepseek2",
            61,
            attention__head_count=128,
            attention__head_count_kv=1,
            attention__key_length=576,
            attention__value_length=512,
            attention__key_length_mla=192,
            attention__value_length_mla=128,
        ),
        61 * 576 * 2,
    ),
    "DeepSeek V2, uncompressed": (
        card(
            "deepseek2",
            27,
            attention__head_count=16,
            attention__head_count_kv=16,
            attention__key_length=192,
            attention__value_length=128,
        ),
        27 * 16 * (192 + 128) * 2,
    ),
    "heads layer by layer": (
        card("openelm", 3, attention__head_count=(32, 16, 8), attention__head_count_kv=(8, 4, 2)),
        14 * 2 * 128 * 2,
    ),
    "GLM 4.5 with a layer that predicts": (
        card(
            "glm4moe",
            47,
            nextn_predict_layers=1,
            attention__head_count=32,
            attention__head_count_kv=8,
        ),
        46 * 8 * 2 * 128 * 2,
    ),
    "Gemma 4, windows with narrower heads": (
        card(
            "gemma4",
            4,
            attention__head_count=8,
            attention__head_count_kv=2,
            attention__key_length=512,
            attention__value_length=512,
            attention__key_length_swa=256,
            attention__value_length_swa=256,
            attention__sliding_window=1024,
            attention__sliding_window_pattern=(True, True, True, False),
        ),
        2 * 2 * (3 * 256 + 512) * 2,
    ),
    "Gemma 4, later layers reuse": (
        card(
            "gemma4",
            4,
            attention__head_count=8,
            attention__head_count_kv=2,
            attention__key_length=256,
            attention__value_length=256,
            attention__shared_kv_layers=2,
        ),
        2 * 2 * 2 * 256 * 2,
    ),
    "Gemma 3n, later layers reuse": (
        card("gemma3n", 30, attention__head_count=32, attention__head_count_kv=2),
        20 * 2 * 2 * 128 * 2,
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_the_cache_of_a_known_model_takes_the_known_bytes_a_token(name: str) -> None:
    model, expected = KNOWN[name]

    assert model.kv_bytes_per_token() == expected
    assert not model.has_state


STATES = {
    "Mamba": (
        card("mamba", 2, ssm__conv_kernel=4, ssm__inner_size=8192, ssm__state_size=16),
        2 * (3 * 8192 + 16 * 8192),
        0,
    ),
    "Mamba 2": (
        card(
            "mamba2",
            2,
            ssm__conv_kernel=4,
            ssm__inner_size=8192,
            ssm__state_size=128,
            ssm__group_count=8,
        ),
        2 * (3 * (8192 + 2 * 8 * 128) + 128 * 8192),
        0,
    ),
    "RWKV 7": (card("rwkv7", 3, wkv__head_size=64), 3 * (2 * 4096 + 4096 * 64), 0),
    "RWKV 6, other shift": (
        card("rwkv6qwen2", 3, wkv__head_size=64, token_shift_count=1),
        3 * (4096 + 4096 * 64),
        0,
    ),
    "Jamba": (
        card(
            "jamba",
            8,
            ssm__conv_kernel=4,
            ssm__inner_size=8192,
            ssm__state_size=16,
            attention__head_count=32,
            attention__head_count_kv=every(8, 8, 8),
        ),
        7 * (3 * 8192 + 16 * 8192),
        1 * 8 * 2 * 128,
    ),
    "Nemotron H, with layers that only feed forward": (
        card(
            "nemotron_h",
            4,
            ssm__conv_kernel=4,
            ssm__inner_size=8192,
            ssm__state_size=16,
            attention__head_count=32,
            attention__head_count_kv=(0, 0, 8, 0),
            feed_forward_length=(0, 9000, 0, 0),
        ),
        2 * (3 * 8192 + 16 * 8192),
        8 * 2 * 128,
    ),
    "Qwen 3 Next, every fourth attends": (
        card(
            "qwen3next",
            8,
            ssm__conv_kernel=4,
            ssm__inner_size=4096,
            ssm__state_size=128,
            ssm__group_count=16,
            attention__head_count=16,
            attention__head_count_kv=2,
            attention__key_length=256,
            attention__value_length=256,
        ),
        6 * (3 * (4096 + 2 * 16 * 128) + 128 * 4096),
        2 * 2 * 2 * 256,
    ),
    "Qwen 3.5, layers listed": (
        card(
            "qwen35",
            2,
            ssm__conv_kernel=4,
            ssm__inner_size=4096,
            ssm__state_size=128,
            attention__recurrent_layers=(True, False),
            attention__head_count=16,
            attention__head_count_kv=2,
        ),
        3 * 4096 + 128 * 4096,
        2 * 2 * 256,
    ),
    "Falcon H1, both in each layer": (
        card(
            "falcon-h1",
            2,
            ssm__conv_kernel=4,
            ssm__inner_size=4096,
            ssm__state_size=64,
            attention__head_count=32,
            attention__head_count_kv=8,
        ),
        2 * (3 * 4096 + 64 * 4096),
        2 * 8 * 2 * 128,
    ),
    "LFM 2": (
        card(
            "lfm2",
            2,
            shortconv__l_cache=3,
            attention__head_count=32,
            attention__head_count_kv=(0, 8),
        ),
        2 * 4096,
        8 * 2 * 128,
    ),
    "Kimi Linear": (
        card(
            "kimi-linear",
            2,
            ssm__conv_kernel=4,
            kda__head_dim=128,
            attention__head_count=32,
            attention__head_count_kv=(0, 1),
            attention__key_length=576,
            attention__key_length_mla=192,
            attention__value_length_mla=128,
        ),
        3 * 3 * 32 * 128 + 128 * 128 * 32,
        576,
    ),
    "MiniMax 01": (
        card("minimax-01", 8, attention__head_count=32, attention__key_length=128),
        7 * 128 * 128 * 32,
        32 * 2 * 128,
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_the_state_of_a_known_recurrent_model_takes_the_known_numbers(name: str) -> None:
    model, state, kept = STATES[name]

    assert model.state_bytes == 4 * state
    assert model.kv_bytes_per_token("f16", "f16") == 2 * kept
    assert model.has_state
    assert model.is_recurrent == (kept == 0)


def test_an_encoder_keeps_nothing_and_is_not_causal() -> None:
    model = card("bert", 2, attention__head_count=12)

    assert model.kv_bytes_per_token() == 0
    assert model.is_embedding
    assert not model.is_causal


def test_a_writer_by_diffusion_is_no_embedder() -> None:
    assert not card("llada", 2, attention__head_count=12).is_embedding


def test_quantised_caches_take_their_blocks() -> None:
    model = card("llama", 1, attention__head_count=32, attention__head_count_kv=8)

    assert model.kv_bytes_per_token("q8_0", "q4_0") == 1024 // 32 * (34 + 18)


def test_weights_are_told_apart_by_where_they_are_needed() -> None:
    model = card("llama", 2, attention__head_count=32)

    assert (model.input_bytes, model.output_bytes, model.tied_bytes) == (2304, 3360, 0)
    assert [layer.weight_bytes for layer in model.layers] == [2304, 2304]


def test_embeddings_that_serve_as_output_are_known() -> None:
    whole = header("llama", 1, {"attention.head_count": 32})
    tied = Header("m.gguf", 9, whole.metadata, whole.tensors[:-1])

    assert card_of([tied]).tied_bytes == 2304


def test_the_widest_point_of_a_mixture_is_its_experts_together() -> None:
    model = card(
        "qwen3moe",
        2,
        attention__head_count=32,
        feed_forward_length=6144,
        expert_feed_forward_length=768,
        expert_count=128,
        expert_used_count=8,
    )

    assert model.feed_forward_length == 8 * 768
    assert (model.experts, model.experts_used) == (128, 8)


def test_parts_of_the_name_are_kept() -> None:
    model = card(
        "llama",
        1,
        attention__head_count=32,
        **{"general.basename": "Qwen3", "general.size_label": "8B", "general.license": "mit"},
    )

    assert (model.basename, model.size_label, model.licence) == ("Qwen3", "8B", "mit")


def test_a_remark_of_a_wrong_type_is_no_reason_to_refuse() -> None:
    model = card("llama", 1, attention__head_count=32, **{"general.license": ("mit", "bsd")})

    assert model.licence == ""


def test_a_decoder_may_have_more_layers_than_its_encoder() -> None:
    whole = header("t5", 1, {"attention.head_count": 8})
    deep = TensorEntry("dec.blk.7.attn_q.weight", 12, 4096, 2304)

    model = card_of([Header("m.gguf", 9, whole.metadata, (*whole.tensors, deep))])

    assert model.layers[0].weight_bytes == 2 * 2304


def test_a_single_expert_is_a_dense_network() -> None:
    model = card("hunyuan-dense", 1, attention__head_count=32, expert_count=1)

    assert model.experts_used == 0


def test_a_key_of_a_wrong_type_is_named() -> None:
    with pytest.raises(ModelFileInvalid, match=r"llama\.context_length"):
        card("llama", 1, context_length="long", attention__head_count=32)


# --- number types ----------------------------------------------------------------------------


def test_the_recipe_names_a_file_before_its_tensors_do() -> None:
    assert quantisation(15, {12: 100, 14: 50}) == "Q4_K_M"
    assert quantisation(None, {0: 10, 12: 100, 14: 50}) == "Q4_K"
    assert quantisation(9999, {1: 7}) == "F16"
    assert quantisation(None, {}) == ""


def test_a_guessed_recipe_is_a_recipe() -> None:
    model = card("llama", 1, attention__head_count=32, **{"general.file_type": 1024 + 15})

    assert model.quantisation == "Q4_K_M"


@pytest.mark.parametrize(
    ("bits", "ratio", "expected"),
    [(16.0, 0.6, "Q8_0"), (16.0, 0.35, "Q4_K_M"), (4.9, 0.96, "Q4_K_S"), (4.9, 0.3, None)],
)
def test_the_best_recipe_that_is_small_enough_is_advised(
    bits: float, ratio: float, expected: str | None
) -> None:
    assert smaller_recipe(bits, ratio) == expected


def test_every_type_has_a_size_and_a_word_of_its_own() -> None:
    assert len({kind.word for kind in NUMBER_TYPES.values()}) == len(NUMBER_TYPES)
    assert all(1 <= kind.bits <= 64 for kind in NUMBER_TYPES.values())
