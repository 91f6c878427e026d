"""The commands `megarouter usage analyze` and `usage configure-analysis`."""

from typing import Annotated

from megarouter.admin.v1.messages import ConfigureAnalysisRequest, WriteAnalysisRequest

from megarouter_admin.command_line.parsing.commands import Section, command
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.resources.usage.periods import period
from megarouter_admin.command_line.resources.usage.questions import FromOption, UntilOption
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.languages import Language
from megarouter_admin.command_line.values.names import Collection, short_name

application = Section()


@command(application, "analyze", "usage analyze", "usage analyze --since 2026-11-01 --until 2026-12-01 --language zh")
def analyze(
    session: Session,
    since: FromOption = "",
    until: UntilOption = "",
    language: Annotated[Language, Option("--language", text="Of the text: en or zh.")] = Language.EN,
) -> None:
    """Have a language model write about the usage you see. The figures are computed; the organization pays for the call."""
    request = WriteAnalysisRequest(
        name=session.organization, time_range=period(session, since, until), language_code=language
    )
    answer = session.router.analyses.WriteAnalysis(request)
    if session.output.json:
        session.output.one(answer, [])
        return
    session.output.document(f"{answer.text}\n")
    if not answer.written_by_model:
        session.output.remark(f"a plain text: {answer.plain_reason}")


@command(application, "configure-analysis", "usage configure-analysis keys/analysis-key gpt-4o-mini")
def configure_analysis(
    session: Session,
    key: Annotated[
        str, Argument(metavar="KEY", text="A key of a service account. It gets a new secret that no one sees.")
    ],
    model: Annotated[str, Argument(metavar="MODEL", text="The model that writes.")],
) -> None:
    """Set which key and model write analyses. Use a key for nothing else: its earlier secret ends."""
    request = ConfigureAnalysisRequest(
        name=f"{session.organization}/analysisSettings",
        api_key=session.name(Collection.API_KEYS, key),
        model=f"models/{model.removeprefix('models/')}",
    )
    answer = session.router.analyses.ConfigureAnalysis(request)
    session.output.one(answer, [("key", short_name(answer.api_key)), ("model", answer.model.removeprefix("models/"))])
