"""Envoy's module computes the same scores as the reference by which they are measured, of any text and however the body arrives."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.routing.scores.weights import WEIGHTS_FILE, read_score_file
from tests.support.envoy_module import conversation

REFERENCE = read_score_file(WEIGHTS_FILE)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300) | st.text(
    st.sampled_from("aZ09 .,_\t\n\x00ÄßЖ日🙂"), max_size=60
).map(lambda text: text * 60)
TURNS = st.lists(st.tuples(st.sampled_from(["user", "assistant", "system", "tool"]), TEXTS), max_size=6)
CUTS = st.lists(st.floats(0, 1), max_size=5)


def scores(body: bytes, cuts: Any = ()) -> tuple[int, ...] | None:
    found = conversation(body, cuts)
    assert found is not None
    if "scores_version" not in found:
        return None
    assert found["scores_version"] == REFERENCE.version
    return tuple(int(found[f"score_{number}"]) for number in range(1, len(REFERENCE.weights) + 1))


@given(turns=TURNS, cuts=CUTS, role_first=st.booleans(), escaped=st.booleans())
def test_a_call_has_the_scores_of_what_its_user_wrote(
    turns: list[tuple[str, str]],
    cuts: list[float],
    role_first: bool,  # noqa: FBT001
    escaped: bool,  # noqa: FBT001
) -> None:
    messages = [
        {"role": role, "content": text} if role_first else {"content": text, "role": role} for role, text in turns
    ]
    body = json.dumps({"model": "auto", "messages": messages}, ensure_ascii=escaped).encode()
    written = "".join(f"{text}\n" for role, text in turns if role == "user")
    expected = REFERENCE.scores_of(written) if written else None
    assert scores(body, sorted(int(cut * len(body)) for cut in cuts)) == expected
