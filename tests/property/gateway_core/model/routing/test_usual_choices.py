"""A choice that is found without judging the candidates is the one that judging them would make."""

import datetime as dt
from dataclasses import replace

from hypothesis import event, given, settings
from hypothesis import strategies as st

from gateway_core.model.capabilities import Tier
from gateway_core.model.catalog.entries import Model
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.routing.choice import choose
from gateway_core.model.routing.conversations import Before, Conversation
from gateway_core.model.routing.judging import Asked, Candidate, plan_of
from gateway_core.model.routing.needs import Body
from gateway_core.model.routing.policies import AppliedPolicy, RoutingMode
from gateway_core.model.routing.usual_choices import usual_choice
from gateway_core.model.routing.virtual_models import VirtualModel

NAMES = ("a", "b", "c")
TOP_PRICE = 10_000_000
# Close to each other, so that costs are equal but for their rounding.
less = st.sampled_from([0, 300_000, 1_500_000])
much_less = st.sampled_from([2_000_000, 2_000_001, 2_000_000, 2_500_000, 300_000, 0])
cached = st.sampled_from([*(None,) * 7, 0, 5_400_000, 20_000_000])
conversations = st.builds(
    Conversation,
    session=st.sampled_from(["", f"{0:016x}", f"{99:016x}"]),
    in_tool_loop=st.booleans(),
    repeated_results=st.integers(0, 3),
)
policies = st.builds(
    AppliedPolicy,
    mode=st.sampled_from([*(RoutingMode.LIVE,) * 6, *(RoutingMode.SHADOW,) * 3, RoutingMode.OFF]),
    floors=st.sampled_from([{}, {}, {}, {"assistant": Tier.STANDARD}]),
    holdout_percent=st.sampled_from([0, 5]),
    degrade_at_percent=st.sampled_from([*(None,) * 9, 80]),
)


@st.composite
def candidates(draw: st.DrawFn, number: int) -> Candidate:
    name, longest = NAMES[number], draw(st.sampled_from([*(500,) * 9, 16]))
    price, output = TOP_PRICE - number * draw(less), TOP_PRICE - number * draw(much_less)
    entry = {
        "name": name,
        "provider": "acme",
        "upstream_name": name,
        "endpoints": ["chat_completions"],
        "context_window_tokens": draw(st.sampled_from([100_000, 100_000, 1_000])),
        "max_output_tokens": longest,
        "default_output_reserve_tokens": longest,
        "tier": draw(st.sampled_from(Tier)),
        "prices_nano_credits_per_million_tokens": {
            "input": price,
            "output": output,
            "cache_read": draw(cached),
            "cache_write_5m": draw(cached),
        },
        "effective_date": dt.date(2025, 1, 1),
    }
    if draw(st.integers(0, 15)) == 15:
        entry["long_context"] = {
            "above_input_tokens": 50,
            "prices_nano_credits_per_million_tokens": {"input": 2 * price, "output": output},
        }
    model = Model.model_validate(entry)
    return Candidate(name, model, model.schedules[0])


@settings(max_examples=600)
@given(st.data())
def test_a_usual_choice_is_what_a_comparison_would_choose(data: st.DataObject) -> None:
    named = NAMES[: data.draw(st.integers(2, 3))]
    offered = [data.draw(candidates(number)) for number in range(len(named))]
    losses = {name: data.draw(st.sampled_from([50, 50, 50, 0, 0, 900])) for name in named[1:]}
    returned = data.draw(st.sampled_from([*(frozenset[str](),) * 9, frozenset({"assistant"})]))
    virtual = VirtualModel("vm", "assistant", None, named, "a", 1, losses={"assistant": losses}, returned=returned)
    plan = plan_of(virtual, data.draw(policies), offered, "assistant", frozenset())
    usual = usual_choice(plan)
    if usual is None:
        return
    body_bytes, output_limit = data.draw(st.integers(1, 5_000)), data.draw(st.none() | st.integers(1, 700))
    before = data.draw(st.none() | st.builds(Before, st.sampled_from(named), st.sampled_from([0, 1, 7, 200])))
    conversation = data.draw(conversations)
    body = Body(Endpoint.CHAT_COMPLETIONS, body_bytes)
    event("there is one")
    found = usual.find(body.input_tokens("a"), output_limit, conversation, before)
    for marks_cache in (False, True):
        asked = Asked(
            "assistant", frozenset(), body, output_limit,
            conversation=conversation, before=before, marks_cache=marks_cache,
        )  # fmt: skip
        compared = choose(plan, asked)
        assert found is None or found == replace(compared, judged=())
