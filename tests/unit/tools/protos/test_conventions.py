"""The conventions for every proto of this project, including future ones."""

import shutil
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tests.support.repository import ROOT
from tools.protos import buf, generate
from tools.protos.api import Api
from tools.protos.conventions import RULES, Rule
from tools.protos.descriptors import compiled, own_files, source_names

CORPUS = ROOT / "tests" / "corpus" / "protos"


@pytest.fixture(scope="module")
def image() -> FileDescriptorSet:
    return compiled()


def breaches(api: Api, rule: Rule) -> list[str]:
    return [f"{file.name}: {rule.__name__}: {breach}" for file in api.files for breach in rule(file, api)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_protos_follow_the_rule(image: FileDescriptorSet, rule: Rule) -> None:
    assert breaches(Api(own_files(image)), rule) == []


def test_every_proto_of_the_project_is_checked(image: FileDescriptorSet) -> None:
    checked = [file.name for file in own_files(image)]
    without_sdk = {"megarouter/files/v1/files.proto", "megarouter/scim/v1/scim.proto"}
    assert checked == [name for name in source_names() if name not in without_sdk]


def test_a_rule_reports_exactly_its_violations() -> None:
    """The protos in the corpus violate every rule in every possible way."""
    api = Api(own_files(compiled(CORPUS)))
    found = [line for rule in RULES for line in breaches(api, rule)]
    expected = (CORPUS / "breaches.txt").read_text(encoding="utf-8").splitlines()
    assert sorted(found) == sorted(f"megarouter/bad/v1/{line}" for line in expected)
    assert all(any(f": {rule.__name__}: " in line for line in found) for rule in RULES)


def test_buf_finds_no_violation_in_the_protos(image: FileDescriptorSet) -> None:
    buf.lint(image)


def test_buf_lint_reports_a_violation() -> None:
    with pytest.raises(buf.BufError, match="KIND_THING"):
        buf.lint(compiled(CORPUS))


def test_the_protos_are_compatible_with_the_accepted_ones(image: FileDescriptorSet) -> None:
    """To accept an intended breaking change, run `./dev protos --accept`."""
    buf.breaking(image)


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [
        ("string display_name = 3 [", "int64 display_name = 3 [", "changed type"),
        ("string etag = 9 [", "string entity_tag = 9 [", "changed name"),
        ("rpc GetApiKey(GetApiKeyRequest)", "rpc FetchApiKey(GetApiKeyRequest)", "GetApiKey.*deleted"),
    ],
)
def test_an_edit_that_breaks_clients_is_refused_and_can_be_accepted(
    tmp_path: Path, before: str, after: str, rule: str
) -> None:
    sources, baseline = tmp_path / "protos", tmp_path / "baseline.binpb"
    shutil.copytree(generate.SOURCES / "megarouter", sources / "megarouter")
    buf.accept(compiled(sources), baseline)
    edited = sources / "megarouter" / "admin" / "v1" / "api_key.proto"
    text = edited.read_text(encoding="utf-8")
    assert before in text
    edited.write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(buf.BufError, match=rule):
        buf.breaking(compiled(sources), baseline)
    buf.accept(compiled(sources), baseline)
    buf.breaking(compiled(sources), baseline)


def test_an_addition_breaks_no_client(tmp_path: Path) -> None:
    sources, baseline = tmp_path / "protos", tmp_path / "baseline.binpb"
    shutil.copytree(generate.SOURCES / "megarouter", sources / "megarouter")
    buf.accept(compiled(sources), baseline)
    with (sources / "megarouter" / "admin" / "v1" / "api_key.proto").open("a", encoding="utf-8") as file:
        file.write("\n// Something new.\nmessage Novelty {}\n")
    buf.breaking(compiled(sources), baseline)


def test_the_same_sources_give_the_same_code(tmp_path: Path) -> None:
    contents = []
    for out in (tmp_path / "one", tmp_path / "two"):
        generate.generate(out)
        contents.append({file.relative_to(out): file.read_bytes() for file in out.rglob("*") if file.is_file()})
    assert contents[0] == contents[1]
    assert Path("megarouter/admin/v1/api_key_pb2.py") in contents[0]
