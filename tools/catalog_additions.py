"""What `genai-prices` lacks: the providers, and fees, prices and aliases from the providers' public documentation.

Fees, beta flags and aliases were compared with the documentation and the providers' SDKs on 2026-11-29.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final

PROVIDERS: Final = """\
providers:
  - name: openai
    display_name: OpenAI
    credential_env: OPENAI_API_KEY
    credential_header: authorization
    stream_options: true
    chat_output_limit: max_completion_tokens  # its reasoning models refuse max_tokens
    dialects:
      openai: https://api.openai.com/v1
    betas:
      - assistants=v2
      - responses=v1
    hosted_tools:
      openai:
        web_search: [web_search]
        web_search_preview: [web_search_preview]
        code_interpreter: [code_interpreter]
        file_search: [file_search]
        mcp: []  # billed as tokens only
        tool_search: [tool_search]
    caller_tools:
      openai: [apply_patch, computer, computer_use_preview, local_shell, namespace]
    fees:  # https://developers.openai.com/api/docs/pricing, read on 2026-11-29
      # 0.03 USD: a session of 20 minutes in a container of 1 GB. OpenAI bills it by the minute; how long it lives is not reported.
      code_interpreter: 30000000
      tool_search: 0
    fees_once_per_call: [code_interpreter]
  - name: anthropic
    display_name: Anthropic
    credential_env: ANTHROPIC_API_KEY
    credential_header: x-api-key
    credential_headers:
      openai: authorization  # its compatible endpoint wants a bearer
    stream_options: true
    dialects:
      anthropic: https://api.anthropic.com/v1
      openai: https://api.anthropic.com/v1  # documented; without prompt caching
    # Flags whose features cost tokens, or what the body asks for and this file prices. Compared on 2026-11-29 with Anthropic's
    # documentation, its SDK for Python 2.12.0, and what Claude Code sends.
    betas:
      - advanced-tool-use-2025-11-20
      - claude-code-20250219
      - code-execution-2025-05-22
      - code-execution-2025-08-25
      - compact-2026-01-12
      - computer-use-2024-10-22
      - computer-use-2025-01-24
      - computer-use-2025-11-24
      - context-1m-2025-08-07
      - context-management-2025-06-27
      - dev-full-thinking-2025-05-14
      - effort-2025-11-24
      - extended-cache-ttl-2025-04-11
      - fast-mode-2026-02-01
      - files-api-2025-04-14
      - fine-grained-tool-streaming-2025-05-14
      - interleaved-thinking-2025-05-14
      - mcp-client-2025-04-04
      - mcp-client-2025-11-20
      - model-context-window-exceeded-2025-08-26
      - output-128k-2025-02-19
      - pdfs-2024-09-25
      - prompt-caching-2024-07-31
      - prompt-caching-scope-2026-01-05
      - skills-2025-10-02
      - structured-outputs-2025-11-13
      - task-budgets-2026-03-13
      - thinking-token-count-2026-05-13
      - token-counting-2024-11-01
      - token-efficient-tools-2025-02-19
      - tool-examples-2025-10-29
      - tool-search-tool-2025-10-19
      - web-fetch-2025-09-10
      - web-search-2025-03-05
    hosted_tools:
      anthropic:
        web_search: [web_search]
        code_execution: [code_execution]
        # Billed as tokens only.
        mcp_servers: []
        mcp_toolset: []
        tool_search_tool_bm25: []
        tool_search_tool_regex: []
        web_fetch: [web_fetch]
    caller_tools:
      anthropic: [bash, computer, memory, text_editor]
    fees:  # https://platform.claude.com/docs/en/about-claude/pricing, read on 2026-11-29
      # 0.05 USD an hour, at least five minutes. Not counted: 1,550 free hours a month, calls that are free because the body also
      # names web_search_20260209 or web_fetch_20260209, and containers that a body fills with files but the model does not use.
      code_execution: 4166667
      web_fetch: 0
    fees_once_per_call: [code_execution]
  - name: google
    display_name: Google
    credential_env: GEMINI_API_KEY
    credential_header: x-goog-api-key
    stream_options: true
    dialects:
      gemini: https://generativelanguage.googleapis.com/v1beta
      openai: https://generativelanguage.googleapis.com/v1beta/openai
    hosted_tools:
      gemini:
        google_search: [grounding]
        google_search_retrieval: [grounding]
        # Billed as tokens only.
        code_execution: []
        file_search: []
        url_context: []
    caller_tools:
      gemini: [computer_use]
    multipliers:  # https://ai.google.dev/gemini-api/docs/pricing; reading a cache is not discounted
      - when: {tier: flex}
        numerator: 1
        denominator: 2
        categories: [input, input_audio, input_image, output, output_reasoning, output_audio, output_image]
  - name: deepseek
    display_name: DeepSeek
    credential_env: DEEPSEEK_API_KEY
    credential_header: authorization
    stream_options: true
    dialects:
      openai: https://api.deepseek.com
  - name: mistral
    display_name: Mistral AI
    credential_env: MISTRAL_API_KEY
    credential_header: authorization
    stream_options: false  # the provider refuses it as an unknown field; the last chunk always carries the usage
    dialects:
      openai: https://api.mistral.ai/v1
  - name: xai
    display_name: xAI
    credential_env: XAI_API_KEY
    credential_header: authorization
    stream_options: true
    dialects:
      openai: https://api.x.ai/v1
    hosted_tools:
      openai:
        web_search: [web_search]
        x_search: [x_search]
        code_execution: [code_interpreter]
        code_interpreter: [code_interpreter]
        file_search: [file_search]
        collections_search: [file_search]
        attachment_search: [attachment_search]
        live_search: [live_search_source]
        search_parameters: [live_search_source]
        mcp: []
    fees:  # https://docs.x.ai/developers/pricing, read on 2026-11-29
      web_search: 5000000  # 0.005 USD
      x_search: 5000000  # 0.005 USD
      code_interpreter: 5000000  # 0.005 USD
      file_search: 2500000  # 0.0025 USD
      attachment_search: 10000000  # 0.01 USD
      live_search_source: 25000000  # 0.025 USD for each source used, until xAI ended live search; it may answer 410
  - name: groq
    display_name: Groq
    credential_env: GROQ_API_KEY
    credential_header: authorization
    stream_options: true
    dialects:
      openai: https://api.groq.com/openai/v1
    multipliers:  # flex costs what on-demand costs: https://console.groq.com/docs/flex-processing, read on 2026-11-29
      - when: {tier: flex}
        numerator: 1
  - name: cohere
    display_name: Cohere
    credential_env: COHERE_API_KEY
    credential_header: authorization
    stream_options: false  # the provider refuses it as an unknown field
    dialects:
      openai: https://api.cohere.ai/compatibility/v1
    paths:
      rerank: /v1/rerank
      rerank_v2: /v2/rerank
  - name: voyage
    display_name: Voyage AI
    credential_env: VOYAGE_API_KEY
    credential_header: authorization
    stream_options: false
    dialects:
      openai: https://api.voyageai.com/v1
