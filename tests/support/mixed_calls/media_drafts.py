"""Calls about sound and pictures, and their answers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.support.forms import CONTENT_TYPE, field, file, form
from tests.support.mixed_calls.drafts import Choice, Draft, Part, picture
from tests.support.mixed_calls.tally import Tally

_FORM = {"content-type": CONTENT_TYPE}
_LEAST_BYTES_PER_SECOND = 750


def is_drafted(model: dict[str, Any]) -> bool:
    """Returns whether the provider counts what the model uses. It does not count characters."""
    return "character" not in model.get("fees", {})


def hearing_draft(choice: Choice) -> Draft:
    """Drafts a transcript or a translation, counted in tokens or in seconds."""
    size = choice.random.randint(1_000, 40_000)
    if "audio_second" in choice.prices.fees_of(choice.model):
        return _by_second(choice, size)
    streamed = choice.chance(0.5)
    body = _recording(choice, size, **({"stream": "true"} if streamed else {}))
    tokens = {"input_audio": choice.count(8_000), "input": choice.count(300), "output": choice.count(1_500)}
    inputs = tokens["input_audio"] + tokens["input"]
    usage = {
        "type": "tokens",
        "input_tokens": inputs,
        "input_token_details": {"text_tokens": tokens["input"], "audio_tokens": tokens["input_audio"]},
        "output_tokens": tokens["output"],
        "total_tokens": inputs + tokens["output"],
    }
    texts = choice.texts()
    draft = Draft(choice.model, choice.endpoint, _path(choice), body, Tally(choice.used(tokens)), headers=_FORM)
    if not streamed:
        return _document(draft, {"text": "".join(texts), "usage": choice.odd_numbers(usage)})
    parts = [Part({"type": "transcript.text.delta", "delta": text}, text) for text in texts]
    return _stream(draft, [*parts, Part({"type": "transcript.text.done", "text": "".join(texts), "usage": usage})])


def _by_second(choice: Choice, size: int) -> Draft:
    seconds = choice.random.randint(1, size // _LEAST_BYTES_PER_SECOND)
    length = seconds - choice.random.choice((0, 0.25, 0.999))
    answer: dict[str, Any] = {"text": "".join(choice.texts()), "duration": choice.random.choice((length, str(length)))}
    if choice.endpoint == "transcriptions":
        answer["usage"] = {"type": "duration", "seconds": seconds}
    tally = Tally(choice.used({}), fees={"audio_second": seconds})
    body = _recording(choice, size, response_format="verbose_json")
    return _document(Draft(choice.model, choice.endpoint, _path(choice), body, tally, headers=_FORM), answer)


def speech_draft(choice: Choice) -> Draft:
    """Drafts speech as events."""
    body = {"model": choice.asked_name, "input": choice.question, "voice": "alloy", "stream_format": "sse"}
    tokens = {"input": choice.count(900), "output_audio": choice.count(8_000)}
    usage = {"input_tokens": tokens["input"], "output_tokens": tokens["output_audio"]}
    usage["total_tokens"] = sum(usage.values())
    parts = [
        Part({"type": "speech.audio.delta", "audio": picture(choice.random)})
        for _ in range(choice.random.randint(2, 4))
    ]
    draft = Draft(choice.model, choice.endpoint, "/v1/audio/speech", body, Tally(choice.used(tokens)))
    return _stream(draft, [*parts, Part({"type": "speech.audio.done", "usage": choice.odd_numbers(usage)})])


def image_edits_draft(choice: Choice) -> Draft:
    """Drafts an edit of one picture or several."""
    streamed = choice.chance(0.5)
    pictures = [file("image[]", picture(choice.random).encode(), "a.png")] * choice.random.randint(1, 3)
    texts = {"model": choice.asked_name, "prompt": choice.question, **({"stream": "true"} if streamed else {})}
    body = form([*pictures, *(field(name, value) for name, value in texts.items())])
    tokens = {"input": choice.count(500), "input_image": choice.count(8_000), "output_image": choice.count(6_000)}
    inputs = tokens["input"] + tokens["input_image"]
    usage = {
        "input_tokens": inputs,
        "input_tokens_details": {"text_tokens": tokens["input"], "image_tokens": tokens["input_image"]},
        "output_tokens": tokens["output_image"],
        "total_tokens": inputs + tokens["output_image"],
    }
    answered = picture(choice.random)
    draft = Draft(choice.model, choice.endpoint, "/v1/images/edits", body, Tally(choice.used(tokens)), headers=_FORM)
    if not streamed:
        return _document(draft, {"created": 1, "data": [{"b64_json": answered}], "usage": choice.odd_numbers(usage)})
    parts = [
        Part({"type": "image_edit.partial_image", "partial_image_index": index, "b64_json": answered})
        for index in (0, 1)
    ]
    return _stream(draft, [*parts, Part({"type": "image_edit.completed", "b64_json": answered, "usage": usage})])


def _path(choice: Choice) -> str:
    return f"/v1/audio/{choice.endpoint}"


def _recording(choice: Choice, size: int, **fields: str) -> bytes:
    texts = {"model": choice.asked_name, "prompt": choice.question, **fields}
    parts = [file("file", choice.random.randbytes(size)), *(field(name, value) for name, value in texts.items())]
    choice.random.shuffle(parts)
    return form(parts)


def _document(draft: Draft, document: dict[str, Any]) -> Draft:
    return replace(draft, document=document)


def _stream(draft: Draft, parts: Sequence[Part]) -> Draft:
    return replace(draft, parts=tuple(parts), counted_after=len(parts))
