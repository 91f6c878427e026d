"""Answers the gateway's request for an analysis of usage as a model would: with words around the placeholders that it lists."""

import re

from mock_provider.dialects.demanded_forms import Form

_TASK = "Write an analysis of the usage of language models"
_PLACEHOLDER = re.compile(r"^- \{\{([a-z_]+)\}\}: ", re.MULTILINE)
_ENGLISH = (
    "Between {{period_start}} and {{period_end}}, your teams spent {{spend_total}}.",
    "Compared with the period before, that is a change of {{spend_change}}.",
    "Most of the spend went to {{top_model}}, with a share of {{top_model_share}}.",
    "The largest consumer was {{top_consumer}}.",
    "Look at {{largest_anomaly}} first: the spend there was {{largest_anomaly_excess}} beyond what was expected.",
)
_CHINESE = (
    "在 {{period_start}} 至 {{period_end}} 期间，团队共支出 {{spend_total}}。",  # noqa: RUF001
    "与上期相比变化为 {{spend_change}}。",
    "支出主要来自 {{top_model}}，占 {{top_model_share}}。",  # noqa: RUF001
    "支出最高的成员是 {{top_consumer}}。",
    "请先查看 {{largest_anomaly}}，其支出超出预期 {{largest_anomaly_excess}}。",  # noqa: RUF001
)


def written_analysis(messages: object) -> Form | None:
    """Returns the analysis that the messages ask for; None if they ask for something else."""
    asked = messages[0].get("content") if isinstance(messages, list) and isinstance(messages[0], dict) else None
    if not isinstance(asked, str) or not asked.startswith(_TASK):
        return None
    known = set(_PLACEHOLDER.findall(asked))
    sentences = _CHINESE if "Write Chinese" in asked else _ENGLISH
    used = [one for one in sentences if set(re.findall(r"\{\{([a-z_]+)\}\}", one)) <= known]
    return Form(" ".join(used))
