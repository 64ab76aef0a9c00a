"""Laws of the fit: choices for known machines, refusals, and what more memory does."""

import pytest

from app.core.base.errors import ModelDoesNotFit, RequestError
from app.core.models.card import ModelCard
from app.core.models.fit import Fit, plan_load
from app.core.models.plan import DeviceUse
from app.core.models.wishes import Wishes
from tests.core.models.cards import GIB, MIB, card, cpu, gpu, igpu

PC = cpu(28 * GIB, 32 * GIB)
EIGHT = card()
SEVEN = card("Seven", heads_kv=32, context=32_768, vocabulary=32_000)
BERT = card(
    "Bert",
    layers=12,
    layer_bytes=14 * MIB,
    heads=12,
    heads_kv=12,
    head=64,
    embedding=768,
    forward=3072,
    vocabulary=30_522,
    context=512,
    end_bytes=46 * MIB,
    attending=False,
    is_embedding=True,
    is_causal=False,
    pooling="mean",
)
MAMBA = card("Mamba", attending=False, heads=0, heads_kv=0, state=8192 * 19)


def fit(model: ModelCard, *devices: DeviceUse, wishes: Wishes | None = None) -> Fit:
    return plan_load(model, devices, wishes or Wishes())


# --- known machines --------------------------------------------------------------------------


def test_a_gpu_with_room_takes_all_layers_and_the_whole_context() -> None:
    found = fit(EIGHT, PC, gpu(48 * GIB))

    assert found.plan.gpu_layers == found.layers == 33
    assert found.plan.context == 131_072
    assert found.plan.cells > found.plan.context
    assert (found.plan.step_tokens, found.plan.micro_batch) == (2048, 512)


def test_a_smaller_gpu_gives_all_layers_and_the_context_that_fits() -> None:
    found = fit(EIGHT, PC, gpu(12 * GIB))

    assert found.plan.gpu_layers == 33
    assert 8192 < found.plan.context < 131_072
    assert "as many as fit" in found.explanation


