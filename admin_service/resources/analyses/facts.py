"""Reads the facts of an analysis: only of the usage that the caller sees."""

import datetime as dt
from dataclasses import replace
from typing import Final
from zoneinfo import ZoneInfo

from admin_service.access.permissions import Actor
from admin_service.analytics.answer import AsOf
from admin_service.analytics.member_counts.reading import member_counts
from admin_service.analytics.names import names_of
from admin_service.analytics.query import Dimension, UsageQuery
from admin_service.analytics.reading import answer_in
from admin_service.analytics.writing.figures import Facts
from admin_service.resources.analytics.questions import reach_of
from admin_service.resources.anomalies.service import visible_alarms
from gateway_core.stores.postgres.connections import Connection

_INSTANT: Final = dt.timedelta(microseconds=1)


async def read_facts(connection: Connection, actor: Actor, start: dt.datetime, end: dt.datetime) -> tuple[Facts, AsOf]:
    """Returns the facts of a period, and the state of the ledger that they are true to.

    Args:
        connection: in a transaction as for `answer_in`.
        actor: whose view counts.
        start: first instant of the period.
        end: first instant after it.
    """
    reach = reach_of(actor)
    by_model = UsageQuery(
        actor.organization, start, end, group_by=(Dimension.MODEL,), reach=reach, limit=1, compare_with_previous=True
    )
    models = await answer_in(connection, by_model)
    counts = await member_counts(connection, by_model, start, end)
    by_member = replace(by_model, group_by=(Dimension.MEMBER,), compare_with_previous=False)
    members = await answer_in(connection, by_member)
    alarms = await visible_alarms(connection, actor, start, end)
    zone = ZoneInfo(models.time_zone)
    top_model = next((group for group in models.groups if group.values), None)
    top_member = None if reach.member is not None else next((one for one in members.groups if one.values), None)
    ids = top_member.values[:1] if top_member and top_member.values else ()
    names = await names_of(connection, actor.organization, Dimension.MEMBER, ids, end)
    consumer = names[ids[0]].display_name or ids[0] if ids and ids[0] in names else ""
    facts = Facts(
        first_day=start.astimezone(zone).date(),
        last_day=(end - _INSTANT).astimezone(zone).date(),
        spend=models.total.charge_nano_credits,
        spend_before=models.previous.charge_nano_credits if models.previous else 0,
        calls=models.total.call_count,
        tokens=models.total.tokens,
        members=counts.total,
        top_model=top_model.values[0] if top_model and top_model.values else "",
        top_model_spend=top_model.total.charge_nano_credits if top_model else 0,
        top_consumer=consumer,
        top_consumer_spend=top_member.total.charge_nano_credits if top_member else 0,
        anomaly_scopes=[alarm.scope_display_name or alarm.scope_id for alarm in alarms],
        largest_excess=alarms[0].actual - alarms[0].expected if alarms else 0,
    )
    return facts, models.as_of
