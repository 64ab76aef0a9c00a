"""Laws of a pool's figures: every family is there, counts only rise, nobody is named."""

import re

from app.observe.pool_meters import POOL_METRICS, ModelFigures, PoolFigures, PoolMeters


def meters() -> PoolMeters:
    return PoolMeters(
        lambda: PoolFigures(
            connected=3,
            lending=2,
            accounts=5,
            receipts=7,
            models=(ModelFigures("tiny", 2, 1, 4),),
            audit_holds=True,
        )
    )


def end(on: PoolMeters, status: str = "completed") -> None:
    on.ended(
        model="tiny", status=status, prompt=10, cached=4, answer=20, cost=300, attempts=2,
        first_ms=120, total_ms=900,
    )  # fmt: skip


def test_every_family_of_the_table_is_told_and_no_other() -> None:
    one = meters()
    end(one)
    one.strike("identical")
    one.refused(429, "limit_reached")

    told = set(re.findall(r"^# TYPE (\w+) ", one.exposition().decode(), re.MULTILINE))

    families = {name.removesuffix("_total") for name in told}
    assert families == POOL_METRICS.keys() | {
        "athanor_pool_time_to_first_token_seconds",
        "athanor_pool_request_seconds",
    }


def test_what_ended_is_counted_by_model_and_status() -> None:
    one = meters()
    end(one)
    end(one)
    end(one, "cancelled")

    text = one.exposition().decode()

    assert 'athanor_pool_requests_total{model="tiny",status="completed"} 2.0' in text
    assert 'athanor_pool_requests_total{model="tiny",status="cancelled"} 1.0' in text
    assert 'athanor_pool_answer_tokens_total{model="tiny"} 60.0' in text
    assert 'athanor_pool_credits_micros_total{model="tiny"} 900.0' in text
    assert 'athanor_pool_attempts_total{model="tiny"} 6.0' in text


def test_what_was_refused_is_counted_by_status_and_code() -> None:
    one = meters()
    one.refused(402, "credits_short")
    one.refused(402, "credits_short")

    text = one.exposition().decode()

    assert 'athanor_pool_refusals_total{code="credits_short",status="402"} 2.0' in text


def test_what_the_host_knows_is_read_when_it_is_asked() -> None:
    text = meters().exposition().decode()

    assert 'athanor_pool_machines{state="lending"} 2.0' in text
    assert 'athanor_pool_jobs_waiting{model="tiny"} 4.0' in text
    assert "athanor_pool_audit_holds 1.0" in text
