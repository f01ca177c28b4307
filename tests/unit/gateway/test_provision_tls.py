"""Files of TLS that a worker must not wait for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from turnpike.domain.snapshot import Tls
from turnpike.gateway.upstream.origin import tls_context


@pytest.mark.parametrize("field", ["ca_file", "client_certificate"])
def test_a_pipe_that_nobody_writes_to_is_refused_at_once(tmp_path: Path, field: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        tls_context(Tls(**{field: str(tmp_path / "pipe")}))


def test_a_device_is_refused() -> None:
    with pytest.raises(OSError, match="not a regular file"):
        tls_context(Tls(ca_file="/dev/zero"))
