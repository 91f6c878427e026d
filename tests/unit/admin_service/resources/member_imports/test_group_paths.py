"""Groups are found by paths as people write them."""

import pytest

from admin_service.resources.member_imports.group_paths import (
    AmbiguousGroupError,
    Found,
    GroupTree,
    KnownGroup,
    id_of_name,
)

ENG = KnownGroup("eng", ("eng",), "Engineering")
PLATFORM = KnownGroup("platform", ("eng", "platform"), "Platform")
TWIN_A = KnownGroup("grp-a", ("eng", "grp-a"), "Twin")
TWIN_B = KnownGroup("grp-b", ("eng", "grp-b"), "Twin")
CASES = KnownGroup("grp-c", ("grp-c",), "ENG")
TREE = (ENG, PLATFORM, TWIN_A, TWIN_B, CASES)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("eng", Found(ENG, ())),
        ("Engineering/Platform", Found(PLATFORM, ())),
        (" engineering / platform ", Found(PLATFORM, ())),
        ("platform", Found(PLATFORM, ())),
        ("ENG", Found(CASES, ())),
        ("eng/grp-b", Found(TWIN_B, ())),
        ("eng/New/Below", Found(ENG, ("New", "Below"))),
        ("Sales", Found(None, ("Sales",))),
        ("Platform", Found(None, ("Platform",))),
    ],
)
def test_a_path_leads_to_the_deepest_group_that_exists(text: str, found: Found) -> None:
    assert GroupTree(TREE).find(text) == found


def test_a_name_of_several_groups_is_refused_with_their_ids() -> None:
    with pytest.raises(AmbiguousGroupError, match="grp-a, grp-b"):
        GroupTree(TREE).find("Engineering/Twin")


@pytest.mark.parametrize("text", ["/", "eng/", "/eng", "eng//platform", " / "])
def test_an_empty_part_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="empty part"):
        GroupTree(TREE).find(text)


def test_a_group_is_written_as_a_path_of_names_unless_it_is_hidden() -> None:
    tree = GroupTree(TREE)
    assert [tree.text_of(group) for group in ("platform", "hidden", None)] == ["Engineering/Platform", "hidden", ""]


def test_a_removed_group_is_not_found_anymore() -> None:
    tree = GroupTree(TREE)
    tree.remove(PLATFORM)
    assert tree.find("Engineering/Platform") == Found(ENG, ("Platform",))


@pytest.mark.parametrize(
    ("name", "group_id"),
    [
        ("Checkout", "checkout"),
        ("Visual Search & More", "visual-search-more"),
        ("Küche", "kuche"),
        ("研究", ""),
        ("研究 R&D", ""),
        ("--", ""),
        ("x" * 80, "x" * 63),
    ],
)
def test_a_name_suggests_an_id(name: str, group_id: str) -> None:
    assert id_of_name(name) == group_id
