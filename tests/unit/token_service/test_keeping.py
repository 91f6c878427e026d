from pathlib import Path

import pytest

from gateway_core.model.catalog.providers.authentication import MicrosoftEntra
from token_service.answers import Token
from token_service.keeping import Keeper
from token_service.problems import Problem, TokenError
from token_service.sources import TokenSource


class Server:
    """Answers with what a test has set."""

    def __init__(self) -> None:
        self.answer: Token | TokenError = Token("first-token", 3_600)

    async def fetch(self, source: TokenSource) -> Token:
        assert source.target == "azure-eu_openai"
        if isinstance(self.answer, TokenError):
            raise self.answer
        return self.answer


class Clock:
    """Shows the time that it is set to."""

    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keeper(tmp_path: Path, server: Server, clock: Clock) -> Keeper:
    entra = MicrosoftEntra(kind="microsoft_entra", tenant="ours", client_id="app")
    source = TokenSource(
        target="azure-eu_openai",
        authentication=entra,
        credential_file=tmp_path / "secret",
        token_file=tmp_path / "token",
    )
    return Keeper(source, server, clock)


@pytest.mark.parametrize(("life_s", "pause_s"), [(3_600, 3_300), (86_400, 86_100), (400, 200)])
async def test_a_token_is_replaced_five_minutes_before_its_end_or_at_half_of_its_life(
    keeper: Keeper, server: Server, life_s: int, pause_s: int
) -> None:
    server.answer = Token("token", life_s)
    assert await keeper.refresh() == pause_s


async def test_the_file_has_the_token_and_only_its_owner_reads_it(keeper: Keeper) -> None:
    await keeper.refresh()
    file = keeper.source.token_file
    assert (file.read_text("utf-8"), file.stat().st_mode & 0o777) == ("first-token", 0o600)
    assert (keeper.provider, keeper.life_s) == ("azure-eu", 3_600)


async def test_a_failure_keeps_the_old_token_and_asks_again_ever_later(
    keeper: Keeper, server: Server, clock: Clock
) -> None:
    await keeper.refresh()
    server.answer = TokenError(Problem.UNREACHABLE, "the server did not answer")
    clock.now_s += 3_400
    pauses_s = [await keeper.refresh() for _ in range(7)]
    assert pauses_s == [1, 2, 4, 8, 16, 30, 30]
    assert keeper.source.token_file.read_text("utf-8") == "first-token"
    assert (keeper.life_s, keeper.outcomes) == (200, {"ok": 1, "unreachable": 7})
    clock.now_s += 300
    assert keeper.life_s == 0


async def test_a_token_is_fresh_until_a_new_one_is_due_and_not_given(
    keeper: Keeper, server: Server, clock: Clock
) -> None:
    assert not keeper.is_fresh
    await keeper.refresh()
    assert keeper.is_fresh
    server.answer = TokenError(Problem.REFUSED, "the server answered with status 401")
    clock.now_s += 3_300
    await keeper.refresh()
    assert (keeper.is_fresh, keeper.life_s) == (False, 300)
    server.answer = Token("another-token", 3_600)
    await keeper.refresh()
    assert keeper.is_fresh


async def test_a_token_that_cannot_be_written_is_reported(keeper: Keeper) -> None:
    keeper.source.token_file.mkdir()
    (keeper.source.token_file / "x").touch()
    await keeper.refresh()
    assert (keeper.outcomes, keeper.life_s) == ({"unwritable": 1}, 0)
