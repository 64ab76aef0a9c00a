"""The trial of a device, on the processor, which is all that every machine has."""

import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from app.core.base.ids import Slot
from app.core.models.plan import LoadPlan
from app.core.scheduling.step import Row
from app.engine.llama import library, modules
from app.engine.llama.context import Context
from app.engine.llama.devices import find_devices, gpus_to_use, list_devices
from app.engine.llama.model import Model
from app.engine.llama.report import backend_report
from app.engine.llama.trial import ANSWERED, PROMPT, greedy
from app.engine.llama.trial_model import CONTEXT, write_trial_model
from app.wire.model import ModelSource
from app.wire.runtime import BackendReport, TrialReport

pytestmark = pytest.mark.model

ROUNDING = 0.05
"""Of the logits' spread: what other kernels than the processor's may differ by, and far more than
they do."""


def test_the_trial_model_is_the_same_bytes_each_time_and_small(tmp_path: Path) -> None:
    for name in ("one.gguf", "two.gguf"):
        write_trial_model(tmp_path / name)

    one = (tmp_path / "one.gguf").read_bytes()
    assert one == (tmp_path / "two.gguf").read_bytes()
    assert len(one) < 2_000_000


def test_its_best_tokens_are_best_by_more_than_any_rounding(tmp_path: Path) -> None:
    path = tmp_path / "trial.gguf"
    write_trial_model(path)
    library.start()
    tokens = greedy(path, gpu_layers=0)
    plan = LoadPlan(context=CONTEXT, cells=CONTEXT, sequences=1, slots=2, gpu_layers=0, threads=1)
    model = Model(ModelSource(name="trial", path=str(path)), plan, lambda *_: None)
    context = Context(model, plan)

    said, margins = [*PROMPT, *tokens], []
    context.decode([Row(0, Slot(0), 0, said, logits=ANSWERED + 1)])
    for index in range(ANSWERED):
        logits = context.logits(index)
        assert int(np.argmax(logits)) == tokens[index]
        second, best = np.sort(logits)[-2:]
        margins.append((best - second) / logits.std())

    context.close()
    model.close()
    assert len(set(tokens)) > ANSWERED // 2
    assert min(margins) > ROUNDING


def test_a_device_that_is_not_there_fails_the_trial_with_a_reason() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "app", "engine", "--trial", "Vulkan7"],
        capture_output=True,
        check=True,
        timeout=60,
    )

    report = msgspec.json.decode(ended.stdout, type=TrialReport)
    assert not report.is_good
    assert report.reason == "it is not there"


def test_linked_back_ends_have_no_modules_and_their_devices_no_pairs() -> None:
    report = msgspec.json.decode(msgspec.json.encode(backend_report()), type=BackendReport)

    if report.is_modular:
        pytest.skip("llama.cpp was built with modules here")
    assert report.build.count("-ggml") == 1
    assert report.modules == modules.seen() == ()
    assert all(device.pair is None for device in report.devices)
    assert gpus_to_use() is None
    assert [each.use for each in find_devices()] == list_devices(with_untried=True)
