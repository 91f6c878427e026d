"""Writes `deploy/catalog/catalog.yaml`: the models selected here at the prices of the `genai-prices` package.

`python -m tools.catalog_import` writes the file. With `--check` it only reports whether the file is current.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

from genai_prices.data import providers as genai_providers
from genai_prices.types import ConditionalPrice, ModelInfo, ModelPrice, StartDateConstraint, TieredPrices

CATALOG = Path(__file__).resolve().parents[1] / "deploy" / "catalog" / "catalog.yaml"
PRICES_OF = datetime(2026, 11, 23, tzinfo=UTC)
_KNOWN_SINCE = date(2025, 1, 1)
_NANO_CREDITS_PER_USD = 10**9
_RESERVE_TOKENS = 4096

# Price categories: the name in the catalog, and the name in the package.
_CATEGORIES = (
    ("input", "input_mtok"),
    ("cache_read", "cache_read_mtok"),
    ("cache_write_5m", "cache_write_mtok"),
    ("cache_write_1h", "cache_write_1h_mtok"),
    ("output", "output_mtok"),
)

_HEADER = """\
# The providers and models that a fresh gateway offers. Prices are integer nano-credits per million tokens
# (1 credit = 1 USD = 1,000,000,000 nano-credits).
#
# Generated, do not edit: python -m tools.catalog_import
# Prices and context windows are those of the package genai-prices {version} on {day}.
# From the providers' public documentation, because that package lacks them: all max_output_tokens
# and the context windows marked "documented". default_output_reserve_tokens is chosen by this project: the
# output tokens that are held for a call that sets no limit.
#
# - cache_write_5m is the price of cache writes unless the provider sets another one; cache_write_1h is the price
#   of Anthropic's one-hour cache.
# - long_context prices apply to all tokens of a call whose input, cache included, exceeds above_input_tokens.
# - effective_date is the start of the price if the package has it, otherwise {known_since}.
# - Not covered: batch, flex and priority tiers, audio and images, web searches, storage of caches.
version: 1
"""

_PROVIDERS = """\
providers:
  - name: openai
    display_name: OpenAI
    credential_env: OPENAI_API_KEY
    credential_header: authorization
    stream_options: true
    dialects:
      openai: https://api.openai.com/v1
  - name: anthropic
    display_name: Anthropic
    credential_env: ANTHROPIC_API_KEY
    credential_header: x-api-key
    stream_options: false
    dialects:
      anthropic: https://api.anthropic.com/v1
  - name: google
    display_name: Google
    credential_env: GEMINI_API_KEY
    credential_header: x-goog-api-key
    stream_options: true
    dialects:
      gemini: https://generativelanguage.googleapis.com/v1beta
      openai: https://generativelanguage.googleapis.com/v1beta/openai
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
    stream_options: false  # refused as an unknown field; the last chunk always carries the usage
    dialects:
      openai: https://api.mistral.ai/v1
  - name: xai
    display_name: xAI
    credential_env: XAI_API_KEY
    credential_header: authorization
    stream_options: true
    dialects:
      openai: https://api.x.ai/v1
  - name: groq
    display_name: Groq
    credential_env: GROQ_API_KEY
    credential_header: authorization
    stream_options: true
    dialects:
      openai: https://api.groq.com/openai/v1
  - name: cohere
    display_name: Cohere
    credential_env: COHERE_API_KEY
    credential_header: authorization
    stream_options: false  # refused as an unknown field
    dialects:
      openai: https://api.cohere.ai/compatibility/v1
"""


@dataclass(frozen=True)
class Selection:
    """One model of the catalog, with what `genai-prices` lacks about it."""

    provider: str
    upstream_name: str
    endpoints: tuple[str, ...]
    max_output_tokens: int
    context_window_tokens: int | None = None
    """Set only if the package lacks it."""

    @property
    def name(self) -> str:
        """The public name: the upstream name without the maker's prefix."""
        return self.upstream_name.rpartition("/")[2]


_CHAT = ("chat_completions",)
_OPENAI = ("chat_completions", "responses")
_GEMINI = ("generate_content", "chat_completions")
_EMBEDDINGS = ("embeddings",)
_MESSAGES = ("messages",)

