"""The dialect in which a caller expects an error."""

from authz_service.request.call import Call
from gateway_core.contract.headers import DIALECT_VERSION, GEMINI_API_KEY
from gateway_core.contract.path_dialects import dialect_of_path
from gateway_core.model.endpoints import Dialect, Feedback, FileCall, FileUpload, ModelList, Route

# Python 3.11 finds members of enumerations slowly, so these are looked up once.
_OPENAI, _ANTHROPIC, _GEMINI = Dialect.OPENAI, Dialect.ANTHROPIC, Dialect.GEMINI


def error_dialect(call: Call, path: str, route: Route | None) -> Dialect:
    """Returns the dialect of an error: that of the path, or of the caller's SDK if the path names none."""
    if isinstance(route, ModelList | FileCall | Feedback):
        return route.dialect
    if isinstance(route, FileUpload):
        return route.endpoint.dialect
    by_path = dialect_of_path(path)
    return client_dialect(call) if route is None and by_path is Dialect.OPENAI else by_path


def client_dialect(call: Call) -> Dialect:
    """Returns the dialect of the caller's SDK, by its headers."""
    dialect = _OPENAI
    for name, value in call.headers:
        if name == DIALECT_VERSION and value:
            return _ANTHROPIC
        if name == GEMINI_API_KEY and value:
            dialect = _GEMINI
    return dialect
