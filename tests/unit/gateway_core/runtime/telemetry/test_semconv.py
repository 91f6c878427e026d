"""The names of attributes are those of the published conventions."""

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv.attributes import error_attributes, http_attributes
from opentelemetry.semconv.schemas import Schemas

from deploy.local.stack.specification import DEFAULT_CATALOG
from gateway_core.model.catalog_file import load_catalog
from gateway_core.runtime.telemetry import semconv

PUBLISHED = {value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI_")}
UNPUBLISHED_PROVIDERS = {"voyage"}
"""Providers of the catalog that the conventions do not name."""


def test_every_attribute_of_a_model_call_is_a_published_one() -> None:
    ours = {value for name, value in vars(semconv).items() if name.startswith("GEN_AI_")}
    assert ours
    assert ours <= PUBLISHED
    assert semconv.ERROR_TYPE == error_attributes.ERROR_TYPE
    assert semconv.HTTP_STATUS == http_attributes.HTTP_RESPONSE_STATUS_CODE


def test_the_schema_is_the_newest_that_the_locked_package_knows() -> None:
    assert list(Schemas)[-1].value == semconv.SCHEMA_URL


def test_providers_of_the_catalog_have_their_published_names() -> None:
    published = {name.value for name in gen_ai_attributes.GenAiProviderNameValues}
    names = {semconv.provider_name(provider.name) for provider in load_catalog(DEFAULT_CATALOG).providers}
    assert {"openai", "anthropic", "gcp.gemini", "mistral_ai", "x_ai"} <= names
    assert names - published == UNPUBLISHED_PROVIDERS
