"""Who a command runs as: an auto user that the service makes, or a named user of the pool.

Azure makes two auto users on each node, and one more for each task that wants one of its own
(scope ``task``). The elevation says whether the user may do all that an administrator may. A named
user is one of the pool's `user_accounts`. What a lab makes of it is said at `batchlab.Lab`:
recorded only, or, with ``isolate_users``, real.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from batchlab.core.model.base import Model
from batchlab.errors import InvalidRequest, invalid

AutoUserScope = Literal["task", "pool"]
ElevationLevel = Literal["nonadmin", "admin"]
FORGOTTEN = "(not kept)"


def check_username(value: str, name: str, owner: str) -> None:
    """Refuse a name that is empty, too long, or has what no system takes in a user's name."""
    if not 1 <= len(value) <= 20 or not value.isprintable() or set(value) & set('/:\\" '):
        reason = "must have 1 to 20 characters, without blanks, quotes, slashes and colons"
        raise invalid(name, value, reason, owner=owner)


class AutoUserSpecification(Model, frozen=True, kw_only=True):
    """A user that the service makes.

    Parameters
    ----------
    scope : {"pool", "task"}, default "pool"
        One for all tasks of a node, or one for this task alone.
    elevation_level : {"nonadmin", "admin"}, default "nonadmin"
        ``admin`` may do everything on the node (2015: ``runElevated``).
    """

    scope: AutoUserScope = "pool"
    elevation_level: ElevationLevel = "nonadmin"


class UserIdentity(Model, frozen=True, kw_only=True):
    """Who a command runs as: either `username` or `auto_user`.

    A name, or an `AutoUserSpecification`, says the same.

    Parameters
    ----------
    username : str, optional
        One of the pool's `user_accounts`.
    auto_user : AutoUserSpecification, optional
    """

    username: Annotated[str, check_username] | None = None
    auto_user: AutoUserSpecification | None = None

    @classmethod
    def _from_sugar(cls, value: Any) -> Any:
        if isinstance(value, AutoUserSpecification):
            return cls(auto_user=value)
        return cls(username=value) if isinstance(value, str) else None

    def __post_init__(self) -> None:
        if (self.username is None) == (self.auto_user is None):
            reason = "give either username or auto_user"
            raise invalid("username", self.username, reason, owner="UserIdentity")


class UserAccount(Model, frozen=True, kw_only=True):
    """A user that a pool has on each of its nodes, for tasks to run as.

    Parameters
    ----------
    name : str
        At most 20 characters.
    password : str
        Azure wants one. Nobody logs in to a node of a lab, so it is forgotten at once: it is
        neither kept nor shown nor sent anywhere.
    elevation_level : {"nonadmin", "admin"}, default "nonadmin"
    """

    name: Annotated[str, check_username]
    password: str
    elevation_level: ElevationLevel = "nonadmin"

    def __post_init__(self) -> None:
        if not self.password:
            raise InvalidRequest(
                "MissingRequiredProperty",
                "UserAccount.password is required: give password=...",
                {"PropertyName": "password"},
            )
        msgspec.structs.force_setattr(self, "password", FORGOTTEN)


def check_known(identity: UserIdentity, accounts: tuple[UserAccount, ...], owner: str) -> None:
    """Refuse the name of a user that a pool has not."""
    name = identity.username
    if name is not None and find(name, accounts) is None:
        known = ", ".join(repr(account.name) for account in accounts) or "none"
        reason = f"the pool has no user of this name in its user_accounts; it has {known}"
        raise invalid("user_identity", name, reason, owner=owner)


def find(name: str, accounts: tuple[UserAccount, ...]) -> UserAccount | None:
    """The user of this name."""
    for account in accounts:
        if account.name.lower() == name.lower():
            return account
    return None


def _check_distinct(accounts: tuple[UserAccount, ...], name: str, owner: str) -> None:
    """Refuse two users of one name."""
    names = [account.name.lower() for account in accounts]
    for account in accounts:
        if names.count(account.name.lower()) > 1:
            reason = "there are two users of this name"
            raise invalid(name, account.name, reason, owner=owner)


UserAccounts = Annotated[tuple[UserAccount, ...], _check_distinct]
