"""The command `megarouter routing outcomes`."""

import json
from typing import Annotated

from megarouter.admin.v1.messages import OutcomePair, QueryRoutingOutcomesRequest

from megarouter_admin.command_line.parsing.commands import Section, command
from megarouter_admin.command_line.parsing.options import Option
from megarouter_admin.command_line.resources.usage.periods import period
from megarouter_admin.command_line.resources.usage.questions import FromOption, UntilOption
from megarouter_admin.command_line.session import Session

application = Section()


@command(application, "outcomes", "routing outcomes --since 2026-11-01", "routing outcomes --ratings")
def show_outcomes(
    session: Session,
    since: FromOption = "",
    until: UntilOption = "",
    *,
    ratings: Annotated[
        bool, Option("--ratings", text="Only conversations with a rating, by their ratings instead of what went wrong.")
    ] = False,
) -> None:
    """Print pairs of conversations, one routed and one held out, as JSON lines that ./dev route-eval reads."""
    request = QueryRoutingOutcomesRequest(
        name=session.organization, time_range=period(session, since, until), by_rating=ratings
    )
    answer = session.router.routing_policies.QueryRoutingOutcomes(request)
    if session.output.json:
        session.output.one(answer, [])
        return
    if not answer.pairs:
        session.output.remark("no conversations of both arms in one use case")
    for pair in answer.pairs:
        session.output.document(f"{line_of(pair)}\n")


def line_of(pair: OutcomePair) -> str:
    """Returns a pair as a line of JSON. No text of the conversations is known, so the prompt is empty."""
    outcomes = {pair.routed_model: _outcome(pair.routed), pair.baseline_model: _outcome(pair.held_out)}
    return json.dumps(
        {"id": pair.pair_id, "group": pair.use_case, "prompt": "", "outcomes": outcomes}, ensure_ascii=False
    )


def _outcome(outcome: OutcomePair.Outcome) -> list[int]:
    return [int(outcome.good), outcome.input_token_count, outcome.output_token_count]
