"""The documentation pages that are generated from the protos."""

import re

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from admin_service.access.permission_matrix import admin_services, rows
from tests.support.repository import ROOT
from tools.pages import pages
from tools.pages.api_reference import reference
from tools.pages.permissions import permission_page
from tools.protos.api import Api
from tools.protos.descriptors import compiled, own_files

DOCS = ROOT / "docs"
CORPUS = ROOT / "tests" / "corpus" / "protos"


@pytest.fixture(scope="module")
def image() -> FileDescriptorSet:
    return compiled()


@pytest.fixture(scope="module")
def page(image: FileDescriptorSet) -> str:
    return reference(Api(own_files(image)))


def test_the_pages_are_up_to_date(image: FileDescriptorSet) -> None:
    for name, text in pages.contents(image).items():
        assert (DOCS / name).read_text(encoding="utf-8") == text, f"docs/{name} is stale: run ./dev protos --pages"


def test_the_reference_has_every_rpc_with_its_rest_path_and_permission(image: FileDescriptorSet, page: str) -> None:
    headings = re.findall(r"^### (\S+)\n(.*?)(?=^#)", page, re.MULTILINE | re.DOTALL)
    described = dict(headings)
    for file in own_files(image):
        for service, method in file.methods:
            text = described[f"{service.name}.{method.name}"]
            assert re.search(r"- REST: `(GET|POST|PATCH|DELETE) /v1/", text), method.name
            assert re.search(r"- Permission: `[A-Z_]+` on ", text), method.name


def test_the_reference_has_every_field_value_and_error_with_its_comment(image: FileDescriptorSet, page: str) -> None:
    for file in own_files(image):
        if file.descriptor.package == "megarouter.admin.v1" or file.name.endswith("error_reason.proto"):
            for item in file.items:
                if item.name.count(".") and not item.name.endswith("UNSPECIFIED"):
                    assert " ".join(item.comment.split()).replace("|", "\\|") in " ".join(page.split()), item.name


def test_every_link_inside_the_reference_leads_to_one_heading(page: str) -> None:
    headings = [re.sub(r"[^a-z0-9-]", "", heading.lower()) for heading in re.findall(r"^#+ (.*)$", page, re.MULTILINE)]
    for target in re.findall(r"\]\(#([^)]+)\)", page):
        assert headings.count(target) == 1, target


def test_bounds_of_a_field_are_shown_with_it(page: str) -> None:
    assert re.search(r"\| `display_name` \| string \| \*\*required\*\* .*max_characters `200`", page)


PLACES = ("own", "sibling")


def test_the_permission_page_shows_the_reach_of_each_role() -> None:
    page = permission_page(rows(admin_services()))
    assert "| GetApiKey | API key | `api_keys:read` | all | own, peer, below | own, peer, below | own |" in page
    assert "| AdjustCredit | within the organization | `credits:adjust` | yes | - | - | - |" in page
    assert "| UpdateGuardrail | guardrail of a member | `guardrails:write` | all | below | below | - |" in page


def test_every_rpc_is_on_the_permission_page() -> None:
    page = permission_page(rows(admin_services()))
    for service in admin_services():
        assert f"## {service.name}\n" in page
        for method in service.methods:
            assert f"| {method.name} | " in page
