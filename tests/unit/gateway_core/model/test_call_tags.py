"""The grammar of `x-tags`: every form that clients and proxies send is read as documented, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model.call_tags import MAX_BYTES, MAX_TAGS, TagsError, read_tags


@pytest.mark.parametrize(
    ("lines", "tags"),
    [
        ([b"project=search,env=test"], {"project": "search", "env": "test"}),
        ([b"project=search", b"env=test"], {"project": "search", "env": "test"}),
        ([b"  project =\tsearch , env= test "], {"project": "search", "env": "test"}),
        ([b"Project=Search"], {"project": "Search"}),
        ([b"team=data science"], {"team": "data science"}),
        ([b"formula=a=b=c"], {"formula": "a=b=c"}),
        ([b"list=a%2Cb%2cc"], {"list": "a,b,c"}),
        ([b"share=50%25"], {"share": "50%"}),
        ([b"plus=a+b"], {"plus": "a+b"}),
        (["team=研究".encode()], {"team": "研究"}),
        ([b"team=%E7%A0%94%E7%A9%B6"], {"team": "研究"}),
        (["team=e\u0301quipe".encode()], {"team": "\u00e9quipe"}),
        ([b"a.b-c_9=1"], {"a.b-c_9": "1"}),
        ([b""], {}),
        ([b" "], {}),
        ([], {}),
        ([b"a=1", b"", b"b=2"], {"a": "1", "b": "2"}),
        ([b"n" * 64 + b"=" + b"v" * 64], {"n" * 64: "v" * 64}),
        ([b"v=" + b"%E7%A0%94" * 21], {"v": "研" * 21}),
    ],
)
def test_what_travels_is_read(lines: list[bytes], tags: dict[str, str]) -> None:
    assert dict(read_tags(lines)) == tags
    assert read_tags(lines) == tuple(sorted(tags.items()))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"project", "name=value pairs"),
        (b"a=1,", "name=value pairs"),
        (b",a=1", "name=value pairs"),
        (b"a=1,,b=2", "name=value pairs"),
        (b"a b=1", "letters"),
        (b"=1", "letters"),
        (b"-a=1", "letters"),
        (b"a/b=1", "letters"),
        ("größe=1".encode(), "letters"),
        ("\u212a=1".encode(), "letters"),
        (b"n" * 65 + b"=1", "letters"),
        (b"a=", "values of 1 to 64"),
        (b"a=  ", "values of 1 to 64"),
        (b"a=" + b"v" * 65, "values of 1 to 64"),
        (b"a=" + b"%E7%A0%94" * 22, "values of 1 to 64"),
        (b"a=1,a=1", "'a' twice"),
        (b"a=1,A=2", "'a' twice"),
        (b"a=50%", "hexadecimal"),
        (b"a=%4", "hexadecimal"),
        (b"a=%GG", "hexadecimal"),
        (b"a=%FF", "UTF-8"),
        (b"a=\xff", "UTF-8"),
        (b"a=%ED%A0%80", "UTF-8"),
        (b"a=%00", "control characters"),
        (b"a=x%1Fy", "control characters"),
        (b"a=x%0Ay", "control characters"),
        (b"a=%E2%80%A8", "control characters"),
        (b"a=1,b=2,c=3,d=4,e=5,f=6", "at most 5 tags"),
        (b"a=" + b"v" * 5_000, "4096 bytes"),
    ],
)
def test_everything_else_is_refused(line: bytes, why: str) -> None:
    with pytest.raises(TagsError, match=why):
        read_tags([line])


def test_the_same_name_on_two_lines_is_refused() -> None:
    with pytest.raises(TagsError, match="twice"):
        read_tags([b"a=1", b"a=2"])


@given(st.lists(st.binary(max_size=80), max_size=3))
def test_any_bytes_are_read_or_refused(lines: list[bytes]) -> None:
    try:
        tags = read_tags(lines)
    except TagsError:
        return
    assert len(tags) <= MAX_TAGS
    assert len(dict(tags)) == len(tags)
    assert all(1 <= len(text.encode()) <= MAX_BYTES for tag in tags for text in tag)
