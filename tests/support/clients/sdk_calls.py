"""One function for each typical use of an SDK. Only the address and the key differ from the provider's documentation."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from anthropic import AsyncAnthropic
from google import genai
from google.genai import types
from openai import AsyncOpenAI

_PICTURE = b"\x89PNG" + bytes(500)
_RECORDING = b"ID3" + bytes(20_000)


@dataclass
class Sdks:
    """The three SDKs, configured for the gateway."""

    openai: AsyncOpenAI
    anthropic: AsyncAnthropic
    gemini: genai.Client


def connect(base_url: str, key: str) -> Sdks:
    return Sdks(
        AsyncOpenAI(base_url=f"{base_url}/v1", api_key=key, max_retries=0),
        AsyncAnthropic(base_url=base_url, api_key=key, max_retries=0),
        genai.Client(api_key=key, http_options=types.HttpOptions(base_url=base_url)),
    )


Call = Callable[[Sdks, str, int], Awaitable[str]]
"""Takes the SDKs, a text and a limit on output tokens. Returns the text of the answer."""


async def chat(sdks: Sdks, text: str, limit: int) -> str:
    answer = await sdks.openai.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": text}], max_completion_tokens=limit
    )
    return answer.choices[0].message.content or ""


async def chat_stream(sdks: Sdks, text: str, limit: int) -> str:
    stream = await sdks.openai.chat.completions.create(
        model="gpt-5-mini", messages=[{"role": "user", "content": text}], max_completion_tokens=limit, stream=True
    )
    # Naive callers expect every chunk to have a choice.
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])


async def chat_stream_with_usage(sdks: Sdks, text: str, limit: int) -> str:
    stream = await sdks.openai.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": text}],
        max_completion_tokens=limit,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].usage is not None
    assert chunks[-1].choices == []
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


async def chat_other_provider(sdks: Sdks, text: str, limit: int) -> str:
    answer = await sdks.openai.chat.completions.create(
        model="grok-4.3", messages=[{"role": "user", "content": text}], max_completion_tokens=limit
    )
    return answer.choices[0].message.content or ""


async def chat_renamed_stream(sdks: Sdks, text: str, limit: int) -> str:
    """Calls a model that has another name at its provider."""
    stream = await sdks.openai.chat.completions.create(
        model="gpt-oss-20b", messages=[{"role": "user", "content": text}], max_completion_tokens=limit, stream=True
    )
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])


async def chat_provider_without_stream_options(sdks: Sdks, text: str, limit: int) -> str:
    stream = await sdks.openai.chat.completions.create(
        model="mistral-small-2603", messages=[{"role": "user", "content": text}], max_tokens=limit, stream=True
    )
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])


async def chat_claude(sdks: Sdks, text: str, limit: int) -> str:
    answer = await sdks.openai.chat.completions.create(
        model="claude-haiku-4-5", messages=[{"role": "user", "content": text}], max_tokens=limit
    )
    return answer.choices[0].message.content or ""


async def chat_claude_stream(sdks: Sdks, text: str, limit: int) -> str:
    stream = await sdks.openai.chat.completions.create(
        model="claude-sonnet-5", messages=[{"role": "user", "content": text}], max_tokens=limit, stream=True
    )
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])


async def completion(sdks: Sdks, text: str, limit: int) -> str:
    answer = await sdks.openai.completions.create(model="gpt-3.5-turbo-instruct", prompt=text, max_tokens=limit)
    return str(answer.choices[0].text)


async def completion_stream(sdks: Sdks, text: str, limit: int) -> str:
    stream = await sdks.openai.completions.create(
        model="gpt-3.5-turbo-instruct", prompt=text, max_tokens=limit, stream=True
    )
    return "".join([chunk.choices[0].text async for chunk in stream])


async def response(sdks: Sdks, text: str, limit: int) -> str:
    answer = await sdks.openai.responses.create(model="gpt-5", input=text, max_output_tokens=limit)
    return str(answer.output_text)


async def response_stream(sdks: Sdks, text: str, limit: int) -> str:
    stream = await sdks.openai.responses.create(model="gpt-5-nano", input=text, max_output_tokens=limit, stream=True)
    return "".join([event.delta async for event in stream if event.type == "response.output_text.delta"])


async def embedding(sdks: Sdks, text: str, _limit: int) -> str:
    answer = await sdks.openai.embeddings.create(model="text-embedding-3-small", input=text)
    return str(len(answer.data[0].embedding))


async def message(sdks: Sdks, text: str, limit: int) -> str:
    answer = await sdks.anthropic.messages.create(
        model="claude-sonnet-5", max_tokens=limit, messages=[{"role": "user", "content": text}]
    )
    return "".join(block.text for block in answer.content if block.type == "text")


async def message_stream(sdks: Sdks, text: str, limit: int) -> str:
    async with sdks.anthropic.messages.stream(
        model="claude-haiku-4-5", max_tokens=limit, messages=[{"role": "user", "content": text}]
    ) as stream:
        return "".join([piece async for piece in stream.text_stream])


async def content(sdks: Sdks, text: str, limit: int) -> str:
    answer = await sdks.gemini.aio.models.generate_content(
        model="gemini-2.5-flash", contents=text, config=types.GenerateContentConfig(max_output_tokens=limit)
    )
    return answer.text or ""


async def content_stream(sdks: Sdks, text: str, limit: int) -> str:
    stream = await sdks.gemini.aio.models.generate_content_stream(
        model="gemini-2.5-pro", contents=text, config=types.GenerateContentConfig(max_output_tokens=limit)
    )
    return "".join([piece.text or "" async for piece in stream])


async def content_embeddings(sdks: Sdks, text: str, _limit: int) -> str:
    answer = await sdks.gemini.aio.models.embed_content(model="gemini-embedding-001", contents=[text, text])
    return str([len(embedding.values or []) for embedding in answer.embeddings or []])


async def image(sdks: Sdks, text: str, _limit: int) -> str:
    answer = await sdks.openai.images.generate(model="gpt-image-1", prompt=text)
    return str(len((answer.data or [])[0].b64_json or ""))


async def image_stream(sdks: Sdks, text: str, _limit: int) -> str:
    stream = await sdks.openai.images.generate(model="gpt-image-1-mini", prompt=text, stream=True, partial_images=1)
    return "".join([event.type async for event in stream])


async def image_edit(sdks: Sdks, text: str, _limit: int) -> str:
    pictures = [("a.png", _PICTURE, "image/png"), ("b.png", _PICTURE, "image/png")]
    answer = await sdks.openai.images.edit(model="gpt-image-1", image=pictures, prompt=text, n=1)
    return str(len((answer.data or [])[0].b64_json or ""))


async def image_edit_stream(sdks: Sdks, text: str, _limit: int) -> str:
    stream = await sdks.openai.images.edit(
        model="openai/gpt-image-1-mini", image=("a.png", _PICTURE, "image/png"), prompt=text, stream=True
    )
    return "".join([event.type async for event in stream])


async def transcription(sdks: Sdks, text: str, _limit: int) -> str:
    answer = await sdks.openai.audio.transcriptions.create(
        model="gpt-4o-transcribe", file=("speech.mp3", _RECORDING), prompt=text
    )
    assert answer.usage is not None
    return str(answer.text)


async def transcription_stream(sdks: Sdks, text: str, _limit: int) -> str:
    stream = await sdks.openai.audio.transcriptions.create(
        model="gpt-4o-mini-transcribe", file=("speech.mp3", _RECORDING), prompt=text, stream=True
    )
    return "".join([event.delta async for event in stream if event.type == "transcript.text.delta"])


async def transcription_by_duration(sdks: Sdks, text: str, _limit: int) -> str:
    answer = await sdks.openai.audio.transcriptions.create(
        model="openai/whisper-1",
        file=("speech.mp3", _RECORDING),
        prompt=text,
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert answer.usage is not None
    return str(answer.text)


async def translation(sdks: Sdks, text: str, _limit: int) -> str:
    answer = await sdks.openai.audio.translations.create(
        model="whisper-1", file=("speech.mp3", _RECORDING), prompt=text, response_format="verbose_json"
    )
    return str(answer.text)


async def speech(sdks: Sdks, text: str, _limit: int) -> str:
    answer = await sdks.openai.audio.speech.create(model="tts-1", voice="alloy", input=text)
    return str(len(await answer.aread()))


async def speech_stream(sdks: Sdks, text: str, _limit: int) -> str:
    calls = sdks.openai.audio.speech.with_streaming_response
    async with calls.create(model="gpt-4o-mini-tts", voice="alloy", input=text, stream_format="sse") as answer:
        return "".join([line async for line in answer.iter_lines() if line.startswith("event: ")])


async def count_message_tokens(sdks: Sdks, text: str, _limit: int) -> str:
    messages = sdks.anthropic.messages
    answer = await messages.count_tokens(model="claude-haiku-4-5", messages=[{"role": "user", "content": text}])
    return str(answer.input_tokens)


async def count_response_tokens(sdks: Sdks, text: str, _limit: int) -> str:
    answer = await sdks.openai.responses.input_tokens.count(model="gpt-5", input=text)
    return str(answer.input_tokens)


async def count_content_tokens(sdks: Sdks, text: str, _limit: int) -> str:
    answer = await sdks.gemini.aio.models.count_tokens(model="gemini-2.5-flash", contents=text)
    return str(answer.total_tokens)


async def moderation(sdks: Sdks, text: str, _limit: int) -> str:
    answer = await sdks.openai.moderations.create(input=text)
    return str(len(answer.results))


FREE: tuple[Call, ...] = (count_message_tokens, count_response_tokens, count_content_tokens, moderation)
"""Return numbers, and cost nothing."""

ALL: tuple[Call, ...] = (
    chat,
    chat_stream,
    chat_stream_with_usage,
    chat_other_provider,
    chat_renamed_stream,
    chat_provider_without_stream_options,
    chat_claude,
    chat_claude_stream,
    completion,
    completion_stream,
    response,
    response_stream,
    embedding,
    message,
    message_stream,
    content,
    content_stream,
    content_embeddings,
    image,
    image_stream,
    image_edit,
    image_edit_stream,
    transcription,
    transcription_stream,
    transcription_by_duration,
    translation,
    speech,
    speech_stream,
)
