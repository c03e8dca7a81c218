"""The user that a command runs as: an auto user created by the service, or a named user.

Azure creates two auto users on each node, and another one for each task with the scope ``task``.
The elevation level says whether the user has administrator rights. A named user is one of the
pool's `user_accounts`. By default a lab only records the user; with ``Lab(isolate_users=True)``
commands really run as different users (see `batchlab.Lab`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from batchlab.core.model.base import Model
from batchlab.core.model.secrets import FORGOTTEN
from batchlab.errors import InvalidRequest, invalid

AutoUserScope = Literal["task", "pool"]
ElevationLevel = Literal["nonadmin", "admin"]


def check_username(value: str, name: str, owner: str) -> None:
    """Refuse a user name that is empty, too long, or contains an invalid character."""
    if not 1 <= len(value) <= 20 or not value.isprintable() or set(value) & set('/:\\" '):
        reason = "must have 1 to 20 characters, without spaces, quotes, slashes or colons"
        raise invalid(name, value, reason, owner=owner)


UserName = Annotated[str, check_username]


def forget(struct: msgspec.Struct, *names: str) -> None:
    """Replace secrets in a new struct: that there is one is all that may be kept."""
    for name in names:
        if getattr(struct, name) is not None:
            msgspec.structs.force_setattr(struct, name, FORGOTTEN)


class AutoUserSpecification(Model, frozen=True, kw_only=True):
    """A user that the service creates.

    Parameters
    ----------
    scope : {"pool", "task"}, default "pool"
        One user for all tasks of a node, or one for this task only.
    elevation_level : {"nonadmin", "admin"}, default "nonadmin"
        ``admin`` has administrator rights on the node (2015: ``runElevated``).
    """

    scope: AutoUserScope = "pool"
    elevation_level: ElevationLevel = "nonadmin"


class UserIdentity(Model, frozen=True, kw_only=True):
    """The user that a command runs as: either `username` or `auto_user`.

    Wherever one is expected, a name or an `AutoUserSpecification` works as well.

    Parameters
    ----------
    username : str, optional
        One of the pool's `user_accounts`. If the pool has no such user, the task is accepted and
        fails when it starts, with ``NodeUserNotFound``.
    auto_user : AutoUserSpecification, optional
    """

    username: UserName | None = None
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
    """A user account on each node of a pool, for tasks to run as.

    Parameters
    ----------
    name : str
        At most 20 characters.
    password : str
        Azure requires one. A lab's nodes have no logins, so the password is discarded at once: it
        is neither stored nor shown nor sent anywhere.
    elevation_level : {"nonadmin", "admin"}, default "nonadmin"
    """

    name: UserName
    password: str
    elevation_level: ElevationLevel = "nonadmin"

    def __post_init__(self) -> None:
        if not self.password:
            raise InvalidRequest(
                "MissingRequiredProperty",
                "UserAccount.password is required: pass password=...",
                {"PropertyName": "password"},
            )
        forget(self, "password")


def find(name: str, accounts: tuple[UserAccount, ...]) -> UserAccount | None:
    """The user with this name."""
    for account in accounts:
        if account.name.lower() == name.lower():
            return account
    return None


def _check_distinct(accounts: tuple[UserAccount, ...], name: str, owner: str) -> None:
    """Refuse two users with the same name."""
    names = [account.name.lower() for account in accounts]
    for account in accounts:
        if names.count(account.name.lower()) > 1:
            reason = "two users have this name"
            raise invalid(name, account.name, reason, owner=owner)


UserAccounts = Annotated[tuple[UserAccount, ...], _check_distinct]
