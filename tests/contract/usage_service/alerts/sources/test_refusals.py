"""Refusals by request limits are told as one episode, if they are a share of enough calls, and so is its end."""

from tests.contract.usage_service.alerts.sources.conftest import Company

EVENTS = ("rate_limit.sustained", "rate_limit.ended")


async def refuse(company: Company, count: int, scope: str = "api_key", minutes_ago: int = 0) -> None:
    await company.owner.execute(
        "INSERT INTO refused_calls VALUES ('acme', date_trunc('minute', now()) - make_interval(mins => $3), 'rate_limited', $1,"
        " 'key-1', 'mia', 'key-1', '{research}', $2, now() + interval '1 second') ON CONFLICT DO NOTHING",
        scope, count, minutes_ago,
    )  # fmt: skip


async def test_a_share_of_refused_calls_is_told_once(company: Company) -> None:
    await company.key("key-1")
    await company.rule(*EVENTS, refused_percent=20, refused_min_calls=10)
    await company.calls(8)
    await refuse(company, 2)
    for _ in range(3):
        await company.step(look=True)
    assert await company.told() == ["rate_limit.sustained api_key key-1 sustained"]
    assert (await company.data())["calls"] == {"refused": "2", "all": "10", "minutes": 5}
    assert await company.inbox() == ["mia"]


async def test_a_smaller_share_or_too_few_calls_are_not_told(company: Company) -> None:
    await company.key("key-1")
    await company.rule(*EVENTS, refused_percent=21, refused_min_calls=10)
    await company.rule(*EVENTS, refused_percent=20, refused_min_calls=11)
    await company.calls(8)
    await refuse(company, 2)
    await company.step(look=True)
    assert await company.told() == []


async def test_the_end_of_an_episode_is_told_and_another_one_after_it(company: Company) -> None:
    await company.key("key-1")
    await company.rule(*EVENTS, refused_min_calls=5)
    await refuse(company, 9)
    await company.step(look=True)
    await company.owner.execute("UPDATE refused_calls SET minute = minute - interval '6 minutes'")
    await company.step(look=True)
    await refuse(company, 9)
    await company.step(look=True)
    assert await company.told() == [
        "rate_limit.sustained api_key key-1 sustained",
        "rate_limit.ended api_key key-1 ended sustained",
        "rate_limit.sustained api_key key-1 sustained 1",
    ]


async def test_refusals_by_a_limit_above_the_key_are_told_of_its_member(company: Company) -> None:
    await company.rule(*EVENTS, refused_min_calls=5)
    await refuse(company, 9, "group")
    await company.step(look=True)
    assert await company.told() == ["rate_limit.sustained member mia sustained"]


async def test_new_refusals_are_looked_at_within_seconds(company: Company) -> None:
    await company.rule(*EVENTS, refused_min_calls=5)
    await company.owner.execute("UPDATE alert_positions SET next_look_time = now() + interval '1 hour'")
    await refuse(company, 9, "group")
    await company.step()
    assert await company.owner.fetchval("SELECT next_look_time - now() < interval '11 seconds' FROM alert_positions")
