"""The commands `megarouter models`."""

from typing import Annotated

from megarouter.admin.v1.messages import ListModelsRequest, ListUsableModelsRequest, Model, ModelDeployment

from megarouter_admin.command_line.parsing.commands import FilterOption, LimitOption, Section, command
from megarouter_admin.command_line.parsing.options import Option
from megarouter_admin.command_line.rendering.tables import Column, Kind
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.names import Collection, short_name

application = Section()

_COLUMNS = (
    Column[Model]("model", lambda model: model.name.removeprefix("models/")),
    Column[Model]("provider", lambda model: short_name(model.provider)),
    Column[Model]("context", lambda model: model.context_window_tokens or None, Kind.NUMBER),
    Column[Model]("output", lambda model: model.max_output_tokens or None, Kind.NUMBER),
    Column[Model]("retired", lambda model: "yes" if model.retired else ""),
)
_STATES = {
    ModelDeployment.STATE_SERVING: "serving",
    ModelDeployment.STATE_LEFT: "LEFT",
}
_DEPLOYMENT_COLUMNS = (
    Column[tuple[Model, ModelDeployment]]("model", lambda row: row[0].name.removeprefix("models/")),
    Column[tuple[Model, ModelDeployment]]("provider", lambda row: short_name(row[1].provider)),
    Column[tuple[Model, ModelDeployment]]("upstream name", lambda row: row[1].upstream_name),
    Column[tuple[Model, ModelDeployment]]("region", lambda row: row[1].region),
    Column[tuple[Model, ModelDeployment]]("priority", lambda row: row[1].priority, Kind.NUMBER),
    Column[tuple[Model, ModelDeployment]]("weight", lambda row: row[1].weight, Kind.NUMBER),
    Column[tuple[Model, ModelDeployment]]("state", lambda row: _STATES.get(row[1].state, "unknown")),
)


@command(application, "deployments", "models deployments")
def list_deployments(session: Session, filter_text: FilterOption = "", limit: LimitOption = 0) -> None:
    """List the deployments of models that have several, and whether calls go there now."""
    models = session.listed(session.router.catalog.ListModels, ListModelsRequest(filter=filter_text), "models", limit)
    rows = [(model, deployment) for model in models for deployment in model.deployments]
    session.output.rows(_DEPLOYMENT_COLUMNS, rows, "no model has several deployments")


@command(application, "list", "models list", "models list --key emma-default")
def list_models(
    session: Session,
    key: Annotated[str, Option(metavar="KEY", text="Only models that this key may use.")] = "",
    filter_text: FilterOption = "",
    limit: LimitOption = 0,
) -> None:
    """List models, with context window and maximum output in tokens."""
    if key:
        usable = ListUsableModelsRequest(parent=session.name(Collection.API_KEYS, key), filter=filter_text)
        models = session.listed(session.router.catalog.ListUsableModels, usable, "models", limit)
    else:
        models = session.listed(
            session.router.catalog.ListModels, ListModelsRequest(filter=filter_text), "models", limit
        )
    session.output.rows(_COLUMNS, models, "no models")
