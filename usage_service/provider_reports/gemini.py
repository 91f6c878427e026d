"""Usage in Gemini's own form.

It counts cached tokens inside the prompt, thoughts beside the candidates, and tool-use prompts beside the prompt. Zeros
are left out. Modalities come as lists.
"""

from typing import Final

from gateway_core.model.catalog.token_usage import TokenUsage
from usage_service.provider_reports.counts import Counts, rest_of
from usage_service.provider_reports.reading import Flag, Reading

_AUDIO: Final = "AUDIO"
_IMAGE: Final = "IMAGE"


def read_gemini(usage: Counts) -> Reading | None:
    """Reads `usageMetadata`; returns None if it counts nothing."""
    prompt, candidates = usage.get("promptTokenCount"), usage.first("candidatesTokenCount", "responseTokenCount")
    thoughts, total = usage.get("thoughtsTokenCount"), usage.get("totalTokenCount")
    if prompt is None and candidates is None and thoughts is None:
        return None if total is None else Reading(total=total)
    tool_use = usage.of("toolUsePromptTokenCount")
    unnamed = _unnamed(usage, total, (prompt or 0) + (candidates or 0), thoughts or 0, tool_use)
    if prompt is None and unnamed:
        prompt, unnamed = unnamed, 0
    text, cached, audio, image, cached_audio = _input(usage, prompt or 0, tool_use)
    output = _modalities(usage, "candidatesTokensDetails", "responseTokensDetails")
    out_audio, out_image = output.get(_AUDIO, 0), output.get(_IMAGE, 0)
    return Reading(
        usage=TokenUsage(
            input=text,
            cache_read=cached,
            input_audio=audio,
            input_image=image,
            cache_read_audio=cached_audio,
            output=rest_of(candidates or 0, out_audio + out_image, usage.notes),
            output_reasoning=(thoughts or 0) + unnamed,
            output_audio=out_audio,
            output_image=out_image,
        ),
        input_counted=prompt is not None,
        # The API leaves out zeros, so an absent count is one; `settle` sees whether text was delivered.
        output_counted=True,
    )


def _unnamed(usage: Counts, total: int | None, named: int, *beside: int) -> int:
    """Returns how many tokens only the total contains. Some servers leave the counts in `beside` out of it."""
    if total is None:
        return 0
    sums = {named}
    for extra in beside:
        sums |= {known + extra for known in sums}
    if total in sums:
        return 0
    largest = max(sums)
    usage.notes.add(Flag.UNNAMED_OUTPUT if total > largest else Flag.CONTRADICTORY_COUNTS)
    return max(total - largest, 0)


def _input(usage: Counts, prompt: int, tool_use: int) -> tuple[int, int, int, int, int]:
    """Splits the input: uncached text, cached, audio, images, cached audio. Video and documents cost what text costs."""
    cached = usage.of("cachedContentTokenCount")
    inside = _modalities(usage, "promptTokensDetails", "promptTokenDetails")  # the second one in embeddings
    of_cache = _modalities(usage, "cacheTokensDetails")
    of_tools = _modalities(usage, "toolUsePromptTokensDetails")
    cached_audio = min(of_cache.get(_AUDIO, 0), cached)
    cached_image = min(of_cache.get(_IMAGE, 0), cached - cached_audio)
    audio = max(inside.get(_AUDIO, 0) - cached_audio, 0)
    image = max(inside.get(_IMAGE, 0) - cached_image, 0)
    tool_audio, tool_image = of_tools.get(_AUDIO, 0), of_tools.get(_IMAGE, 0)
    uncached = rest_of(prompt, cached + audio + image, usage.notes)
    uncached += rest_of(tool_use, tool_audio + tool_image, usage.notes)
    return uncached, cached - cached_audio, audio + tool_audio, image + tool_image, cached_audio


def _modalities(usage: Counts, *names: str) -> dict[str, int]:
    """Returns the counts of a list of modalities, by modality in capitals."""
    found: dict[str, int] = {}
    for name in names:
        for entry in usage.listed(name):
            if modality := entry.text("modality"):
                found[modality.upper()] = found.get(modality.upper(), 0) + entry.of("tokenCount")
    return found
