"""Reads definitions in the form of the catalog file, and shows them."""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from pydantic import ValidationError

from admin_service.api.errors import FieldViolation, invalid_fields
from gateway_core.model.catalog.entries import Catalog, Model
from gateway_core.model.catalog.providers.provider import Provider
from gateway_core.model.validation_problems import problems_of

_FIELD: Final = "definition"
_MOST_PROBLEMS: Final = 20


def read_provider(definition: Struct, name: str, others: Mapping[str, Provider]) -> Provider:
    """Returns the provider that a definition describes.

    Args:
        definition: of the request.
        name: of the provider.
        others: those that `same_as` may name.

    Raises:
        AdminError: FIELD_INVALID.
    """
    given = plain(definition)
    if (first := given.pop("same_as", None)) is not None:
        if first not in others:
            raise invalid_fields(FieldViolation(f"{_FIELD}.same_as", "names no provider"))
        given = {**others[first].model_dump(mode="json"), **given}
    values = {"credential_env": _variable(name), **given, "name": name}
    try:
        provider = Provider.model_validate(values)
    except ValidationError as error:
        raise _refusal(error) from None
    if provider.authentication is not None and provider.authentication.kind != "aws_signature":
        message = "gives tokens, which token_service fetches only for providers of the catalog file"
        raise invalid_fields(FieldViolation(f"{_FIELD}.authentication", message))
    return provider


def read_model(definition: Struct, name: str, providers: Mapping[str, Provider]) -> Model:
    """Returns the model that a definition describes, with the prices that it has with its providers.

    Raises:
        AdminError: FIELD_INVALID.
    """
    try:
        model = Model.model_validate({**plain(definition), "name": name})
        served_by = [providers[one] for one in model.providers if one in providers]
        [whole] = Catalog(providers=tuple(served_by), models=(model,)).with_provider_prices().models
    except ValidationError as error:
        raise _refusal(error) from None
    return whole


def plain(definition: Struct) -> dict[str, Any]:
    """Returns a definition as values of Python. JSON's numbers are whole numbers where they can be."""
    return {name: _plain(value) for name, value in json_format.MessageToDict(definition).items()}


def shown(entry: Provider | Model) -> Struct:
    """Returns the definition of a provider or model, without what it says by default."""
    message = Struct()
    message.update(entry.model_dump(mode="json", exclude_defaults=True, exclude={"name", "schedules"}))
    return message


def _plain(value: Any) -> Any:  # noqa: ANN401 - any value of JSON
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return int(value) if isinstance(value, float) and math.isfinite(value) and value.is_integer() else value


def _variable(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", name.upper()) + "_API_KEY"


def _refusal(error: ValidationError) -> Exception:
    problems = [(place, text) for place, text in problems_of(error)][:_MOST_PROBLEMS]
    return invalid_fields(
        *(FieldViolation(".".join(filter(None, (_FIELD, _own(place)))), text) for place, text in problems)
    )


def _own(place: str) -> str:
    """Returns the place within the definition. The whole catalog is checked, of which it is the only entry."""
    return re.sub(r"^(models|providers)\.\d+\.?", "", place)
