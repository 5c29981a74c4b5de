"""Give a client its name, password and certificates; the same for the station, the notifier and the board.

Knows files and TLS.  Knows nothing of what the client is for.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Protocol

from agent.uplink.errors import BrokerRefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from agent.config import Tls


class LoginClient(Protocol):
    """An MQTT client, as far as it is needed here."""

    def username_pw_set(self, username: str, password: str | None) -> None:
        """Log in so."""

    def tls_set_context(self, context: ssl.SSLContext) -> None:
        """Connect so."""


class Login(Protocol):
    """Settings of a broker, as far as they are needed here."""

    @property
    def username(self) -> str: ...  # noqa: D102  told above
    @property
    def password_file(self) -> Path | None: ...  # noqa: D102
    @property
    def tls(self) -> Tls | None: ...  # noqa: D102


def log_in(client: LoginClient, settings: Login) -> None:
    """Prepare `client` for the next dial.  Raises BrokerRefusedError: a file cannot be used, and which."""
    if settings.username:
        client.username_pw_set(settings.username, _password(settings.password_file))
    if (tls := settings.tls) is None:
        return
    try:
        context = ssl.create_default_context(cafile=str(tls.ca_file) if tls.ca_file else None)
        if tls.cert_file is not None:
            context.load_cert_chain(tls.cert_file, tls.key_file)
    except OSError as error:
        named = ", ".join(f"{key} {path}" for key, path in tls if path is not None)
        raise BrokerRefusedError(f"TLS: one of {named} cannot be used: {error}; see [broker.tls]") from error
    client.tls_set_context(context)


def _password(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BrokerRefusedError(
            f"password file {file} cannot be read: {reason}; see password_file of [broker]"
        ) from error
