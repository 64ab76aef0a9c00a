"""Accounts: between whom credits move, each named by its kind and, where it has one, its owner.

A user's account holds lots and never falls below zero. What a user owes after a chargeback stands
in a debt account of the same owner, at or below zero. The pool's own accounts may stand on either
side: `mint` and `sales` are below zero by what was put into circulation, `fund` by what its
operator still has to put in. The sum over all accounts is always zero.

A node keeps the same books of its own view of each pool, in the last three kinds.
"""

from typing import Final, Literal, NamedTuple, get_args

from app.core.base.ids import AccountId, PoolId

AccountKind = Literal[
    "user", "debt", "fees", "fund", "rounding", "mint", "sales", "pool", "earned", "spent"
]
KINDS: Final[tuple[AccountKind, ...]] = get_args(AccountKind)
OWNED: Final = frozenset[AccountKind]({"user", "debt", "pool", "earned", "spent"})
"""Kinds of which each owner has one; of the others there is one."""


class LedgerAccount(NamedTuple):
    """One account of the books. `owner` is "" for the pool's own."""

    kind: AccountKind
    owner: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.owner}" if self.owner else self.kind

    @property
    def has_lots(self) -> bool:
        """Whether its credits lie in lots, and it can be held and must not fall below zero."""
        return self.kind == "user"


FEES: Final = LedgerAccount("fees")
"""What the operator takes of each job."""
FUND: Final = LedgerAccount("fund")
"""Pays for what nobody else pays: prompts computed again, answers cut short, late claims."""
ROUNDING: Final = LedgerAccount("rounding")
"""Fractions of a micro that sharing leaves over."""
MINT: Final = LedgerAccount("mint")
"""Where granted credits come from and lapsed ones go."""
SALES: Final = LedgerAccount("sales")
"""Where bought credits come from and charged-back ones go."""


def user(account: AccountId) -> LedgerAccount:
    """The credits of an account of the pool."""
    return LedgerAccount("user", account)


def debt(account: AccountId) -> LedgerAccount:
    """What that account owes the pool, below zero."""
    return LedgerAccount("debt", account)


def pool(pool_id: PoolId) -> LedgerAccount:
    """On a node: the other side of what was earned and spent in a pool."""
    return LedgerAccount("pool", pool_id)


def earned(pool_id: PoolId) -> LedgerAccount:
    """On a node: what its receipts say that it earned in a pool."""
    return LedgerAccount("earned", pool_id)


def spent(pool_id: PoolId) -> LedgerAccount:
    """On a node: what its owner spent in a pool."""
    return LedgerAccount("spent", pool_id)


def account_of(text: str) -> LedgerAccount | None:
    """The account that `str` wrote so; None where the text names none."""
    kind, colon, owner = text.partition(":")
    for known in KINDS:
        if kind == known and bool(owner) == bool(colon) == (known in OWNED):
            return LedgerAccount(known, owner)
    return None
