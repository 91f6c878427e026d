"""The plain text of an analysis, for when no model wrote an acceptable one, and what a model is asked. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from admin_service.analytics.language import Language

TASK: Final = "Write an analysis of the usage of language models for the admins of a company."
"""The first line of what a model is asked."""
_RULES: Final = """
Rules:
- Write {language}, in plain sentences without markup, in at most three short paragraphs.
- Do not write any number, neither as digits nor as words, and no name of a person or a model. Write a placeholder instead, in
  double braces and exactly as it is listed. It is replaced by the figure with its unit.
- Use only these placeholders, each at most once or so, and at least the one for the total spend.
- Say what stands out and what to look at. Do not invent causes."""
_LANGUAGES: Final = {Language.ENGLISH: "English", Language.CHINESE: "Chinese (simplified)"}
_MEANINGS: Final = {
    "period_start": "first day of the period",
    "period_end": "last day of the period",
    "spend_total": "spend of the period",
    "spend_before": "spend of the period before",
    "spend_change": "change of the spend in percent, with its sign",
    "call_count": "number of calls",
    "token_count": "number of tokens",
    "member_count": "number of members with calls",
    "spend_per_call": "spend per call",
    "spend_per_member": "spend per member with calls",
    "top_model": "name of the model with the highest spend",
    "top_model_share": "its share of the spend in percent",
    "top_consumer": "name of the member with the highest spend",
    "top_consumer_share": "their share of the spend in percent",
    "anomaly_count": "number of cases of unusual spend",
    "largest_anomaly": "name of who or what had the largest of them",
    "largest_anomaly_excess": "its spend beyond what was expected",
}
# A sentence is left out if one of its figures has no meaning.
_SENTENCES: Final = {
    Language.ENGLISH: (
        "From {{period_start}} to {{period_end}}, the spend was {{spend_total}} for {{call_count}} calls.",
        "They used {{token_count}} tokens.",
        "That is {{spend_change}} against the period before, with {{spend_before}}.",
        "On average, a call cost {{spend_per_call}}.",
        "Each of the {{member_count}} members with calls spent {{spend_per_member}} on average.",
        "The model with the highest spend was {{top_model}}, with {{top_model_share}} of it.",
        "{{top_consumer}} spent most, with {{top_consumer_share}} of it.",
        "Cases of unusual spend: {{anomaly_count}}.",
        "The largest was that of {{largest_anomaly}}, with {{largest_anomaly_excess}} more than expected.",
    ),
    Language.CHINESE: (
        "{{period_start}} 至 {{period_end}} 的支出为 {{spend_total}}，共 {{call_count}} 次调用。",  # noqa: RUF001
        "使用了 {{token_count}} 个 token。",
        "较上期（{{spend_before}}）变化 {{spend_change}}。",  # noqa: RUF001
        "平均每次调用 {{spend_per_call}}。",
        "有调用的成员共 {{member_count}} 名，人均 {{spend_per_member}}。",  # noqa: RUF001
        "支出最高的模型是 {{top_model}}，占 {{top_model_share}}。",  # noqa: RUF001
        "支出最高的成员是 {{top_consumer}}，占 {{top_consumer_share}}。",  # noqa: RUF001
        "异常支出 {{anomaly_count}} 起。",
        "最大的来自 {{largest_anomaly}}，超出预期 {{largest_anomaly_excess}}。",  # noqa: RUF001
    ),
}


def request_of(figures: Mapping[str, str], hints: Sequence[str], language: Language) -> str:
    """Returns what a model is asked. It has no figure and no name, so no name can change what the model does."""
    placeholders = "\n".join(f"- {{{{{name}}}}}: {_MEANINGS[name]}" for name in figures)
    known = "\n".join(f"- {hint}" for hint in hints)
    return (
        f"{TASK}\n{_RULES.format(language=_LANGUAGES[language])}\n\nPlaceholders:\n{placeholders}\n\nKnown:\n{known}\n"
    )


def plain_template(figures: Mapping[str, str], language: Language) -> str:
    """Returns a text of ours, with placeholders."""
    separator = " " if language is Language.ENGLISH else ""
    return separator.join(sentence for sentence in _SENTENCES[language] if _is_known(sentence, figures))


def _is_known(sentence: str, figures: Mapping[str, str]) -> bool:
    names = [part.partition("}}")[0] for part in sentence.split("{{")[1:]]
    return all(name in figures for name in names)
