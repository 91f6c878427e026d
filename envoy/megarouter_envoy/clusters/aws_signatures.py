"""The filters that sign requests to AWS (Signature Version 4).

A signature covers the method, the path, the query, the host and the whole body as they leave, so the filter comes last. It reads
the access key from a file and notices when the file is replaced, or it uses what Envoy finds in its environment.
"""

from pathlib import Path

from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.extensions.common.aws import v3 as aws
from envoy_data_plane.envoy.extensions.common.matching import v3 as matching
from envoy_data_plane.envoy.extensions.filters.common.matcher.action import v3 as filter_action
from envoy_data_plane.envoy.extensions.filters.http.aws_request_signing import v3 as signing
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager import v3 as hcm
from envoy_data_plane.envoy.type.matcher import v3 as matcher
from envoy_data_plane.xds.core import v3 as xds_core
from envoy_data_plane.xds.type.matcher import v3 as xds

from gateway_core.contract import headers
from megarouter_envoy.options import AwsAccessKey
from megarouter_envoy.typed_config import extension, http_filter, pack

_FILTER = "envoy.filters.http.aws_request_signing"
# What else is sent may change on the way, such as the request id.
_SIGNED_HEADERS = (headers.CONTENT_TYPE,)


def sign(host: str, access_key: AwsAccessKey) -> hcm.HttpFilter:
    """Returns the filter that signs every request to a host."""
    return http_filter(_FILTER, _signing(host, access_key))


def sign_attempts_at(target: str, host: str, access_key: AwsAccessKey) -> hcm.HttpFilter:
    """Returns the filter that signs only the attempts that the module has marked as those at a target."""
    marked = xds.MatcherMatcherListPredicate(
        single_predicate=xds.MatcherMatcherListPredicateSinglePredicate(
            input=_typed("request-headers", matcher.HttpRequestHeaderMatchInput(header_name=headers.SIGNED_FOR)),
            value_match=xds.StringMatcher(exact=target),
        )
    )
    others = xds.MatcherMatcherListFieldMatcher(
        predicate=xds.MatcherMatcherListPredicate(not_matcher=marked),
        on_match=xds.MatcherOnMatch(action=_typed("skip", filter_action.SkipFilter())),
    )
    delegate = matching.ExtensionWithMatcher(
        extension_config=extension(_FILTER, _signing(host, access_key)),
        xds_matcher=xds.Matcher(matcher_list=xds.MatcherMatcherList(matchers=[others])),
    )
    return http_filter("envoy.filters.http.match_delegate", delegate)


def _signing(host: str, access_key: AwsAccessKey) -> signing.AwsRequestSigning:
    return signing.AwsRequestSigning(
        service_name=access_key.service,
        region=access_key.region,
        host_rewrite=host,  # the router sets the same host, but only after this filter
        match_included_headers=[matcher.StringMatcher(exact=name) for name in _SIGNED_HEADERS],
        credential_provider=None if access_key.file is None else _from_file(access_key.file),
    )


def _from_file(file: Path) -> aws.AwsCredentialProvider:
    source = core.DataSource(filename=str(file), watched_directory=core.WatchedDirectory(path=str(file.parent)))
    return aws.AwsCredentialProvider(
        custom_credential_provider_chain=True,  # otherwise a missing file would be replaced by whatever else is found
        credentials_file_provider=aws.CredentialsFileCredentialProvider(credentials_data_source=source),
    )


def _typed(
    name: str, message: matcher.HttpRequestHeaderMatchInput | filter_action.SkipFilter
) -> xds_core.TypedExtensionConfig:
    return xds_core.TypedExtensionConfig(name=name, typed_config=pack(message))
