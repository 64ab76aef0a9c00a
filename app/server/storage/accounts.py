"""Accounts: who belongs to a pool, what they call their projects, and who are friends.

All of them are in memory, since every request asks; a change is on the disk before it is told.
What `making` and `befriending` give is to be written inside their block, together with what
belongs to it.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Literal, Self, final

import msgspec
from msgspec.structs import replace

from app.core.base.errors import RequestError
from app.core.base.ids import AccountId, ProjectId
from app.core.base.units import Microseconds
from app.core.pool.naming import named
from app.server.storage.database import Database, Statement
from app.server.storage.statements import statements_for

_SQL: Final = statements_for("accounts")

AccountState = Literal["active", "paused", "closed"]

DEFAULT_PROJECT: Final = "default"
"""Every account begins with one project of this name."""


@final
class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who pays and is paid."""

    id: AccountId
    name: str
    state: AccountState = "active"
    reason: str = ""
    """Why it is paused or closed; it is told."""
    is_vetted: bool = False
    """Its machines may serve callers who ask for the circle "vetted"."""
    weight: int = 1
    """Its share of the pool when callers queue."""
    made_at: Microseconds


@final
class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an account with keys, limits and a bill of its own."""

    id: ProjectId
    account: AccountId
    name: str
    made_at: Microseconds
    closed_at: Microseconds | None = None


@final
class Accounts:
    """The accounts of one host. Used by one event loop."""

    def __init__(self, database: Database, now: Callable[[], Microseconds]) -> None:
        self._database = database
        self._now = now
        self._accounts: dict[AccountId, Account] = {}
        self._projects: dict[ProjectId, Project] = {}
        self._friends: set[tuple[AccountId, AccountId]] = set()

    @classmethod
    async def open(cls, database: Database, now: Callable[[], Microseconds]) -> Self:
        """Those of `database`, read into memory."""
        accounts = cls(database, now)
        for row in await database.read(_SQL["all"]):
            fields = dict(zip(Account.__struct_fields__, row, strict=True))
            account = msgspec.convert({**fields, "is_vetted": bool(row[4])}, Account)
            accounts._accounts[account.id] = account
        for row in await database.read(_SQL["all_projects"]):
            fields = dict(zip(Project.__struct_fields__, row, strict=True))
            project = msgspec.convert(fields, Project)
            accounts._projects[project.id] = project
        for account_id, friend in await database.read(_SQL["all_friends"]):
            accounts._friends.add((AccountId(str(account_id)), AccountId(str(friend))))
        return accounts

    # --- accounts ----------------------------------------------------------------------------

    def all(self) -> tuple[Account, ...]:
        """Every account, closed ones too, oldest first."""
        return tuple(self._accounts.values())

    def get(self, account: AccountId) -> Account | None:
        """The account of this id."""
        return self._accounts.get(account)

    def find(self, name_or_id: str) -> Account | None:
        """The account of this id or name."""
        by_id = self._accounts.get(AccountId(name_or_id))
        if by_id is not None:
            return by_id
        return next((each for each in self._accounts.values() if each.name == name_or_id), None)

    async def create(self, name: str) -> tuple[Account, Project]:
        """A new account with its first project. Raises: RequestError for a name that is taken."""
        with self.making(name, new_account_id()) as (account, project, rows):
            await self._database.write_all(rows)
        return account, project

    @contextmanager
    def making(
        self, name: str, account_id: AccountId
    ) -> Iterator[tuple[Account, Project, list[Statement]]]:
        """The same, with what is to be written. Raises: RequestError for a name that is taken."""
        name, now = named(name), self._now()
        if self.find(name) is not None:
            raise RequestError(f"name: there is an account {name!r} already", field="name")
        account = Account(id=account_id, name=name, made_at=now)
        project = _project(account.id, DEFAULT_PROJECT, now)
        # In memory first, so that two of one name cannot be made at once.
        self._accounts[account.id] = account
        try:
            yield account, project, [(_SQL["add"], (account.id, name, now)), _added(project)]
        except BaseException:
            del self._accounts[account.id]
            raise
        self._projects[project.id] = project

    async def change(
        self,
        account: AccountId,
        *,
        state: AccountState | None = None,
        reason: str = "",
        is_vetted: bool | None = None,
        weight: int | None = None,
    ) -> Account:
        """The account with what is given changed; `reason` goes with `state`.

        Raises: RequestError for a closed account: that is for good.
        """
        old = self._accounts[account]
        if old.state == "closed":
            raise RequestError(f"the account {old.name!r} is closed", field="account")
        new = replace(
            old,
            state=state or old.state,
            reason=reason if state is not None else old.reason,
            is_vetted=old.is_vetted if is_vetted is None else is_vetted,
            weight=old.weight if weight is None else weight,
        )
        # First in memory: should the disk fail, a paused account is refused until a restart.
        self._accounts[account] = new
        await self._database.write(
            _SQL["change"],
            *(new.state, new.reason, new.is_vetted, new.weight, account),
        )
        return new

    async def forget(self, account: AccountId) -> Account:
        """The account closed and without a name or friends; its books stay, under its id."""
        old = self._accounts[account]
        new = replace(old, name=f"forgotten {account}", state="closed", reason="", is_vetted=False)
        self._accounts[account] = new
        self._friends = {pair for pair in self._friends if account not in pair}
        for project in self.projects(account):
            renamed = replace(
                project, name=f"forgotten {project.id}", closed_at=project.closed_at or self._now()
            )
            self._projects[project.id] = renamed
        await self._database.write_all(
            [
                (_SQL["forget"], (new.name, account)),
                (_SQL["forget_friends"], (account,)),
                *(
                    (_SQL["forget_project"], (each.name, each.closed_at, each.id))
                    for each in self.projects(account)
                ),
            ]
        )
        return new

    # --- projects ----------------------------------------------------------------------------

    def project(self, project: ProjectId) -> Project | None:
        """The project of this id."""
        return self._projects.get(project)

    def projects(self, account: AccountId) -> tuple[Project, ...]:
        """Those of an account, closed ones too, oldest first."""
        return tuple(each for each in self._projects.values() if each.account == account)

    def find_project(self, account: AccountId, name_or_id: str) -> Project | None:
        """An account's project by name or id."""
        return next(
            (each for each in self.projects(account) if name_or_id in (each.id, each.name)), None
        )

    async def create_project(self, account: AccountId, name: str) -> Project:
        """A new project. Raises: RequestError for a name that the account has used."""
        name = named(name)
        if self.find_project(account, name) is not None:
            raise RequestError(f"name: there is a project {name!r} already", field="name")
        project = _project(account, name, self._now())
        self._projects[project.id] = project
        try:
            await self._database.write_all([_added(project)])
        except BaseException:
            del self._projects[project.id]
            raise
        return project

    async def close_project(self, project: ProjectId) -> Project:
        """The project, whose keys are refused from now on. Closing twice is once."""
        old = self._projects[project]
        if old.closed_at is not None:
            return old
        new = replace(old, closed_at=self._now())
        self._projects[project] = new
        await self._database.write(_SQL["close_project"], new.closed_at, project)
        return new

    # --- friends -----------------------------------------------------------------------------

    def are_friends(self, account: AccountId, friend: AccountId) -> bool:
        """Whether the machines of `account` serve `friend` as one of its friends."""
        return (account, friend) in self._friends

    def friends(self, account: AccountId) -> tuple[Account, ...]:
        """Who is served as a friend by the machines of `account`."""
        return tuple(
            self._accounts[friend] for owner, friend in sorted(self._friends) if owner == account
        )

    async def befriend(self, one: AccountId, other: AccountId) -> None:
        """Each serves the other as a friend from now on. Doing it twice is once."""
        with self.befriending(one, other) as rows:
            await self._database.write_all(rows)

    @contextmanager
    def befriending(self, one: AccountId, other: AccountId) -> Iterator[list[Statement]]:
        """The same, with what is to be written."""
        assert one != other, "nobody is a friend of oneself: own devices are a circle of their own"
        pairs, now = ((one, other), (other, one)), self._now()
        yield [(_SQL["add_friend"], (*pair, now)) for pair in pairs]
        self._friends.update(pairs)

    async def part(self, one: AccountId, other: AccountId) -> bool:
        """They are friends no more; False when they were not."""
        were = (one, other) in self._friends
        self._friends -= {(one, other), (other, one)}
        await self._database.write_many(_SQL["remove_friend"], [(one, other), (other, one)])
        return were


def new_account_id() -> AccountId:
    """By chance."""
    return AccountId(f"acc_{secrets.token_hex(6)}")


def _project(account: AccountId, name: str, now: Microseconds) -> Project:
    return Project(
        id=ProjectId(f"prj_{secrets.token_hex(6)}"), account=account, name=name, made_at=now
    )


def _added(project: Project) -> Statement:
    values = (project.id, project.account, project.name, project.made_at)
    return _SQL["add_project"], values
