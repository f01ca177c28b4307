"""What gateway workers are not told: they need no credential, no administrator and no database."""

from __future__ import annotations

from turnpike.bootstrap.up import without_control_secrets


def test_workers_get_no_secret_of_controls() -> None:
    environ = {
        "TURNPIKE_HOME": "home",
        "TURNPIKE_ADMIN_KEY": "tpk_x",
        "TURNPIKE_STORE_URL": "postgresql://turnpike:secret@db/turnpike",
        "OPENAI_API_KEY": "sk-x",
    }
    assert without_control_secrets(environ) == {"TURNPIKE_HOME": "home"}
