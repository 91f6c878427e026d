"""Pairs conversations that were routed with conversations held out, as outcomes of two models."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from admin_service.analytics.query import Reach
from admin_service.analytics.savings.reading import found_calls
from admin_service.listing.sql_parameters import Parameters
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.routed_calls.conversation_counts import compared_calls

PAIRS_MAX: Final = 5_000
_KEYS: Final = "virtual_model_id, use_case, chosen_model, baseline_model"
# Sessions are keyed hashes, so their order is random, and the same in each answer.
_PAIRS: Final = """
WITH sessions AS (
    SELECT {keys}, arm, session, count(rating) > 0 AS is_rated, bool_or(coalesce(rating, '') = 'bad') AS rated_bad,
           bool_or(asked_again OR signals && '{{refused,truncated,abandoned}}') AS troubled,
           sum(input_tokens)::bigint AS input_tokens, sum(output_tokens)::bigint AS output_tokens
      FROM ({calls}) AS calls GROUP BY {keys}, arm, session
), numbered AS (
    SELECT *, CASE WHEN {by_rating} THEN NOT rated_bad ELSE NOT troubled END AS good,
           row_number() OVER (PARTITION BY {keys}, arm ORDER BY session) AS number
      FROM sessions WHERE is_rated OR NOT {by_rating}
)
SELECT use_case, chosen_model, baseline_model,
       max(session) FILTER {routed} || '-' || max(session) FILTER {held_out} AS pair_id,
       bool_or(good) FILTER {routed} AS routed_good, sum(input_tokens) FILTER {routed} AS routed_input,
       sum(output_tokens) FILTER {routed} AS routed_output,
       bool_or(good) FILTER {held_out} AS held_out_good, sum(input_tokens) FILTER {held_out} AS held_out_input,
       sum(output_tokens) FILTER {held_out} AS held_out_output
  FROM numbered GROUP BY {keys}, number HAVING count(*) = 2
 ORDER BY pair_id LIMIT {most}
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a conversation."""

    is_good: bool
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Pair:
    """A conversation that was routed, and one that the baseline served."""

    pair_id: str
    use_case: str
    routed_model: str
    baseline_model: str
    routed: Outcome
    held_out: Outcome


async def read_outcomes(
    connection: Connection, organization: str, start: dt.datetime, end: dt.datetime, reach: Reach, *, by_rating: bool
) -> Sequence[Pair]:
    """Returns pairs of conversations that began in `[start, end)`, in a transaction that acts for the organization."""
    parameters = Parameters()
    found = found_calls(organization, start, end, reach, parameters)
    statement = _PAIRS.format(
        keys=_KEYS,
        routed="(WHERE arm = 'ROUTED')",
        held_out="(WHERE arm = 'HOLDOUT')",
        calls=compared_calls(found),
        by_rating=f"{parameters.add(by_rating)}::boolean",
        most=parameters.add(PAIRS_MAX),
    )
    return [_pair(row) for row in await connection.fetch(statement, *parameters.values)]


def _pair(row: asyncpg.Record) -> Pair:
    return Pair(
        row["pair_id"],
        row["use_case"],
        row["chosen_model"],
        row["baseline_model"],
        Outcome(row["routed_good"], int(row["routed_input"]), int(row["routed_output"])),
        Outcome(row["held_out_good"], int(row["held_out_input"]), int(row["held_out_output"])),
    )
