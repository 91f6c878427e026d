"""An empty answer about a name that does not exist says so."""

from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from megarouter.admin.v1.messages import ListVirtualModelsRequest, ListVirtualModelsResponse, UsageFilter, VirtualModel
from megarouter_admin.command_line.rendering.output import Output
from megarouter_admin.command_line.resources.usage.unknown_names import remark_if_unknown
from megarouter_admin.command_line.session import Session
from megarouter_admin.errors import MegaRouterError

from tests.unit.sdk.command_line.test_usage import NOW

KEPT = UsageFilter(
    members=["organizations/acme/members/known", "organizations/acme/members/typo", "organizations/acme/serviceAccounts/sa-typo"],
    api_keys=["organizations/acme/apiKeys/key-typo"],
    groups=["organizations/acme/groups/grp-typo"],
    models=["models/known", "models/gpt-typo"],
)  # fmt: skip


def session(code: grpc.StatusCode = grpc.StatusCode.NOT_FOUND) -> Session:
    """Returns a session of an organization where nothing with `typo` in its name exists."""

    def get(request: Any) -> object:
        if "typo" in request.name:
            raise MegaRouterError(code, "not there")
        return object()

    def virtual_models(request: ListVirtualModelsRequest) -> ListVirtualModelsResponse:
        found = [VirtualModel()] if request.filter == 'model_name = "typo-that-routes"' else []
        return ListVirtualModelsResponse(virtual_models=found)

    router: Any = SimpleNamespace(
        members=SimpleNamespace(GetMember=get),
        service_accounts=SimpleNamespace(GetServiceAccount=get),
        api_keys=SimpleNamespace(GetApiKey=get),
        groups=SimpleNamespace(GetGroup=get),
        catalog=SimpleNamespace(GetModel=get),
        virtual_models=SimpleNamespace(ListVirtualModels=virtual_models),
    )
    return Session(router, "acme", Output(json=False), NOW)


@pytest.mark.parametrize("code", [grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED])
def test_each_unknown_name_is_remarked_on(capsys: pytest.CaptureFixture[str], code: grpc.StatusCode) -> None:
    remark_if_unknown(session(code), KEPT, call_count=0)
    remarks = capsys.readouterr().err.splitlines()
    assert [remark.partition(" that you")[0] for remark in remarks] == [
        "There is no member typo",
        "There is no service account sa-typo",
        "There is no key key-typo",
        "There is no group grp-typo",
        "There is no model gpt-typo",
    ]


def test_a_virtual_model_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    remark_if_unknown(session(), UsageFilter(models=["models/typo-that-routes"]), call_count=0)
    assert capsys.readouterr().err == (
        "typo-that-routes is a virtual model. Its calls count under the models that served them.\n"
    )


def test_a_deleted_name_with_calls_is_not_looked_up(capsys: pytest.CaptureFixture[str]) -> None:
    remark_if_unknown(session(), KEPT, call_count=3)
    assert capsys.readouterr().err == ""


def test_other_errors_are_not_hidden() -> None:
    with pytest.raises(MegaRouterError, match="UNAVAILABLE"):
        remark_if_unknown(session(grpc.StatusCode.UNAVAILABLE), KEPT, call_count=0)
