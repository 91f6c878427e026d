"""The plan of one call: what the caller sends, when it hangs up, what the provider answers, and what that costs."""

import enum
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from tests.support.mixed_calls.drafts import Choice, Draft, Part
from tests.support.mixed_calls.free_drafts import COUNTED_WITH, counting_draft, moderations_draft
from tests.support.mixed_calls.media_drafts import hearing_draft, image_edits_draft, is_drafted, speech_draft
from tests.support.mixed_calls.openai_drafts import (
    chat_draft,
    completions_draft,
    embeddings_draft,
    images_draft,
    responses_draft,
)
from tests.support.mixed_calls.other_drafts import embed_content_draft, gemini_draft, messages_draft
from tests.support.mixed_calls.tally import PriceList, Tally
from tests.support.mixed_calls.wire_forms import (
    begun_script,
    document_script,
    event_bytes,
    plain_form,
    random_form,
    stream_script,
)
from tests.support.servers.scripted_upstream import Pause, Script, answer, json_answer

_DRAFTS = {
    "chat_completions": chat_draft,
    "completions": completions_draft,
    "embeddings": embeddings_draft,
    "responses": responses_draft,
    "messages": messages_draft,
    "generate_content": gemini_draft,
    "embed_content": embed_content_draft,
    "images": images_draft,
    "moderations": moderations_draft,
    "transcriptions": hearing_draft,
    "translations": hearing_draft,
    "speech": speech_draft,
    "image_edits": image_edits_draft,
    **dict.fromkeys(COUNTED_WITH.values(), counting_draft),
}
_FREE = frozenset({"moderations", *COUNTED_WITH.values()})


class Ending(enum.StrEnum):
    """How a call ends, and what its provider counted."""

    COUNTED = "counted"
    COUNTED_THEN_LEFT = "counted, then the caller left"
    LEFT = "the caller left before anything was counted"
    LEFT_AFTER_INPUT = "the caller left when only the input was counted"
    RACED = "the caller left while the provider went on"
    OMITTED = "the provider counted nothing"
    OMITTED_AFTER_INPUT = "the provider counted only the input"
    FAILED = "the provider failed"
    FREE = "the operation is free"


