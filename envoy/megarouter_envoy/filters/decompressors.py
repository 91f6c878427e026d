"""The filter that decompresses providers' answers. Nothing asks for compression, but some providers compress anyway."""

from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.extensions.compression.gzip.decompressor import v3 as gzip
from envoy_data_plane.envoy.extensions.filters.http.decompressor import v3 as decompressor
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager import v3 as hcm

from megarouter_envoy.typed_config import extension, http_filter

# The largest window, because a smaller one fails on answers that were compressed with a larger one.
GZIP_WINDOW_BITS = 15
# Deflate cannot exceed this, so no answer is refused for its content. Envoy's default is 100, which repetitive
# JSON exceeds. Answers are decompressed piece by piece, so the ratio does not bound memory.
GZIP_RATIO_MAX = 1_032


def gzip_decompressor() -> hcm.HttpFilter:
    """Returns the filter for gzip. The rewriter refuses answers in any other encoding.

    Every filter costs every call 2 %, and no provider is known to send another encoding without being asked.
    """
    never = core.RuntimeFeatureFlag(default_value=False, runtime_key="megarouter.decompress_requests")
    requests = decompressor.DecompressorRequestDirectionConfig(
        common_config=decompressor.DecompressorCommonDirectionConfig(enabled=never), advertise_accept_encoding=False
    )
    answers = decompressor.DecompressorResponseDirectionConfig(
        # A label for caches must not make an answer unreadable.
        common_config=decompressor.DecompressorCommonDirectionConfig(ignore_no_transform_header=True)
    )
    library = gzip.Gzip(window_bits=GZIP_WINDOW_BITS, max_inflate_ratio=GZIP_RATIO_MAX)
    config = decompressor.Decompressor(
        decompressor_library=extension("envoy.compression.gzip.decompressor", library),
        request_direction_config=requests,
        response_direction_config=answers,
    )
    return http_filter("megarouter.decompress_gzip", config)
