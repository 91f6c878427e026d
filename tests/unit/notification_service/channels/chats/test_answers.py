"""What the answers of products mean, with the answers that they document."""

import pytest

from notification_service.channels.kinds import KINDS
from notification_service.channels.messages import Outcome

DELIVERED, RETRY, REFUSED = Outcome.DELIVERED, Outcome.RETRY, Outcome.REFUSED


@pytest.mark.parametrize(("kind", "status", "body", "outcome"), [
    ("SLACK", 200, "ok", DELIVERED),
    ("SLACK", 200, "<html>Sign in</html>", RETRY),
    ("SLACK", 400, "invalid_payload", REFUSED),
    ("SLACK", 403, "action_prohibited", RETRY),
    ("SLACK", 429, "rate_limited", RETRY),
    ("SLACK", 500, "rollup_error", RETRY),
    ("TEAMS", 202, "", DELIVERED),
    ("TEAMS", 200, "1", RETRY),
    ("TEAMS", 400, '{"error":{"code":"InvalidRequestContent"}}', REFUSED),
    ("TEAMS", 429, "", RETRY),
    ("DISCORD", 204, "", DELIVERED),
    ("DISCORD", 200, '{"id": "1", "type": 0}', DELIVERED),
    ("DISCORD", 200, "{}", RETRY),
    ("DISCORD", 400, '{"embeds": ["0"]}', REFUSED),
    ("FEISHU", 200, '{"code":0,"data":{},"msg":"success"}', DELIVERED),
    ("FEISHU", 200, '{"StatusCode":0,"StatusMessage":"success"}', DELIVERED),
    ("FEISHU", 200, '{"code":19021,"msg":"sign match fail or timestamp is not within one hour from current time"}', RETRY),
    ("FEISHU", 200, '{"code":19024,"msg":"Key Words Not Found"}', RETRY),
    ("FEISHU", 200, '{"code":9499,"msg":"Bad Request","data":{}}', REFUSED),
    ("FEISHU", 200, "", RETRY),
    ("DINGTALK", 200, '{"errcode":0,"errmsg":"ok"}', DELIVERED),
    ("DINGTALK", 200, '{"errcode":"0","errmsg":"ok"}', DELIVERED),
    ("DINGTALK", 200, '{"errcode":310000,"errmsg":"sign not match"}', RETRY),
    ("DINGTALK", 200, '{"errcode":400102,"errmsg":"机器人已停用"}', RETRY),
    ("DINGTALK", 200, '{"errcode":40035,"errmsg":"缺少参数 json"}', REFUSED),
    ("WECOM", 200, '{"errcode":0,"errmsg":"ok"}', DELIVERED),
    ("WECOM", 200, '{"errcode":40058,"errmsg":"markdown.content exceed max length 4096"}', REFUSED),
    ("WECOM", 200, '{"errcode":40008,"errmsg":"invalid message type"}', RETRY),
    ("WECOM", 200, '{"errcode":93004,"errmsg":"robot disabled"}', RETRY),
    ("WECOM", 502, '{"errcode":0}', RETRY),
    ("PAGERDUTY", 202, '{"status":"success","message":"Event processed","dedup_key":"k"}', DELIVERED),
    ("PAGERDUTY", 400, '{"status":"invalid event","message":"Event object is invalid","errors":[]}', REFUSED),
    ("PAGERDUTY", 200, '{"status":"success"}', RETRY),
    ("EMAIL", 250, "2.0.0 Ok: queued", DELIVERED),
    ("EMAIL", 451, "4.3.0 later", RETRY),
    ("EMAIL", 550, "5.1.1 no such user", REFUSED),
])  # fmt: skip
def test_success_is_what_the_product_calls_so(kind: str, status: int, body: str, outcome: Outcome) -> None:
    verdict = KINDS[kind].judge(status, body.encode())
    assert (verdict.outcome, verdict.disables, verdict.pause_s) == (outcome, False, 0.0)
    assert bool(verdict.error) == (outcome is not DELIVERED)


@pytest.mark.parametrize(("kind", "status", "body", "pause_s"), [
    ("DISCORD", 429, '{"message":"You are being rate limited.","retry_after":64.57,"global":false}', 64.57),
    ("FEISHU", 200, '{"code":11232,"msg":"frequency limited psm[lark.oapi.app_platform_runtime]appID[1500]"}', 60),
    ("DINGTALK", 200, '{"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"}', 600),
    ("WECOM", 200, '{"errcode":45009,"errmsg":"api freq out of limit"}', 60),
    ("PAGERDUTY", 429, "", 180),
])  # fmt: skip
def test_a_product_that_is_sent_too_much_gets_a_pause(kind: str, status: int, body: str, pause_s: float) -> None:
    verdict = KINDS[kind].judge(status, body.encode())
    assert (verdict.outcome, verdict.pause_s) == (RETRY, pause_s)


@pytest.mark.parametrize(("kind", "status", "body"), [
    ("SLACK", 404, "no_service"),
    ("SLACK", 410, "channel_is_archived"),
    ("SLACK", 403, "team_disabled"),
    ("SLACK", 400, "no_active_hooks"),
    ("TEAMS", 410, ""),
    ("DISCORD", 404, '{"message": "Unknown Webhook", "code": 10015}'),
    ("DISCORD", 404, ""),
    ("DISCORD", 401, '{"message": "Invalid Webhook Token", "code": 50027}'),
    ("FEISHU", 200, '{"code":19001,"msg":"param invalid: incoming webhook access token invalid"}'),
    ("DINGTALK", 200, '{"errcode":300001,"errmsg":"token is not exist"}'),
    ("WECOM", 200, '{"errcode":93000,"errmsg":"invalid webhook url"}'),
    ("PAGERDUTY", 410, ""),
])  # fmt: skip
def test_a_receiver_that_was_deleted_disables_its_channel(kind: str, status: int, body: str) -> None:
    assert KINDS[kind].judge(status, body.encode()).disables


@pytest.mark.parametrize("kind", ["DISCORD", "FEISHU", "DINGTALK", "WECOM", "PAGERDUTY"])
def test_no_body_makes_a_judgement_fail(kind: str) -> None:
    for body in (
        b"",
        b"null",
        b"[]",
        b"[" * 60_000,
        b"\xff",
        b'{"code":"none","errcode":true}',
        b'{"retry_after":1e999}',
    ):
        for status in (200, 429, 500):
            assert KINDS[kind].judge(status, body).outcome is RETRY
