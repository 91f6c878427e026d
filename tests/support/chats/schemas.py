"""The form of messages, from the document of each product. Anything else is refused, as is a text that is too long."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


# https://docs.slack.dev/reference/block-kit/blocks/header-block, section-block
class SlackPlain(Form):
    type: Literal["plain_text"]
    text: Annotated[str, Field(min_length=1, max_length=150)]
    emoji: bool = True


class SlackMarkdown(Form):
    type: Literal["mrkdwn"]
    text: Annotated[str, Field(min_length=1, max_length=3_000)]
    verbatim: bool = False


class SlackField(Form):
    type: Literal["mrkdwn"]
    text: Annotated[str, Field(min_length=1, max_length=2_000)]
    verbatim: bool = False


class SlackHeader(Form):
    type: Literal["header"]
    text: SlackPlain


class SlackSection(Form):
    type: Literal["section"]
    text: SlackMarkdown | None = None
    fields: Annotated[list[SlackField], Field(min_length=1, max_length=10)] | None = None


class Slack(Form):
    text: Annotated[str, Field(min_length=1, max_length=4_000)]
    blocks: Annotated[list[SlackHeader | SlackSection], Field(max_length=50)]


# https://adaptivecards.io/explorer, https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors
class TextBlock(Form):
    type: Literal["TextBlock"]
    text: Annotated[str, Field(min_length=1)]
    wrap: bool
    weight: Literal["Lighter", "Default", "Bolder"] = "Default"
    size: Literal["Small", "Default", "Medium", "Large"] = "Default"
    color: Literal["default", "good", "warning", "attention"] = "default"
    spacing: Literal["None", "Small", "Default"] = "Default"


class TeamsFact(Form):
    title: Annotated[str, Field(min_length=1)]
    value: Annotated[str, Field(min_length=1)]


class FactSet(Form):
    type: Literal["FactSet"]
    facts: Annotated[list[TeamsFact], Field(min_length=1)]


class AdaptiveCard(Form):
    schema_url: Literal["http://adaptivecards.io/schemas/adaptive-card.json"] = Field(alias="$schema")
    type: Literal["AdaptiveCard"]
    version: Literal["1.2", "1.3", "1.4"]
    fallback_text: str = Field(alias="fallbackText")
    body: Annotated[list[TextBlock | FactSet], Field(min_length=1)]


class TeamsAttachment(Form):
    content_type: Literal["application/vnd.microsoft.card.adaptive"] = Field(alias="contentType")
    content_url: None = Field(alias="contentUrl")
    content: AdaptiveCard


class Teams(Form):
    type: Literal["message"]
    attachments: Annotated[list[TeamsAttachment], Field(min_length=1, max_length=1)]


# https://discord.com/developers/docs/resources/message#embed-object-embed-limits
class DiscordField(Form):
    name: Annotated[str, Field(min_length=1, max_length=256)]
    value: Annotated[str, Field(min_length=1, max_length=1_024)]
    inline: bool = False


class Embed(Form):
    title: Annotated[str, Field(min_length=1, max_length=256)]
    description: Annotated[str, Field(max_length=4_096)] = ""
    color: Annotated[int, Field(ge=0, le=0xFFFFFF)]
    timestamp: str
    fields: Annotated[list[DiscordField], Field(max_length=25)]


class DiscordMentions(Form):
    parse: Annotated[list[str], Field(max_length=0)]


class Discord(Form):
    embeds: Annotated[list[Embed], Field(min_length=1, max_length=10)]
    allowed_mentions: DiscordMentions


# https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
class FeishuText(Form):
    tag: Literal["plain_text"]
    content: Annotated[str, Field(min_length=1)]


class FeishuHeader(Form):
    title: FeishuText
    template: Literal["blue", "green", "orange", "red"]


class FeishuDiv(Form):
    tag: Literal["div"]
    text: FeishuText


class FeishuCard(Form):
    header: FeishuHeader
    elements: Annotated[list[FeishuDiv], Field(min_length=1)]


class Feishu(Form):
    msg_type: Literal["interactive"]
    card: FeishuCard
    timestamp: Annotated[str, Field(pattern=r"^\d{10}$")] | None = None
    sign: str | None = None


# https://open.dingtalk.com/document/orgapp/custom-robot-access
class DingTalkMarkdown(Form):
    title: Annotated[str, Field(min_length=1)]
    text: Annotated[str, Field(min_length=1)]


class DingTalkAt(Form):
    is_at_all: Literal[False] = Field(alias="isAtAll")


class DingTalk(Form):
    msgtype: Literal["markdown"]
    markdown: DingTalkMarkdown
    at: DingTalkAt


# https://developer.work.weixin.qq.com/document/path/91770
class WeComMarkdown(Form):
    content: Annotated[str, Field(min_length=1)]


class WeCom(Form):
    msgtype: Literal["markdown"]
    markdown: WeComMarkdown


# https://developer.pagerduty.com/docs/events-api-v2-overview
class PagerDutyPayload(Form):
    summary: Annotated[str, Field(min_length=1, max_length=1_024)]
    source: Annotated[str, Field(min_length=1)]
    severity: Literal["info", "warning", "error", "critical"]
    timestamp: str
    component: str
    event_class: str = Field(alias="class")
    custom_details: dict[str, str]


class PagerDuty(Form):
    routing_key: Annotated[str, Field(min_length=32, max_length=32)]
    event_action: Literal["trigger", "resolve"]
    dedup_key: Annotated[str, Field(max_length=255)]
    payload: PagerDutyPayload


_FORMS: dict[str, type[Form]] = {
    "SLACK": Slack,
    "TEAMS": Teams,
    "DISCORD": Discord,
    "FEISHU": Feishu,
    "DINGTALK": DingTalk,
    "WECOM": WeCom,
    "PAGERDUTY": PagerDuty,
}
_MAX_BYTES = {"TEAMS": 28_000, "FEISHU": 20_000, "DINGTALK": 20_000, "PAGERDUTY": 512_000}
_MAX_EMBED_CHARACTERS = 6_000
_MAX_WECOM_BYTES = 4_096
DOCUMENTED = tuple(_FORMS)


def require_accepted(kind: str, body: bytes) -> Any:
    """Returns the message.

    Raises:
        ValueError: the product would not accept it.
    """
    form: Any = _FORMS[kind].model_validate_json(body)
    if len(body) > _MAX_BYTES.get(kind, 64 * 1024):
        raise ValueError(f"{len(body)} bytes")
    if kind == "WECOM" and len(form.markdown.content.encode()) > _MAX_WECOM_BYTES:
        raise ValueError("markdown.content exceed max length 4096")
    if kind == "DISCORD":
        for embed in form.embeds:
            texts = (
                embed.title,
                embed.description,
                *(text for field in embed.fields for text in (field.name, field.value)),
            )
            if sum(map(len, texts)) > _MAX_EMBED_CHARACTERS:
                raise ValueError("the embed is too long")
    return form
