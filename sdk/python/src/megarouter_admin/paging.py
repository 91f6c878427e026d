"""Walking a list to its end, page by page."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Protocol, TypeVar


class ListRequest(Protocol):
    """A request that asks for one page."""

    page_token: str

    def CopyFrom(self, other: Any) -> None:  # noqa: N802, ANN401 - as protobuf has it
        """Takes over every field."""


class ListResponse(Protocol):
    """One page."""

    next_page_token: str


Request = TypeVar("Request", bound=ListRequest)
Page = TypeVar("Page", bound=ListResponse)


def pages(method: Callable[[Request], Page], request: Request) -> Iterator[Page]:
    """Every page of a list: `for page in pages(router.api_keys.ListApiKeys, request): for key in page.api_keys: ...`.

    Pages are asked for as they are needed. The request stays as it is and says how large a page is.

    Raises:
        MegaRouterError: a page could not be had.
        RuntimeError: the service gave the token of a page again, so that the list has no end.
    """
    asked = _copy(request)
    while True:
        page = method(asked)
        yield page
        if not _turn(asked, page):
            return


async def async_pages(method: Callable[[Request], Awaitable[Page]], request: Request) -> AsyncIterator[Page]:
    """As `pages`, for `AsyncMegaRouter`."""
    asked = _copy(request)
    while True:
        page = await method(asked)
        yield page
        if not _turn(asked, page):
            return


def _copy(request: Request) -> Request:
    copied = type(request)()
    copied.CopyFrom(request)
    return copied


def _turn(request: ListRequest, page: ListResponse) -> bool:
    if page.next_page_token and page.next_page_token == request.page_token:
        raise RuntimeError("the service gave the token of this page again")
    request.page_token = page.next_page_token
    return bool(page.next_page_token)
