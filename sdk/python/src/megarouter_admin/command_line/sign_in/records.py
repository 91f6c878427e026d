"""What a stored sign-in consists of, and its JSON. Pure."""

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any, Final

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Application:
    """Where people sign in, and as which application. Contains no secret."""

    issuer: str
    client_id: str
    scopes: tuple[str, ...] = ()
    """Scopes to ask for besides the usual ones."""


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """The secrets of a sign-in."""

    token: str
    """The bearer token of the admin API."""
    refresh_token: str = ""


@dataclass(frozen=True, slots=True)
class SignIn:
    """What is known about a sign-in besides its secrets."""

    method: str
    """`browser`, `device`, `link` or `token`."""
    expire_time: dt.datetime | None
    """When the token ends. None: unknown."""
    subject: str = ""
    """The claim `sub` of the person, who must stay the same when the token is renewed."""


@dataclass(frozen=True, slots=True, repr=False)
class Record:
    """What is stored for one address. Without a sign-in, only the application is remembered."""

    application: Application | None = None
    sign_in: SignIn | None = None
    secrets: Secrets | None = None
    """None: they are in the keyring of the system, or there is no sign-in."""


def written(record: Record) -> str:
    """Returns the JSON of a record."""
    document: dict[str, Any] = {"version": _VERSION}
    if record.application is not None:
        document["application"] = {
            "issuer": record.application.issuer,
            "client_id": record.application.client_id,
            "scopes": list(record.application.scopes),
        }
    if record.sign_in is not None:
        ends = record.sign_in.expire_time
        document["sign_in"] = {
            "method": record.sign_in.method,
            "expire_time": ends.isoformat() if ends else None,
            "subject": record.sign_in.subject,
        }
    if record.secrets is not None:
        document["secrets"] = fields_of(record.secrets)
    return json.dumps(document, indent=2) + "\n"


def read(text: str) -> Record:
    """Reads the JSON of a record.

    Raises:
        ValueError: the text is not a record.
    """
    try:
        document = json.loads(text)
        if document["version"] != _VERSION:
            raise ValueError("it is of another version of megarouter")
        application, sign_in, kept = (document.get(name) for name in ("application", "sign_in", "secrets"))
        return Record(
            Application(
                str(application["issuer"]), str(application["client_id"]), tuple(map(str, application["scopes"]))
            )
            if application is not None
            else None,
            SignIn(str(sign_in["method"]), _moment(sign_in["expire_time"]), str(sign_in["subject"]))
            if sign_in is not None
            else None,
            secrets_in(kept) if kept is not None else None,
        )
    except (KeyError, TypeError, AttributeError) as malformed:
        raise ValueError("it has another form") from malformed


def fields_of(secrets: Secrets) -> dict[str, str]:
    """Returns the fields of the JSON of secrets."""
    return {"token": secrets.token, "refresh_token": secrets.refresh_token}


def secrets_in(fields: Any) -> Secrets:  # noqa: ANN401 - decoded JSON
    """Returns the secrets in their JSON.

    Raises:
        KeyError, TypeError: the JSON has another form.
    """
    return Secrets(str(fields["token"]), str(fields["refresh_token"]))


def _moment(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None