"""

_RANKED_BY_COHERE: Final = "[rerank, rerank_v2]"
_RERANK_MODELS: Final = (
    # Provider, name, endpoints, context window, USD per million tokens, USD per thousand search units.
    ("cohere", "rerank-v4.0-pro", _RANKED_BY_COHERE, 32_768, Decimal(0), Decimal("2.5")),
    ("cohere", "rerank-v4.0-fast", _RANKED_BY_COHERE, 32_768, Decimal(0), Decimal(2)),
    ("cohere", "rerank-v3.5", _RANKED_BY_COHERE, 4_096, Decimal(0), Decimal(2)),
    ("voyage", "rerank-2.5", "[rerank]", 32_000, Decimal("0.05"), Decimal(0)),
    ("voyage", "rerank-2.5-lite", "[rerank]", 32_000, Decimal("0.02"), Decimal(0)),
)


def rerank_model_lines(effective_date: date) -> Iterator[str]:
    """Yields the models that rank documents, which the package does not have."""
    for provider, name, endpoints, window, usd_per_million, usd_per_thousand in _RERANK_MODELS:
        yield f"  - name: {name}"
        yield f"    provider: {provider}"
        yield f"    upstream_name: {name}"
        yield f"    endpoints: {endpoints}"
        yield f"    context_window_tokens: {window}  # documented"
        yield "    max_output_tokens: 0"
        yield "    default_output_reserve_tokens: 0"
        yield f"    aliases: [{provider}/{name}]"
        yield "    prices_nano_credits_per_million_tokens:"
        yield f"      input: {int(usd_per_million * 10**9)}  # {usd_per_million} USD, documented"
        yield "      output: 0  # 0 USD, documented"
        if usd_per_thousand:
            yield "    fees:"
            yield f"      search_unit: {int(usd_per_thousand * 10**6)}  # {usd_per_thousand / 1000} USD, documented"
        yield f"    effective_date: {effective_date.isoformat()}"


_FILE_STORES: Final = (("openai", "openai_files"), ("anthropic", "anthropic_files"))


def file_store_lines(effective_date: date) -> Iterator[str]:
    """Yields the entries that say which providers take files. They are no models, and free."""
    for provider, endpoint in _FILE_STORES:
        yield f"  - name: {provider}-files"
        yield f"    provider: {provider}"
        yield f"    upstream_name: {provider}-files"
        yield f"    endpoints: [{endpoint}]"
        yield "    context_window_tokens: 1"
        yield "    max_output_tokens: 0"
        yield "    default_output_reserve_tokens: 0"
        yield f"    aliases: [{provider}/{provider}-files]"
        yield "    prices_nano_credits_per_million_tokens:"
        yield "      input: 0  # 0 USD, documented"
        yield "      output: 0  # 0 USD, documented"
        yield f"    effective_date: {effective_date.isoformat()}"


SAME_AUDIO_PRICE: Final = frozenset(
    {"gemini-3.5-flash", "gemini-3.5-flash-lite", "gemini-3.1-pro-preview", "gemini-2.5-pro"}
)
"""Models that price audio input and cached audio like text."""

DOCUMENTED_PRICES_USD: Final[dict[str, dict[str, Decimal]]] = {
    "gpt-6.1-terra": {"cache_write_1h": Decimal("2.5")},
    "gpt-image-1": {"output_image": Decimal(40)},
    "gpt-image-1-mini": {"output_image": Decimal(8)},
    "gpt-4o-mini-tts": {"output_audio": Decimal(12)},
    "whisper-1": {"input_audio": Decimal(0)},
    "tts-1": {"output_audio": Decimal(0)},
    "tts-1-hd": {"output_audio": Decimal(0)},
}
"""USD per million tokens of the standard tier. OpenAI keeps these cache writes for 12 hours. All output of these image models is
pictures, and all of gpt-4o-mini-tts is sound. Models with a fee for each second or character have no price for tokens."""

LONG_CONTEXT_USD: Final[dict[str, dict[str, Decimal]]] = {"gpt-6.1-terra": {"cache_write_1h": Decimal(5)}}

PREVIEW_SEARCH_NANO_CREDITS: Final = 10_000_000
PREVIEW_SEARCH_MODELS: Final = ("gpt-5", "gpt-6", "o3")
"""Beginnings of the names of the models that price `web_search_preview` like `web_search`. Others do not price it alike."""

US_INFERENCE_MODELS: Final = frozenset(
    {
        "claude-fable-5-1",
        "claude-opus-5-5",
        "claude-sonnet-5-5",
        "claude-haiku-5-5",
        "claude-opus-4-8",
        "claude-sonnet-5",
    }
)
"""Models that can be asked to run in the United States, at 1.1 times the price."""

ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "gpt-5.5": ("gpt-5.5-2026-04-23",),
    "gpt-5.4-mini": ("gpt-5.4-mini-2026-03-17",),
    "gpt-5.2": ("gpt-5.2-2025-12-11",),
    "gpt-5": ("gpt-5-2025-08-07",),
    "gpt-5-mini": ("gpt-5-mini-2025-08-07",),
    "gpt-5-nano": ("gpt-5-nano-2025-08-07",),
    "gpt-4.1": ("gpt-4.1-2025-04-14",),
    "gpt-4.1-mini": ("gpt-4.1-mini-2025-04-14",),
    "gpt-4o": ("gpt-4o-2024-11-20", "gpt-4o-2024-08-06"),
    "gpt-4o-mini": ("gpt-4o-mini-2024-07-18",),
    "o3": ("o3-2025-04-16",),
    "claude-haiku-4-5": ("claude-haiku-4-5-20251001",),
}
"""Dated snapshots with the same prices. `provider/model` is an alias of every model."""