def test_layers_that_do_not_fit_stay_in_ram_and_the_owner_reads_why() -> None:
    found = fit(EIGHT, PC, gpu(7 * GIB - GIB // 4))

    assert found.plan.gpu_layers == 31
    assert found.plan.context == 8192
    assert found.plan.step_tokens == 512
    assert found.explanation.startswith(
        "31 of 33 layers are on the GPU CUDA0: 2 do not fit beside 8192 tokens of context; "
        "a context of 7424 or the model as Q4_K_S would fit."
    )


def test_a_context_too_short_to_be_of_use_is_not_advised() -> None:
    found = fit(EIGHT, PC, gpu(6 * GIB))

    assert found.plan.gpu_layers == 27
    assert "; the model as Q3_K_M would fit." in found.explanation


def test_a_full_gpu_is_left_alone() -> None:
    found = fit(EIGHT, PC, gpu(GIB // 2, total=24 * GIB))

    assert found.plan.gpu_layers == 0
    assert (found.plan.split_mode, found.plan.main_gpu) == ("none", -1)
    assert found.needs[1].total == 0


def test_a_pc_without_a_gpu_gets_a_context_that_it_can_bear() -> None:
    found = fit(EIGHT, PC)

    assert found.plan.gpu_layers == 0
    assert found.plan.context == 8192
    assert found.needs[0].memory <= 2 * GIB
    assert found.plan.step_tokens == 512
    assert "no GPU was found" in found.explanation
    assert "more when asked for" in found.explanation


def test_a_model_with_large_keys_does_not_take_gigabytes_of_ram_unasked() -> None:
    found = fit(SEVEN, PC)

    # Half a megabyte a token: 8192 of them would be 4 GiB.
    assert found.plan.context == 4096
    assert found.plan.cells == 4096


def test_a_long_context_in_ram_is_given_when_asked_for() -> None:
    found = fit(SEVEN, PC, wishes=Wishes(context=32_768))

    assert found.plan.context == 32_768
    assert found.needs[0].memory == 16 * GIB


def test_an_integrated_gpu_shares_the_ram_that_is_kept_free() -> None:
    found = fit(EIGHT, cpu(12 * GIB, 16 * GIB), igpu(12 * GIB))

    taken = sum(need.total for need in found.needs)
    assert found.plan.gpu_layers == 33
    assert taken <= 10 * GIB


def test_an_integrated_gpu_is_not_used_beside_a_real_one() -> None:
    found = fit(EIGHT, PC, igpu(28 * GIB), gpu(8 * GIB))

    assert [need.name for need in found.needs] == ["CPU", "CUDA0"]


def test_a_metal_gpu_is_known_to_use_the_ram() -> None:
    found = fit(EIGHT, cpu(12 * GIB, 16 * GIB), gpu(11 * GIB, name="MTL0"))

    assert sum(need.total for need in found.needs) <= 10 * GIB


def test_a_model_that_fits_one_gpu_is_not_spread_over_two() -> None:
    context = Wishes(context=8192)

    found = fit(EIGHT, PC, gpu(8 * GIB), gpu(24 * GIB, name="CUDA1"), wishes=context)

    assert found.plan.tensor_split == (0.0, 33.0)
    assert found.needs[1].total == 0


def test_two_gpus_share_what_one_cannot_hold() -> None:
    wishes = Wishes(context=65_536)

    found = fit(EIGHT, PC, gpu(8 * GIB), gpu(12 * GIB, name="CUDA1"), wishes=wishes)

    small, large = found.needs[1:]
    assert found.plan.gpu_layers == 33
    assert found.plan.tensor_split == (float(small.layers), float(large.layers))
    # Filled alike: neither is much fuller than the other.
    assert abs(small.total / small.limit - large.total / large.limit) < 0.15


def test_the_owners_split_is_kept() -> None:
    gpus = gpu(24 * GIB), gpu(24 * GIB, name="CUDA1")

    found = fit(EIGHT, PC, *gpus, wishes=Wishes(tensor_split=(3, 1)))

    assert found.plan.tensor_split == (25.0, 8.0)


def test_without_splitting_the_first_gpu_serves_alone() -> None:
    gpus = gpu(6 * GIB), gpu(24 * GIB, name="CUDA1")

    found = fit(EIGHT, PC, *gpus, wishes=Wishes(split_mode="none"))

    assert [need.name for need in found.needs] == ["CPU", "CUDA0"]
    assert found.plan.tensor_split == ()


def test_an_embedder_takes_its_whole_input_at_once() -> None:
    found = fit(BERT, PC)

    assert found.plan.is_embedding
    assert found.plan.context == 512
    assert found.plan.micro_batch == found.plan.step_tokens == 2048
    assert found.plan.cells >= found.plan.micro_batch
    assert found.needs[0].memory == 0


def test_a_long_embedder_is_given_8192_tokens_unasked_and_more_when_asked() -> None:
    long = card("Long", is_embedding=True, pooling="last", context=32_768)

    assert fit(long, PC, gpu(24 * GIB)).plan.context == 8192
    asked = fit(long, PC, gpu(80 * GIB), wishes=Wishes(context=16_384)).plan
    assert asked.context == asked.micro_batch == 16_384


def test_a_recurrent_model_gets_few_slots_and_pays_for_each() -> None:
    found = fit(MAMBA, PC)

    assert found.plan.slots == found.plan.sequences + 4
    assert found.needs[0].memory == 20 * MAMBA.state_bytes


def test_tied_embeddings_count_twice_only_where_the_output_is_on_a_gpu() -> None:
    tied = card("Tied", end_bytes=400 * MIB, tied_bytes=400 * MIB)

    assert sum(need.weights for need in fit(tied, PC).needs) == tied.weight_bytes
    on_gpu = fit(tied, PC, gpu(24 * GIB))
    assert sum(need.weights for need in on_gpu.needs) == tied.weight_bytes + 400 * MIB


def test_a_claimed_context_of_billions_stays_within_what_llama_counts() -> None:
    endless = card("Endless", attending=False, heads=0, heads_kv=0, state=100, context=2**32 - 1)

    found = fit(endless, PC, gpu(24 * GIB))

    assert found.plan.context == found.plan.cells == 16 * 1024**2


def test_a_toy_takes_nothing() -> None:
    toy = card("Toy", layers=0, layer_bytes=0, end_bytes=0, embedding=0, forward=0, vocabulary=265)

    assert fit(toy, cpu(2 * GIB)).plan.context == 8192


# --- wishes ----------------------------------------------------------------------------------


def test_all_wishes_reach_the_plan() -> None:
    wishes = Wishes(
        context=4000,
        cells=9000,
        sequences=5,
        gpu_layers=7,
        key_type="q8_0",
        value_type="q4_0",
        flash_attention="on",
        threads=3,
        step_tokens=256,
        speculation=False,
        memory_map=False,
        memory_lock=True,
        split_mode="row",
    )

    plan = fit(EIGHT, PC, gpu(24 * GIB), wishes=wishes).plan

    assert (plan.context, plan.cells, plan.sequences, plan.gpu_layers) == (4000, 9216, 5, 7)
    assert (plan.key_type, plan.value_type, plan.flash_attention) == ("q8_0", "q4_0", "on")
    assert (plan.threads, plan.threads_batch) == (3, 3)
    assert (plan.step_tokens, plan.micro_batch) == (256, 256)
    assert (plan.speculation, plan.memory_map, plan.memory_lock) == (False, False, True)
    assert plan.split_mode == "row"


def test_a_context_past_the_trained_one_is_not_given_and_says_so() -> None:
    found = fit(EIGHT, PC, gpu(80 * GIB), wishes=Wishes(context=500_000))

    assert found.plan.context == 131_072
    assert "the most it was trained on" in found.explanation


def test_more_layers_than_there_are_means_all() -> None:
    assert fit(EIGHT, PC, gpu(24 * GIB), wishes=Wishes(gpu_layers=99)).plan.gpu_layers == 33


def test_quantised_keys_leave_room_for_more_context() -> None:
    plain = fit(EIGHT, PC, gpu(12 * GIB))
    small = fit(EIGHT, PC, gpu(12 * GIB), wishes=Wishes(key_type="q8_0", value_type="q8_0"))

    assert small.plan.context > 1.5 * plain.plan.context


REFUSED = [
    (Wishes(sequences=0), "sequences"),
    (Wishes(sequences=256), "sequences"),
    (Wishes(cells=1000, context=2000), "cells"),
    (Wishes(key_type="q9"), "key_type"),
    (Wishes(value_type="q4_k"), "value_type"),
    (Wishes(value_type="q8_0", flash_attention="off"), "value_type"),
]


@pytest.mark.parametrize(("wishes", "field"), REFUSED, ids=lambda one: str(one)[:20])
def test_an_impossible_wish_is_refused_by_its_field(wishes: Wishes, field: str) -> None:
    with pytest.raises(RequestError) as raised:
        fit(EIGHT, PC, wishes=wishes)

    assert raised.value.field == field


def test_heads_that_a_cache_type_cannot_store_are_refused() -> None:
    odd = card("Odd", head=80)

    with pytest.raises(RequestError, match="80 numbers, which q8_0 cannot store"):
        fit(odd, PC, wishes=Wishes(key_type="q8_0"))


def test_a_model_too_large_is_refused_with_the_numbers_and_a_way_out() -> None:
    with pytest.raises(ModelDoesNotFit) as raised:
        fit(EIGHT, cpu(5 * GIB, 8 * GIB), gpu(GIB, total=2 * GIB))

    assert "5.0 GiB of weights" in raised.value.message
    assert "4.0 GiB of RAM, 0 MiB of CUDA0 may be used" in raised.value.message
    assert "choose the model as Q2_K" in raised.value.remedy


def test_layers_that_were_asked_for_and_do_not_fit_are_refused_with_the_numbers() -> None:
    with pytest.raises(ModelDoesNotFit) as raised:
        fit(EIGHT, PC, gpu(4 * GIB), wishes=Wishes(gpu_layers=33))

    assert "with 33 of 33 layers on the GPU" in raised.value.message
    assert "fewer layers on the GPU" in raised.value.remedy


def test_a_context_that_was_asked_for_and_does_not_fit_is_refused() -> None:
    with pytest.raises(ModelDoesNotFit) as raised:
        fit(SEVEN, cpu(14 * GIB, 16 * GIB), wishes=Wishes(context=32_768))

    assert "beside 32768 tokens of context" in raised.value.message
    assert "shorter context" in raised.value.remedy


def test_a_margin_of_nothing_lets_a_small_pc_try() -> None:
    small = cpu(6 * GIB, 8 * GIB)

    with pytest.raises(ModelDoesNotFit):
        fit(EIGHT, small)
    assert fit(EIGHT, small, wishes=Wishes(memory_margin_bytes=0)).plan.context >= 512
