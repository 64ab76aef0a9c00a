"""The pool as the local API shows it. Pure; the words are core/state/pool_words'."""

from app.core.member.energy import kilowatt_hours
from app.core.state.node_state import NodeState
from app.core.state.pool_words import (
    lent_words,
    link_words,
    skipped_words,
    strike_words,
    today_words,
    work_words,
)
from app.wire.pool_picture import PoolPicture, SkippedPicture


def pool_picture(state: NodeState, now: float, *, device: str = "") -> PoolPicture:
    """What the state says of it."""
    pool = state.pool
    if pool is None:
        return PoolPicture(device=device)
    return PoolPicture(
        is_member=True,
        pool=pool.pool,
        name=pool.name,
        address=pool.address,
        account=pool.account,
        link=pool.link,
        link_summary=link_words(pool, now),
        work_summary=work_words(state, now),
        lent_summary=lent_words(state),
        today_summary=today_words(pool),
        trouble=pool.trouble,
        remedy=pool.remedy,
        retry_at=pool.retry_at,
        device=device,
        offered=pool.offered,
        guests=pool.guests,
        spending=pool.spending,
        balance=pool.balance,
        held=pool.held,
        fee_percent=pool.fee_percent,
        earned_today=pool.earned_today,
        spent_today=pool.spent_today,
        jobs_today=pool.jobs_today,
        kilowatt_hours_today=kilowatt_hours(pool.joules_today) if pool.is_power_known else None,
        skipped=tuple(
            SkippedPicture(reason=reason, words=skipped_words(reason), jobs=jobs)
            for reason, jobs in sorted(pool.skipped.items(), key=lambda item: (-item[1], item[0]))
        ),
        strikes=strike_words(pool),
        unacknowledged=pool.unacknowledged,
        disputes=pool.disputes,
    )
