"""Pool words: the pool as people read it, the same on every face.

"connected to Club: lending qwen3-8b, 2 jobs under way"
"""

from collections.abc import Mapping
from typing import Final

from app.core.member.credits import credits_words
from app.core.member.energy import kilowatt_hours
from app.core.sharing.policy import Verdict
from app.core.sharing.words import lending_words, length
from app.core.state.node_state import NodeState
from app.core.state.pool_state import PoolState

_SKIPPED: Final = {
    "paused": "answers of this node were in doubt",
    "not_lending": "this node was not lending",
    "avoided": "it had tried the same request before",
    "not_asked": "the request was for another node by name",
    "circle": "the request came from further away than you lend",
    "trust": "the request was for a closer circle",
    "content": "the request was for another file of the model",
    "quantisation": "the request was for a finer quantisation",
    "region": "the request was for another region",
    "price": "less was offered than the pool takes for the model",
    "price_floor": "your least price is above what was paid",
    "free_only": "the request was for devices of its own account",
    "context": "the request was longer than the model's context here",
    "sealing": "this node gave no key to seal a request to",
    "breaker": "it failed at this model and is tried again soon",
    "resting": "it had asked for a pause",
    "no_slot": "all of its places for guests were taken",
    "slower": "another node was expected to answer sooner",
}
"""By the word that the host sends; one that is not known here is shown as it came."""

TOLD_TO_THE_HOST: Final = (
    "this machine's address and name, its GPU and graphics memory, the engine's version, a region "
    "if you set one, the models it lends and under which terms, and, while it does not lend, why: "
    "such as that somebody uses it"
)
"""What a member's machine says of itself; whoever joins is told before."""


def link_words(pool: PoolState, now: float) -> str:
    """Whether the host is reached: "connected to Club", "not connected to Club: ..."."""
    name = pool.name or pool.address
    match pool.link:
        case "connected" if pool.is_host_leaving:
            return f"connected to {name}, which is about to stop and takes no new requests"
        case "connected":
            return f"connected to {name}"
        case "connecting":
            return f"connecting to {name}"
        case "refused":
            return f"{name} refused this node: {pool.trouble}"
        case "waiting":
            left = "" if pool.retry_at is None else f", next try in {length(pool.retry_at - now)}"
            return f"not connected to {name}: {pool.trouble}{left}"


def work_words(state: NodeState, now: float) -> str:
    """What the node does for its pool, or why it does nothing."""
    pool = state.pool
    if pool is None:
        return "no pool is joined"
    if pool.guests:
        return f"computing {_count(pool.guests, 'job')} for others"
    return why_idle(pool, state.neighbour.verdict, now)


def why_idle(pool: PoolState, verdict: Verdict, now: float) -> str:
    """Why no job of others is under way; the nearest reason first."""
    if verdict.lending != "lend":
        return lending_words(verdict, now)
    if pool.link != "connected":
        return link_words(pool, now)
    if pool.paused:
        return f"the pool gives this node no work: {pool.paused}"
    if pool.is_host_leaving:
        return "the pool's host is about to stop; this node comes back when it does"
    if pool.is_capped:
        return "what you want to earn in a day is earned; lending goes on tomorrow"
    if not pool.offered:
        return "lending, but no model here is one that may be lent"
    if reason := most_skipped(pool.skipped):
        return f"ready for jobs; the last ones went elsewhere, since {reason}"
    return "ready for jobs; nobody asks for its models now"


def most_skipped(skipped: Mapping[str, int]) -> str:
    """The commonest reason, in words; "" where there is none."""
    if not skipped:
        return ""
    return skipped_words(max(sorted(skipped), key=lambda reason: skipped[reason]))


def skipped_words(reason: str) -> str:
    """A reason of the host's, in a clause."""
    return _SKIPPED.get(reason, reason.replace("_", " "))


def strike_words(pool: PoolState) -> tuple[str, ...]:
    """What the host holds against this node, a line each; () where it is nothing."""
    return tuple(f"{count} x {words}" for words, count in pool.strikes.items())


def lent_words(state: NodeState) -> str:
    """Which models are lent, or would be: "Lent: qwen3-8b"."""
    names = ", ".join(state.pool.offered) if state.pool else ""
    when = "Lent once lending is on" if state.neighbour.mode == "off" else "Lent"
    return f"{when}: {names or 'no model'}"


def today_words(pool: PoolState) -> str:
    """What today brought: "Today: 2.5 credits earned · 0.8 kWh"."""
    parts = [f"{credits_words(pool.earned_today)} earned"]
    if pool.spent_today:
        parts.append(f"{credits_words(pool.spent_today)} spent")
    if pool.is_power_known and pool.jobs_today:
        parts.append(f"{kilowatt_hours(pool.joules_today):.2g} kWh")
    return "Today: " + " · ".join(parts)


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
