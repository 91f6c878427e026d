"""The words of reports, in every language."""

from dataclasses import dataclass
from typing import Final

from admin_service.analytics.language import Language


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of a language. Braces are filled in."""

    region: str
    title: str
    spend: str
    calls: str
    tokens: str
    active_members: str
    per_member: str
    per_call: str
    model: str
    member: str
    group: str
    share: str
    change: str
    credits: str
    name: str
    by_hour: str
    by_day: str
    by_week: str
    chart_text: str
    chart_without_calls: str
    models: str
    members: str
    groups: str
    budgets: str
    unusual: str
    about: str
    members_lead: str
    groups_lead: str
    models_lead: str
    others: str
    others_models: str
    others_members: str
    others_groups: str
    outside_groups: str
    directly: str
    deleted: str
    no_calls: str
    before: str
    new: str
    scope: str
    whole_organization: str
    kinds: dict[str, str]
    cycles: dict[str, str]
    budget: str
    spent: str
    limit: str
    used: str
    cycle: str
    credit_pool: str
    budgets_note: str
    day: str
    actual: str
    expected: str
    usual: str
    unusual_note: str
    period: str
    compared_with: str
    read: str
    position: str
    state: str
    complete: str
    incomplete: str
    corrections: str
    corrections_value: str
    failed_calls: str
    content_hash: str
    attached: str
    amounts: str
    amounts_value: str
    verify: str
    verify_value: str
    page: str
    input: str
    output: str
    incomplete_banner: str


_ENGLISH: Final = Wording(
    region="US",
    title="AI usage report",
    spend="Spend",
    calls="Calls",
    tokens="Tokens",
    active_members="Active members",
    per_member="Spend per active member",
    per_call="Spend per call",
    model="Model",
    member="Member",
    group="Group",
    share="Share",
    change="Change",
    credits="Spend",
    name="Name",
    by_hour="Spend by hour and model",
    by_day="Spend by day and model",
    by_week="Spend by week and model",
    chart_text="{title}. {bars} bars; the highest is {highest} on {at}. In all {total}. {models}",
    chart_without_calls="{title}. No calls in the period.",
    models="Models",
    members="Top consumers",
    groups="Groups",
    budgets="Budgets and credit",
    unusual="Unusual spend",
    about="About this report",
    members_lead="{shown} of {count} members and service accounts with calls, by spend.",
    groups_lead="A call belongs to the groups that its member was in at that moment.",
    models_lead="{shown} of {count} models with calls, by spend.",
    others="All others",
    others_models="All other models",
    others_members="All other members",
    others_groups="All other groups",
    outside_groups="Without a group",
    directly="Directly in this group",
    deleted="deleted",
    no_calls="No calls in this period.",
    before="before: {value}",
    new="new",
    scope="Scope",
    whole_organization="The whole organization",
    kinds={
        "group": "Group",
        "member": "Member",
        "api_key": "API key",
        "model": "Model",
        "provider": "Provider",
        "endpoint": "Endpoint",
        "status": "Status",
        "tag": "Tag",
        "organization": "Organization",
    },
    cycles={"NEVER": "no end", "DAILY": "a day", "WEEKLY": "a week", "MONTHLY": "a month"},
    budget="Budget",
    spent="Spent",
    limit="Limit",
    used="Used",
    cycle="Cycle",
    credit_pool="Credit pool",
    budgets_note="As of {time}. A budget counts the spend of its own current cycle, not that of the period of this report.",
    day="Day",
    actual="Actual",
    expected="Expected",
    usual="Highest usual",
    unusual_note="Days on which spend was out of the ordinary, compared with earlier days of the same kind. Several high days in a"
    " row can be unusual together, though none is above the highest usual spend.",
    period="Period",
    compared_with="Compared with",
    read="read",
    position="Ledger position",
    state="State",
    complete="Complete: the period is over and no call of it is open",
    incomplete="Not complete: the period is not over, or calls of it are open",
    corrections="Corrections included",
    corrections_value="{count} calls, {amount}",
    failed_calls="Failed calls",
    content_hash="SHA-256 of the data",
    attached="Attached files",
    amounts="Amounts",
    amounts_value="One credit is one US dollar. Amounts are rounded for this page, so sums may differ in the last digit; the"
    " attached files have the exact ones.",
    verify="Verify",
    verify_value="`megarouter verify FILE` compares this file with the ledger and reports what has changed since.",
    page="Page {page} of {pages}",
    input="Input tokens",
    output="Output tokens",
    incomplete_banner="These figures may still grow: the period is not over, or calls of it are open.",
)

_CHINESE: Final = Wording(
    region="CN",
    title="AI 用量报告",
    spend="支出",
    calls="调用次数",
    tokens="令牌数",
    active_members="活跃成员",
    per_member="活跃成员人均支出",
    per_call="每次调用平均支出",
    model="模型",
    member="成员",
    group="组",
    share="占比",
    change="变化",
    credits="支出",
    name="名称",
    by_hour="每小时各模型支出",
    by_day="每日各模型支出",
    by_week="每周各模型支出",
    chart_text="{title}。共 {bars} 个柱形，最高为 {at} 的 {highest}，合计 {total}。{models}",
    chart_without_calls="{title}。该期间没有调用。",
    models="模型",
    members="用量最高的成员",
    groups="组",
    budgets="预算与额度",
    unusual="异常支出",
    about="关于本报告",
    members_lead="按支出排序，列出有调用的 {count} 个成员和服务账号中的 {shown} 个。",
    groups_lead="每次调用计入其成员当时所在的组。",
    models_lead="按支出排序，列出有调用的 {count} 个模型中的 {shown} 个。",
    others="其他",
    others_models="其他模型",
    others_members="其他成员",
    others_groups="其他组",
    outside_groups="未分组",
    directly="直接属于该组",
    deleted="已删除",
    no_calls="该期间没有调用。",
    before="上期：{value}",
    new="新增",
    scope="范围",
    whole_organization="整个组织",
    kinds={
        "group": "组",
        "member": "成员",
        "api_key": "API 密钥",
        "model": "模型",
        "provider": "提供商",
        "endpoint": "接口",
        "status": "状态",
        "tag": "标签",
        "organization": "组织",
    },
    cycles={"NEVER": "不限期", "DAILY": "每日", "WEEKLY": "每周", "MONTHLY": "每月"},
    budget="预算",
    spent="已用",
    limit="上限",
    used="使用率",
    cycle="周期",
    credit_pool="额度余额",
    budgets_note="截至 {time}。预算只计其当前周期内的支出，而不是本报告期间的支出。",
    day="日期",
    actual="实际",
    expected="预期",
    usual="通常上限",
    unusual_note="与此前同类日期相比，支出异常的日期。连续多日支出偏高时，即使每一天都未超过通常的最高支出，合起来也可能属于异常。",
    period="期间",
    compared_with="对比期间",
    read="读取时间：",
    position="账本位置",
    state="状态",
    complete="完整：期间已结束，且没有未完成的调用",
    incomplete="不完整：期间尚未结束，或仍有未完成的调用",
    corrections="已含更正",
    corrections_value="{count} 次调用，{amount}",
    failed_calls="失败的调用",
    content_hash="数据的 SHA-256",
    attached="附件",
    amounts="金额",
    amounts_value="一个额度等于一美元。本页金额经过舍入，合计的末位可能略有出入；附件中为精确金额。",
    verify="核验",
    verify_value="`megarouter verify FILE` 将本文件与账本比对，并报告此后的变化。",
    page="第 {page} 页，共 {pages} 页",
    input="输入令牌",
    output="输出令牌",
    incomplete_banner="数字可能还会增加：期间尚未结束，或仍有未完成的调用。",
)
WORDINGS: Final = {Language.ENGLISH: _ENGLISH, Language.CHINESE: _CHINESE}
