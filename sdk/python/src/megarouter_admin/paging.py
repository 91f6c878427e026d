"""Fetches a list page by page."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Protocol, TypeVar


class ListRequest(Protocol):
    """A request for one page of a list."""

    page_token: str

    def CopyFrom(self, other: Any) -> None:  # noqa: N802, ANN401 - protobuf's signature
        """Copies every field of `other`, a message of the same type."""


class ListResponse(Protocol):
    """One page of a list."""

    next_page_token: str


Request = TypeVar("Request", bound=ListRequest)
Page = TypeVar("Page", bound=ListResponse)


def pages(method: Callable[[Request], Page], request: Request) -> Iterator[Page]:
    """Yields every page of a list: `for page in pages(router.api_keys.ListApiKeys, request): for key in page.api_keys: ...`.

    Fetches pages as they are needed. Set `page_size` in the request, which is not modified.

    Raises:
        MegaRouterError: a page cannot be fetched.
        RuntimeError: the service repeats a page token, so that the list would not end.
    """
    asked = _copy(request)
    while True:
        page = method(asked)
        yield page
        if not _turn(asked, page):
            return


async def async_pages(method: Callable[[Request], Awaitable[Page]], request: Request) -> AsyncIterator[Page]:
    """Yields every page of a list, like `pages`, for `AsyncMegaRouter`."""
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
        raise RuntimeError(
            "the service repeated a page token, so the list would not end; report this to the operator of the gateway"
        )
    request.page_token = page.next_page_token
    return bool(page.next_page_token)
