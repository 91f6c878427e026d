"""The command `megarouter login`."""

import datetime as dt
import os
import secrets as randomness
import time
from collections.abc import Callable, Sequence
from typing import Annotated

from megarouter.admin.v1.messages import ExchangeSignInLinkRequest, GetUserRequest, User

from megarouter_admin.client import MegaRouter
from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.parsing.commands import Section, command, secret_from_input
from megarouter_admin.command_line.parsing.options import Option
from megarouter_admin.command_line.session import TOKEN_VARIABLE, Endpoint, Session, well_formed
from megarouter_admin.command_line.sign_in.announced import Announced, announced, chosen
from megarouter_admin.command_line.sign_in.browser import Surroundings, sign_in_by_browser
from megarouter_admin.command_line.sign_in.claims import end_of
from megarouter_admin.command_line.sign_in.device import sign_in_by_device
from megarouter_admin.command_line.sign_in.grants import Grant
from megarouter_admin.command_line.sign_in.provider import discover
from megarouter_admin.command_line.sign_in.records import Application, Record, Secrets, SignIn
from megarouter_admin.command_line.sign_in.store import SignInStore, store_for
from megarouter_admin.command_line.values.times import moment_of, relative

alone = Section()


@command(
    alone,
    "login",
    "login --issuer https://id.example.com --client-id megarouter",
    "login --device",
    "login --link < link.txt",
    needs_token=False,
)
def login(
    session: Session,
    *,
    issuer: Annotated[
        str,
        Option(
            metavar="URL",
            variables=("MEGAROUTER_LOGIN_ISSUER",),
            text="The identity provider: the issuer of its tokens. Default: as at your last sign-in, or as the address announces.",
        ),
    ] = "",
    client_id: Annotated[
        str,
        Option(
            metavar="ID",
            variables=("MEGAROUTER_LOGIN_CLIENT_ID",),
            text="As which application to sign in there. Default: as at your last sign-in, or as the address announces.",
        ),
    ] = "",
    scope: Annotated[
        list[str] | None,
        Option(metavar="NAME", text="A scope to ask for besides openid, email and profile; may be repeated."),
    ] = None,
    device: Annotated[
        bool, Option("--device", text="Sign in on another device. For machines without a browser.")
    ] = False,
    token: Annotated[bool, Option("--token", text="Keep the access token that the standard input has.")] = False,
    link: Annotated[bool, Option("--link", text="Use the sign-in link whose secret the standard input has.")] = False,
) -> None:
    """Sign in, and remember the sign-in for this address."""
    if sum((device, token, link)) > 1:
        raise ValueError("choose one of --device, --token and --link")
    url = endpoint(session).url
    store = usable_store(url)
    with store.exclusively():  # before a link is used up: the folder must be private and writable
        earlier = store.load().application
    if token:
        record = Record(earlier, *_given_token())
    elif link:
        record = Record(earlier, *_exchanged(url, _secret("Secret of the sign-in link")))
    else:
        application = _application(earlier, Application(issuer, client_id), scope, lambda: announced(url))
        record = _by_provider(session, application, device=device)
    user = _accepted(store, record)
    with store.exclusively():
        place = store.save(record)
    ends = record.sign_in.expire_time if record.sign_in else None
    session.output.one(
        user,
        [
            ("user", user.name),
            ("name", user.display_name),
            ("e-mail", user.email),
            ("ends", relative(ends, session.now) if ends else ""),
            ("kept in", place),
        ],
    )
    _warn(session)


def endpoint(session: Session) -> Endpoint:
    """Returns the endpoint of the session."""
    if session.endpoint is None:
        raise AssertionError("a session of the program has an endpoint")
    return session.endpoint


def usable_store(url: str) -> SignInStore:
    """Returns the store for an address.

    Raises:
        CommandError: this system keeps no sign-ins.
    """
    store = store_for(url)
    if store is None:
        raise CommandError(
            f"sign-ins are not kept on this system: set {TOKEN_VARIABLE}, or pass a file with --token-file"
        )
    return store


def _application(
    earlier: Application | None,
    given: Application,
    scopes: list[str] | None,
    ask: Callable[[], Sequence[Announced]],
) -> Application:
    """Returns where and as what to sign in: as the options say, otherwise as before, otherwise as the address announces."""
    known = earlier or Application("", "")
    issuer = given.issuer or known.issuer
    client_id = given.client_id or (known.client_id if issuer == known.issuer else "")
    if not issuer or not client_id:
        found = chosen(ask(), issuer)
        issuer, client_id = issuer or found.issuer, client_id or found.client_id
    if not issuer or not client_id:
        missing = " and ".join(name for name, value in (("--issuer", issuer), ("--client-id", client_id)) if not value)
        raise ValueError(
            f"no identity provider: give {missing}, which your admin knows, or use --token or --link without a provider"
        )
    is_same = issuer == known.issuer
    return Application(issuer, client_id, tuple(scopes) if scopes is not None else known.scopes if is_same else ())


def _by_provider(session: Session, application: Application, *, device: bool) -> Record:
    show = session.output.remark
    provider = discover(application.issuer)
    grant: Grant
    if device:
        grant = sign_in_by_device(provider, application, show, time.sleep, _clock)
    else:
        around = Surroundings(show, _open_page, _clock, lambda: randomness.token_urlsafe(32))
        grant = sign_in_by_browser(provider, application, around)
    person = grant.person
    return Record(
        application,
        SignIn("device" if device else "browser", person.expire_time, person.subject),
        grant.secrets,
    )


def _open_page(page: str) -> bool:
    # Imported late: the other ways to sign in need no browser.
    import webbrowser  # noqa: PLC0415

    return webbrowser.open(page)


def _clock() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _given_token() -> tuple[SignIn, Secrets]:
    token = _secret("Access token")
    return SignIn("token", end_of(token)), Secrets(token)


def _exchanged(url: str, secret: str) -> tuple[SignIn, Secrets]:
    with MegaRouter(url, secret) as router:
        answer = router.sign_in_links.ExchangeSignInLink(ExchangeSignInLinkRequest())
    return SignIn("link", moment_of(answer.expire_time)), Secrets(answer.secret)


def _secret(question: str) -> str:
    """Reads a secret from the standard input, or prompts for it on a terminal."""
    return well_formed(secret_from_input(question))


def _accepted(store: SignInStore, record: Record) -> User:
    """Returns the user that the admin API takes the token for. Nothing is kept if it refuses."""
    if record.secrets is None:
        raise AssertionError("a new sign-in has secrets")
    with MegaRouter(store.url, record.secrets.token) as router:
        return router.accounts.GetUser(GetUserRequest(name="users/me"))


def _warn(session: Session) -> None:
    if os.environ.get(TOKEN_VARIABLE):
        session.output.remark(f"commands still use {TOKEN_VARIABLE}: unset it to use this sign-in")
