"""The sources of tokens: what to ask for a token, with which credential, and into which file to write it."""

from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from gateway_core.model.catalog.providers.authentication import GoogleServiceAccount, MicrosoftEntra
from gateway_core.model.validation_problems import problems_of
from gateway_core.runtime.settings import StartRefusedError

SOURCES_MAX: Final = 256


class TokenSource(BaseModel):
    """One account at a provider that wants tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    target: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
    """The place that receives the calls: the provider, perhaps with a dialect."""
    authentication: Annotated[GoogleServiceAccount | MicrosoftEntra, Field(discriminator="kind")]
    credential_file: Path
    """The key of the service account, or the secret of the application. It is read again for every token."""
    token_file: Path
    """What Envoy sends."""


_SOURCES: Final = TypeAdapter(Annotated[tuple[TokenSource, ...], Field(max_length=SOURCES_MAX)])


def read_sources(file: Path) -> tuple[TokenSource, ...]:
    """Reads the sources from a JSON array.

    Raises:
        StartRefusedError: the file cannot be read, or is no such array.
    """
    try:
        sources = _SOURCES.validate_json(file.read_bytes())
    except OSError as error:
        raise StartRefusedError(f"{file}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        place, problem = problems_of(error)[0]
        raise StartRefusedError(f"{file}: {place or 'the file'}: {problem}") from error
    if len({one.token_file for one in sources}) < len(sources):
        raise StartRefusedError(f"{file}: two sources write the same token_file")
    return sources
