"""What a virtual model must be like."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from megarouter.admin.v1.virtual_model_pb2 import VirtualModel

from admin_service.api.errors import FieldViolation, invalid_fields
from admin_service.resources.virtual_models.store import Settings
from gateway_core.model.routing.virtual_models import LossRow

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}")
_SHOWN_CHARACTERS: Final = 60


def check_names(wanted: VirtualModel) -> Iterable[FieldViolation]:
    """Yields what is wrong with a virtual model, whatever the catalog says."""
    if not _NAME.fullmatch(wanted.model_name):
        yield FieldViolation(
            "virtual_model.model_name", "must have letters, digits and ._:@/- and begin with a letter or digit"
        )
    if not wanted.candidate_models:
        yield FieldViolation("virtual_model.candidate_models", "must name at least one model")
    for index, name in enumerate(wanted.candidate_models):
        if name in wanted.candidate_models[:index]:
            yield FieldViolation(f"virtual_model.candidate_models[{index}]", f"names {name!r} again")
    if wanted.baseline_model not in wanted.candidate_models:
        yield FieldViolation("virtual_model.baseline_model", "must be one of the candidates")
    seen = set()
    for index, loss in enumerate(wanted.measured_losses):
        place = f"virtual_model.measured_losses[{index}]"
        if not loss.use_case:
            yield FieldViolation(f"{place}.use_case", "is required")
        if loss.model_name not in wanted.candidate_models or loss.model_name == wanted.baseline_model:
            yield FieldViolation(f"{place}.model_name", "must be one of the candidates, but not the baseline")
        limit = loss.score_limit
        named = (loss.use_case, loss.model_name, limit.number, limit.weights_version, limit.at_most)
        if named in seen:
            yield FieldViolation(place, "has the use case, model and limit of another one")
        seen.add(named)


def stored_settings(wanted: VirtualModel, models: Mapping[str, str]) -> Settings:
    """Returns what to store. Models are stored under their public names.

    Args:
        wanted: a virtual model that `check_names` accepts.
        models: the public name of each model on offer, by every name that callers may use.

    Raises:
        AdminError: FIELD_INVALID.
    """
    violations = []
    if wanted.model_name in models:
        message = f"is a name of the model {models[wanted.model_name]!r}; callers would no longer reach it"
        violations.append(FieldViolation("virtual_model.model_name", message))
    for index, name in enumerate(wanted.candidate_models):
        if name not in models:
            message = f"{name[:_SHOWN_CHARACTERS]!r} is no model of the catalog; ListModels has those on offer"
            violations.append(FieldViolation(f"virtual_model.candidate_models[{index}]", message))
    if violations:
        raise invalid_fields(*violations)
    candidates = [models[name] for name in wanted.candidate_models]
    if len(set(candidates)) != len(candidates):
        raise invalid_fields(FieldViolation("virtual_model.candidate_models", "names a model by two of its names"))
    return Settings(
        model_name=wanted.model_name,
        candidates=candidates,
        baseline=models[wanted.baseline_model],
        losses=[_loss_row(one, models[one.model_name]) for one in wanted.measured_losses],
        is_disabled=wanted.disabled,
    )


def _loss_row(loss: VirtualModel.MeasuredLoss, model: str) -> LossRow:
    if not loss.HasField("score_limit"):
        return loss.use_case, model, loss.loss_basis_points
    limit = loss.score_limit
    return loss.use_case, model, loss.loss_basis_points, limit.number, limit.weights_version, limit.at_most
