"""Asks an index that speaks OSV's API (https://google.github.io/osv.dev/api/)."""

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from tools.vulnerabilities.pins import Pin

DEFAULT_INDEX: Final = "https://api.osv.dev"
BATCH_PINS: Final = 500
MAX_PAGES: Final = 50
MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
_TIMEOUT_S: Final = 20.0
_UNKNOWN: Final = "no summary"


class UnreachableError(Exception):
    """The index did not answer, or not as OSV's API does. So nothing is known about the dependencies."""


class Finding(NamedTuple):
    """A known vulnerability of a pinned dependency."""

    pin: Pin
    identifier: str
    summary: str
    fixed: tuple[str, ...]
    """The versions that fix it, if the index knows any."""


class Index:
    """An index over HTTP."""

    def __init__(self, url: str) -> None:
        """Takes the URL without `/v1`.

        Raises:
            UnreachableError: the URL is not an HTTP URL.
        """
        if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
            raise UnreachableError(f"{url} is not an HTTP URL")
        self._url = url.rstrip("/")

    def findings(self, pins: Sequence[Pin]) -> list[Finding]:
        """Returns the vulnerabilities of all pins, sorted.

        Raises:
            UnreachableError: the index did not answer every question.
        """
        found: list[tuple[Pin, str]] = []
        for start in range(0, len(pins), BATCH_PINS):
            found.extend(self._identifiers(pins[start : start + BATCH_PINS]))
        details = {identifier: self._details(identifier) for identifier in sorted({one for _, one in found})}
        return sorted(_finding(pin, identifier, details[identifier]) for pin, identifier in set(found))

    def _identifiers(self, pins: Sequence[Pin]) -> Iterator[tuple[Pin, str]]:
        waiting: list[tuple[Pin, str | None]] = [(pin, None) for pin in pins]
        for _ in range(MAX_PAGES):
            if not waiting:
                return
            answer = self._ask("/v1/querybatch", {"queries": [_query(pin, token) for pin, token in waiting]})
            results = answer.get("results")
            if not isinstance(results, list) or len(results) != len(waiting):
                raise UnreachableError(f"{self._url} answered {len(waiting)} questions with another number of results")
            following: list[tuple[Pin, str | None]] = []
            for (pin, _), result in zip(waiting, results, strict=True):
                yield from ((pin, identifier) for identifier in _identifiers_in(result))
                if token := result.get("next_page_token"):
                    following.append((pin, token))
            waiting = following
        if waiting:
            raise UnreachableError(f"{self._url} did not end its list within {MAX_PAGES} pages")

    def _details(self, identifier: str) -> Mapping[str, Any]:
        return self._ask(f"/v1/vulns/{urllib.parse.quote(identifier, safe='')}")

    def _ask(self, path: str, body: object = None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked
            self._url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json", "accept": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310 - the scheme is checked
                content = response.read(MAX_ANSWER_BYTES + 1)
        except urllib.error.HTTPError as error:
            raise UnreachableError(f"{self._url}{path} answered with status {error.code}") from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise UnreachableError(f"{self._url} cannot be reached: {reason}") from error
        if len(content) > MAX_ANSWER_BYTES:
            raise UnreachableError(f"{self._url}{path} answered with more than {MAX_ANSWER_BYTES} bytes")
        try:
            answer = json.loads(content)
        except ValueError as error:
            raise UnreachableError(f"{self._url}{path} did not answer with JSON") from error
        if not isinstance(answer, dict):
            raise UnreachableError(f"{self._url}{path} did not answer with a JSON object")
        return answer


def _query(pin: Pin, token: str | None) -> dict[str, object]:
    query: dict[str, object] = {"package": {"ecosystem": pin.ecosystem, "name": pin.name}, "version": pin.version}
    return query if token is None else {**query, "page_token": token}


def _identifiers_in(result: object) -> list[str]:
    vulnerabilities = result.get("vulns", []) if isinstance(result, Mapping) else None
    if not isinstance(vulnerabilities, list) or not all(
        isinstance(one, Mapping) and isinstance(one.get("id"), str) for one in vulnerabilities
    ):
        raise UnreachableError("the index answered in another form than OSV's API")
    return [one["id"] for one in vulnerabilities]


def _finding(pin: Pin, identifier: str, details: Mapping[str, Any]) -> Finding:
    summary = details.get("summary")
    return Finding(pin, identifier, summary if isinstance(summary, str) and summary else _UNKNOWN, _fixed(pin, details))


def _fixed(pin: Pin, details: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the versions of the pin's package that fix a vulnerability."""
    versions: set[str] = set()
    for affected in _maps(details.get("affected")):
        package = affected.get("package")
        if not isinstance(package, Mapping) or package.get("name") != pin.name:
            continue
        for span in _maps(affected.get("ranges")):
            if span.get("type") != "GIT":
                versions.update(str(event["fixed"]) for event in _maps(span.get("events")) if "fixed" in event)
    return tuple(sorted(versions))


def _maps(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