SELECTIONS: tuple[Selection, ...] = (
    Selection("openai", "gpt-6-astra", _OPENAI, 128_000),
    Selection("openai", "gpt-6.1-sol", _OPENAI, 128_000),
    Selection("openai", "gpt-6.1-terra", _OPENAI, 128_000),
    Selection("openai", "gpt-6-luna", _OPENAI, 128_000),
    Selection("openai", "gpt-5.5", _OPENAI, 128_000),
    Selection("openai", "gpt-5.4-mini", _OPENAI, 128_000),
    Selection("openai", "gpt-5.2", _OPENAI, 128_000),
    Selection("openai", "gpt-5", _OPENAI, 128_000),
    Selection("openai", "gpt-5-mini", _OPENAI, 128_000),
    Selection("openai", "gpt-5-nano", _OPENAI, 128_000),
    Selection("openai", "gpt-4.1", _OPENAI, 32_768),
    Selection("openai", "gpt-4.1-mini", _OPENAI, 32_768),
    Selection("openai", "gpt-4o", _OPENAI, 16_384),
    Selection("openai", "gpt-4o-mini", _OPENAI, 16_384),
    Selection("openai", "o3", _OPENAI, 100_000),
    Selection("openai", "gpt-3.5-turbo-instruct", ("completions",), 4_096),
    Selection("openai", "text-embedding-3-small", _EMBEDDINGS, 0),
    Selection("openai", "text-embedding-3-large", _EMBEDDINGS, 0),
    Selection("anthropic", "claude-fable-5-1", _MESSAGES, 128_000),
    Selection("anthropic", "claude-opus-5-5", _MESSAGES, 128_000),
    Selection("anthropic", "claude-sonnet-5-5", _MESSAGES, 128_000),
    Selection("anthropic", "claude-haiku-5-5", _MESSAGES, 128_000),
    Selection("anthropic", "claude-opus-4-8", _MESSAGES, 128_000),
    Selection("anthropic", "claude-sonnet-5", _MESSAGES, 128_000),
    Selection("anthropic", "claude-haiku-4-5", _MESSAGES, 64_000),
    Selection("google", "gemini-3.5-flash", _GEMINI, 65_536),
    Selection("google", "gemini-3.5-flash-lite", _GEMINI, 65_536),
    Selection("google", "gemini-3.1-pro-preview", _GEMINI, 65_536, 1_048_576),
    Selection("google", "gemini-2.5-pro", _GEMINI, 65_536, 1_048_576),
    Selection("google", "gemini-2.5-flash", _GEMINI, 65_536),
    Selection("google", "gemini-2.5-flash-lite", _GEMINI, 65_536),
    Selection("google", "gemini-embedding-001", _EMBEDDINGS, 0, 2_048),
    Selection("deepseek", "deepseek-v4-pro", _CHAT, 393_216),
    Selection("deepseek", "deepseek-flash", _CHAT, 393_216),
    Selection("mistral", "mistral-large-4", _CHAT, 1_048_576),
    Selection("mistral", "mistral-medium-3-5", _CHAT, 262_144),
    Selection("mistral", "mistral-small-2603", _CHAT, 262_144),
    Selection("xai", "grok-4.7", _CHAT, 500_000),
    Selection("xai", "grok-4.3", _CHAT, 1_000_000),
    Selection("groq", "openai/gpt-oss-120b", _CHAT, 65_536),
    Selection("groq", "openai/gpt-oss-20b", _CHAT, 65_536),
    Selection("groq", "qwen/qwen3.8-27b", _CHAT, 16_384),
    Selection("cohere", "command-a-03-2025", _CHAT, 8_000, 256_000),
    Selection("cohere", "embed-v4.0", _EMBEDDINGS, 0),
)

_GENAI_PROVIDER = {"xai": "x-ai"}


def render_catalog() -> str:
    """Returns the text of the file.

    Raises ValueError for a model that the package does not know, or whose price the catalog cannot express.
    """
    models = "\n".join("\n".join(_model_lines(selection)) for selection in SELECTIONS)
    header = _HEADER.format(
        version=version("genai-prices"), day=PRICES_OF.date().isoformat(), known_since=_KNOWN_SINCE.isoformat()
    )
    return f"{header}{_PROVIDERS}models:\n{models}\n"