@dataclass(frozen=True)
class Delivered:
    """What of an answer reached the caller before it hung up."""

    size: int
    events: int
    searches: int = 0
    """Results of Anthropic's web searches."""

    @classmethod
    def by(cls, parts: Iterable[Part]) -> "Delivered":
        """Returns what the parts of a stream deliver."""
        delivered = list(parts)
        texts = [part.text for part in delivered if part.text]
        searches = sum("web_search_tool_result" in str(part.value) for part in delivered)
        return cls(sum(len(text.encode()) for text in texts), len(texts), searches)

    @property
    def tokens(self) -> range:
        """What an estimate of the text may be: between a token for four bytes and a token for each event."""
        by_size = -(-self.size // 4)
        return range(min(by_size, self.events), max(by_size, self.events) + 1)


@dataclass(frozen=True)
class Plan:
    """One call."""

    number: int
    model: str
    endpoint: str
    path: str
    body: Mapping[str, Any] | bytes
    headers: Mapping[str, str]
    script: Script
    ending: Ending
    tally: Tally
    kinds: frozenset[str]
    hang_up_after_events: int | None = None
    hang_up_after_bytes: int | None = None
    delivered: Delivered = Delivered(0, 0)

    @property
    def is_counted(self) -> bool:
        """Whether the provider reported everything."""
        return self.ending in {Ending.COUNTED, Ending.COUNTED_THEN_LEFT}

    @property
    def stored_id(self) -> str | None:
        """The id of the response that the caller has read to its end, and that the provider has stored."""
        is_read = self.endpoint == "responses" and self.ending is Ending.COUNTED
        return f"resp_mixed_{self.number}" if is_read else None


def make_plans(seed: int, count: int, prices: PriceList) -> list[Plan]:
    """Returns the plans of calls over all models of a catalog, the same for the same seed.

    Endpoints without a kind of draft, such as ranking, and models whose use no provider counts are left out.
    """
    operations = [
        (name, endpoint)
        for name, model in prices.models.items()
        for endpoint in _operations_of(model["endpoints"])
        if endpoint in _DRAFTS and is_drafted(model)
    ]
    plans = []
    for number in range(count):
        random = Random(f"{seed}/{number}")
        model, endpoint = (
            operations[number % len(operations)] if number < len(operations) else random.choice(operations)
        )
        choice = Choice(number, model, endpoint, random, prices)
        plans.append(_planned(choice, _DRAFTS[endpoint](choice)))
    return plans


def _operations_of(endpoints: Iterable[str]) -> Iterator[str]:
    """Yields the operations of a model: those of the catalog, and those that count the tokens for them."""
    for endpoint in endpoints:
        yield endpoint
        if endpoint in COUNTED_WITH:
            yield COUNTED_WITH[endpoint]


def _planned(choice: Choice, draft: Draft) -> Plan:
    random = choice.random
    if choice.chance(0.05):
        return _failing(choice, draft)
    if choice.endpoint in _FREE:
        return _plan(
            choice, draft, document_script(random, draft.document, random_form(random, streamed=False)), Ending.FREE
        )
    if draft.parts and choice.chance(0.3):
        return _hanging_up(choice, draft)
    if draft.parts and not _reports_early(draft) and choice.chance(0.1):
        return _racing(choice, draft)
    if isinstance(draft.document, dict) and choice.chance(0.1):
        return _cut_document(choice, draft)
    if (
        draft.endpoint not in {"embeddings", "embed_content"}
        and not isinstance(draft.document, list)
        and choice.chance(0.05)
    ):
        return _without_usage(choice, draft)
    if draft.parts:
        script = stream_script(random, [part.value for part in draft.parts], random_form(random, streamed=True))
    else:
        script = document_script(random, draft.document, random_form(random, streamed=False))
    return _plan(choice, draft, script, Ending.COUNTED)


def _plan(choice: Choice, draft: Draft, script: Script, ending: Ending) -> Plan:
    return Plan(
        choice.number,
        draft.model,
        draft.endpoint,
        draft.path,
        draft.body,
        draft.headers,
        script,
        ending,
        draft.tally,
        draft.kinds if ending is Ending.COUNTED else frozenset(),
    )


def _failing(choice: Choice, draft: Draft) -> Plan:
    error = {"error": {"message": "no", "type": "server_error", "usage": {"prompt_tokens": 9}}}
    script = choice.random.choice(
        (
            json_answer(error, 500),
            json_answer(error, 429, {"retry-after": "1"}),
            json_answer(error, 400),
            json_answer(error),
            answer(b"<html>down</html>", headers={"content-type": "text/html"}),
            answer(b"", 307, {"location": "https://example.com/"}),
        )
    )
    return _plan(choice, draft, script, Ending.FAILED)


def _hanging_up(choice: Choice, draft: Draft) -> Plan:
    """Lets the caller leave after some events. The provider sends no more until then."""
    form = plain_form(choice.random)
    can_see_usage = draft.shows_usage
    after_usage = can_see_usage and choice.chance(0.3)
    events = draft.counted_after if after_usage else choice.random.randint(1, draft.counted_after - 1)
    if not after_usage and not can_see_usage:
        # The usage chunk is hidden, and what precedes it has no usage.
        events = choice.random.randint(1, max(1, draft.counted_after - 2))
    while not after_usage and _ends_with_report(draft.parts[:events]):
        events += 1  # what an early report counts is counted until text follows
    parts = draft.parts[:events]
    content = b"".join(event_bytes(part.value, form) for part in parts)
    ending = Ending.LEFT_AFTER_INPUT if draft.counts_input_first else Ending.LEFT
    plan = _plan(choice, draft, begun_script(choice.random, content, form), ending)
    plan = replace(plan, hang_up_after_events=events, delivered=Delivered.by(parts))
    if after_usage:
        return replace(plan, ending=Ending.COUNTED_THEN_LEFT, kinds=draft.kinds)
    return plan


def _ends_with_report(parts: Sequence[Part]) -> bool:
    """Returns whether no text follows the last report of output."""
    for part in reversed(parts):
        if part.text:
            return False
        if "message_delta" in str(part.value):
            return True
    return False


def _reports_early(draft: Draft) -> bool:
    """Returns whether an event before the last report counts output."""
    return any("message_delta" in str(part.value) for part in draft.parts[: draft.counted_after - 1])


def _racing(choice: Choice, draft: Draft) -> Plan:
    """Lets the caller leave after some events, but the provider sends on. Either may be first."""
    form = plain_form(choice.random)
    script = stream_script(choice.random, [part.value for part in draft.parts], form)
    slowly = [step for sent in script for step in (sent, Pause(choice.random.choice((0, 0, 0.002))))]
    plan = replace(_plan(choice, draft, slowly, Ending.RACED), kinds=draft.kinds)
    events = choice.random.randint(1, draft.counted_after)
    return replace(plan, hang_up_after_events=events, delivered=Delivered.by(draft.parts))


def _without_usage(choice: Choice, draft: Draft) -> Plan:
    """Lets the provider leave out its report."""
    form = plain_form(choice.random)
    if draft.parts:
        parts = draft.parts[: max(draft.counted_after - 2, 1)]
        script = stream_script(choice.random, [part.value for part in parts], form)
        ending = Ending.OMITTED_AFTER_INPUT if draft.counts_input_first else Ending.OMITTED
        return replace(_plan(choice, draft, script, ending), delivered=Delivered.by(parts))
    assert isinstance(draft.document, dict)
    document = {
        name: value for name, value in draft.document.items() if not name.startswith(("usage", "x_groq", "duration"))
    }
    text = json.dumps(document)
    if "Tokens" in text or "tokens" in text:
        return _plan(choice, draft, document_script(choice.random, draft.document, form), Ending.COUNTED)
    script = document_script(choice.random, document, form)
    size = len(json.dumps(document, ensure_ascii=False).encode())
    return replace(_plan(choice, draft, script, Ending.OMITTED), delivered=Delivered(size, 1))


_PASSED_ON_BYTES = 70_000
"""Documents of this size reach the caller before their end."""


def _cut_document(choice: Choice, draft: Draft) -> Plan:
    """Lets the caller leave within a document whose usage has passed already."""
    assert isinstance(draft.document, dict)
    names = sorted(draft.document, key=lambda name: name not in {"usage", "usageMetadata", "model", "modelVersion"})
    if not set(names[:2]) & {"usage", "usageMetadata"} or draft.document.get("usage", "") is None or draft.tally.fees:
        script = document_script(choice.random, draft.document, random_form(choice.random, streamed=False))
        return _plan(choice, draft, script, Ending.COUNTED)
    ordered = {name: draft.document[name] for name in names if name != "service_tier"}
    tier = {name: draft.document[name] for name in ("service_tier",) if name in draft.document}
    content = json.dumps({**tier, **ordered, "last": "x" * _PASSED_ON_BYTES}).encode()[:-50]
    form = replace(plain_form(choice.random), label="application/json")
    plan = _plan(choice, draft, begun_script(choice.random, content, form), Ending.COUNTED_THEN_LEFT)
    return replace(plan, kinds=draft.kinds, hang_up_after_bytes=len(content))
