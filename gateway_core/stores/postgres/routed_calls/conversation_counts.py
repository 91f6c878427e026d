"""Counts conversations in which something went wrong, of those that were routed and those held out."""

from typing import Final

import asyncpg

from gateway_core.model.routing.quality import RATED_BAD, TROUBLED, Share

ASKED_AGAIN: Final = "asked_again"
"""The next call of the conversation came within ten minutes and had as many turns, so it asked for the same once more."""
FAILED: Final = "failed"
_ENDED: Final = ("refused", "truncated", "abandoned")
COUNTED: Final = (RATED_BAD, ASKED_AGAIN, *_ENDED, TROUBLED, FAILED)
"""What is counted, in the order in which it is shown."""

# What follows a call that failed is a retry. A call that a budget degraded has no counterpart that is held out.
_BY_CALL: Final = """
SELECT f.*, g.rating,
       coalesce(f.turns = lag(f.turns) OVER calls AND f.place_time - lag(f.place_time) OVER calls < interval '10 minutes'
                AND NOT 'failed' = ANY (lag(f.signals) OVER calls), false) AS asked_again
  FROM ({found}) AS f LEFT JOIN call_ratings g ON g.hold_id = f.hold_id
 WHERE f.session IS NOT NULL AND f.arm IN ('ROUTED', 'HOLDOUT') AND f.chosen_model <> f.baseline_model
   AND f.reason IN ('cheapest', 'kept') AND f.baseline_price_version > 0
WINDOW calls AS (PARTITION BY f.virtual_model_id, f.session ORDER BY f.place_time, f.sequence)
"""
_BY_SESSION: Final = f"""
SELECT virtual_model_id, use_case, arm, session, count(rating) > 0 AS is_rated, bool_or(rating = 'bad') AS rated_bad,
       max(max_loss_basis_points) AS allowed, bool_or(asked_again) AS asked_again,
       {", ".join(f"bool_or('{one}' = ANY (signals)) AS {one}" for one in (*_ENDED, FAILED))}
  FROM ({_BY_CALL}) AS by_call GROUP BY virtual_model_id, use_case, arm, session
"""  # noqa: S608 - our own names
_TROUBLED: Final = " OR ".join((ASKED_AGAIN, *_ENDED))


def compared_calls(found: str) -> str:
    """Returns the statement of the calls that can be compared, with their ratings, and whether they asked for the same again.

    Args:
        found: a statement that selects rows of `routed_calls`.
    """
    return _BY_CALL.replace("{found}", found)


def counting(found: str, *keys: str) -> str:
    """Returns the statement that counts conversations by keys and arm.

    Args:
        found: a statement that selects rows of `routed_calls`.
        keys: of `virtual_model_id` and `use_case`.
    """
    kept = ", ".join((*keys, "arm"))
    by_session = _BY_SESSION.replace("{found}", found)
    counts = ", ".join(f"count(*) FILTER (WHERE {one}) AS {one}" for one in (ASKED_AGAIN, *_ENDED, FAILED))
    return f"""
    SELECT {kept}, count(*) AS sessions, max(allowed) AS allowed, count(*) FILTER (WHERE is_rated) AS rated,
           count(*) FILTER (WHERE rated_bad) AS rated_bad, count(*) FILTER (WHERE {_TROUBLED}) AS troubled, {counts}
      FROM ({by_session}) AS by_session GROUP BY {kept}
    """  # noqa: S608 - our own names


def share_of(row: asyncpg.Record, what: str) -> Share:
    """Returns a share of the conversations that a row of `counting` has."""
    return Share(row[what], row["rated"] if what == RATED_BAD else row["sessions"])