def _model_lines(selection: Selection) -> Iterator[str]:
    model = _genai_model(selection)
    price, by_time_of_day = _highest_price(model)
    context, documented = model.context_window or selection.context_window_tokens, model.context_window is None
    if context is None:
        raise ValueError(f"{selection.name}: no context window; set context_window_tokens")
    yield f"  - name: {selection.name}"
    yield f"    provider: {selection.provider}"
    yield f"    upstream_name: {selection.upstream_name}"
    yield f"    endpoints: [{', '.join(selection.endpoints)}]"
    yield f"    context_window_tokens: {context}" + ("  # documented" if documented else "")
    yield f"    max_output_tokens: {selection.max_output_tokens}"
    yield f"    default_output_reserve_tokens: {min(_RESERVE_TOKENS, selection.max_output_tokens)}"
    if by_time_of_day:
        yield "    # Cheaper at some hours of the day; this is the highest price."
    yield "    prices_nano_credits_per_million_tokens:"
    yield from _price_lines(price, "      ", long_context=False)
    threshold = _long_context_threshold(selection.name, price)
    if threshold is not None:
        yield "    long_context:"
        yield f"      above_input_tokens: {threshold}"
        yield "      prices_nano_credits_per_million_tokens:"
        yield from _price_lines(price, "        ", long_context=True)
    yield f"    effective_date: {_effective_date(model).isoformat()}"


def _genai_model(selection: Selection) -> ModelInfo:
    provider_id = _GENAI_PROVIDER.get(selection.provider, selection.provider)
    provider = next(provider for provider in genai_providers if provider.id == provider_id)
    model = provider.find_model(selection.upstream_name)
    if model is None:
        raise ValueError(f"{selection.name}: genai-prices does not know this model")
    if any(start > PRICES_OF.date() for start in _start_dates(model)):
        raise ValueError(f"{selection.name}: a new price is announced, so today's price will change")
    return model


def _highest_price(model: ModelInfo) -> tuple[ModelPrice, bool]:
    """Returns the price at the most expensive hour, and whether hours differ. A hold must never be too small."""
    prices = [model.get_prices(PRICES_OF + timedelta(hours=hour, minutes=30)) for hour in range(24)]
    highest = max(prices, key=lambda price: _usd(price.input_mtok) + _usd(price.output_mtok))
    return highest, any(price != highest for price in prices)


def _price_lines(price: ModelPrice, indent: str, *, long_context: bool) -> Iterator[str]:
    for name, genai_name in _CATEGORIES:
        value = getattr(price, genai_name)
        if value is None and name != "output":
            continue
        usd = _usd(value, long_context=long_context)
        nano_credits = usd * _NANO_CREDITS_PER_USD
        if nano_credits != int(nano_credits):
            raise ValueError(f"{usd} USD is not a whole number of nano-credits")
        yield f"{indent}{name}: {int(nano_credits)}  # {usd.normalize():f} USD"


def _usd(value: Decimal | TieredPrices | None, *, long_context: bool = False) -> Decimal:
    if isinstance(value, TieredPrices):
        return value.tiers[0].price if long_context else value.base
    return value if value is not None else Decimal(0)


def _long_context_threshold(name: str, price: ModelPrice) -> int | None:
    """Returns the input size above which the tier applies, or None without tiers.

    Raises ValueError unless all prices share exactly one tier.
    """
    tiered = [value for _, key in _CATEGORIES if isinstance(value := getattr(price, key), TieredPrices)]
    if not tiered:
        return None
    starts = {tuple(tier.start for tier in value.tiers) for value in tiered}
    if len(starts) != 1 or len(only := starts.pop()) != 1:
        raise ValueError(f"{name}: more than one price tier")
    return only[0]


def _effective_date(model: ModelInfo) -> date:
    return max([start for start in _start_dates(model) if start <= PRICES_OF.date()], default=_KNOWN_SINCE)


def _start_dates(model: ModelInfo) -> list[date]:
    conditional: list[ConditionalPrice] = [] if isinstance(model.prices, ModelPrice) else model.prices
    return [price.constraint.start_date for price in conditional if isinstance(price.constraint, StartDateConstraint)]


def main() -> int:
    """Writes the file, or compares it with `--check`. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the file is not current")
    text = render_catalog()
    if not parser.parse_args().check:
        CATALOG.write_text(text)
        return 0
    if CATALOG.read_text() == text:
        return 0
    sys.stderr.write(f"{CATALOG} is not current: run python -m tools.catalog_import\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
