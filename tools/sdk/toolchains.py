"""The programs and libraries with which the clients for Go and Java are built and tested: packages of Debian."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.sdk.running import ClientError

GO_LIBRARIES: Final = Path("/usr/share/gocode")
JAVA_LIBRARIES: Final = Path("/usr/share/java")


@dataclass(frozen=True)
class Toolchain:
    """What one language needs."""

    language: str
    programs: tuple[str, ...]
    libraries: tuple[Path, ...]
    packages: tuple[str, ...]
    """The packages of Debian that have all of these."""

    def require(self) -> None:
        """Checks that everything is installed.

        Raises:
            ClientError: something is missing. The message names it, and the command that installs it.
        """
        missing = [name for name in self.programs if shutil.which(name) is None]
        missing += [str(path) for path in self.libraries if not path.exists()]
        if missing:
            raise ClientError(
                f"the {self.language} client needs {', '.join(missing)}. On Debian, run:"
                f" apt-get install --no-install-recommends {' '.join(self.packages)}"
            )


GO: Final = Toolchain(
    "Go",
    ("go", "gofmt", "protoc-gen-go", "protoc-gen-go-grpc"),
    tuple(
        GO_LIBRARIES / "src" / name
        for name in (
            "google.golang.org/grpc", "google.golang.org/protobuf", "google.golang.org/genproto",
            "github.com/golang/protobuf/internal",  # only 1.4 and newer have it: gRPC with 1.3 cannot read the generated messages
        )
    ),
    (
        "golang-go", "protoc-gen-go", "protoc-gen-go-grpc", "golang-google-grpc-dev", "golang-google-protobuf-dev",
        "golang-google-genproto-dev", "golang-github-golang-protobuf-1-5-dev",
    ),
)  # fmt: skip

_JARS: Final = (
    "grpc-api", "grpc-context", "grpc-core", "grpc-netty", "grpc-protobuf", "grpc-protobuf-lite", "grpc-stub", "perfmark-api",
    "protobuf", "proto-google-common-protos", "guava", "gson", "netty-all", "netty-buffer", "netty-codec", "netty-codec-http",
    "netty-codec-http2", "netty-common", "netty-handler", "netty-resolver", "netty-transport", "geronimo-annotation-1.3-spec",
)  # fmt: skip
JAVA_JARS: Final = tuple(JAVA_LIBRARIES / f"{name}.jar" for name in _JARS)
JAVA_TEST_JARS: Final = tuple(JAVA_LIBRARIES / f"{name}.jar" for name in ("junit4", "hamcrest"))

JAVA: Final = Toolchain(
    "Java",
    ("java", "javac", "jar", "protoc", "grpc_java_plugin"),
    (*JAVA_JARS, *JAVA_TEST_JARS),
    (
        "default-jdk-headless", "protobuf-compiler", "protobuf-compiler-grpc-java-plugin", "libgrpc-java", "libprotobuf-java",
        "libgoogle-common-protos-java", "libnetty-java", "libperfmark-java", "libgoogle-gson-java", "libguava-java",
        "libgeronimo-annotation-1.3-spec-java", "junit4",
    ),
)  # fmt: skip
