"""What is on this machine: files with secrets, the certificate."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hub.ops.doctor.finding import Finding, error, ok, warning

if TYPE_CHECKING:
    from hub.settings import Settings

_SECRET_FILES: Final = ("_PASSWORD_FILE", "_KEYS_FILE", "_URL_FILE")
_SOON: Final = timedelta(days=21)


def files(environ: Mapping[str, str]) -> list[Finding]:
    """Whether others may read what is secret."""
    named = {
        name: path
        for name, path in environ.items()
        if name.startswith("HUB_") and path and (name.endswith(_SECRET_FILES) or name == "HUB_TLS_KEY")
    }
    findings = []
    for name, path in sorted(named.items()):
        try:
            mode = Path(path).stat().st_mode
        except OSError as problem:
            findings.append(error("files", f"{name}: {problem.strerror}", "see the path"))
            continue
        if mode & stat.S_IRWXO:
            findings.append(error("files", f"{name} can be read by everybody here", "chmod 600 the file"))
        elif mode & stat.S_IWGRP:
            findings.append(error("files", f"{name} can be changed by a group", "chmod 640 the file"))
    return findings or [ok("files", f"{len(named)} files with secrets, read by nobody else")]


def certificate(settings: Settings, now: datetime) -> Finding:
    """How long the certificate is good, and whether the key is its own."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return ok("certificate", "the hub speaks plain HTTP: a proxy in front must speak TLS")
    do = "renew it and restart the hub"
    try:
        found = x509.load_pem_x509_certificate(Path(settings.tls_certificate).read_bytes())
        key = load_pem_private_key(Path(settings.tls_key).read_bytes(), None)
    except (OSError, ValueError, TypeError) as problem:
        return error("certificate", f"it cannot be read ({type(problem).__name__})", "expected two PEM files")
    if found.public_key() != key.public_key():
        return error("certificate", "HUB_TLS_KEY is the key of another one", "set the two of one pair")
    left = found.not_valid_after_utc - now
    if left < timedelta(0):
        return error("certificate", f"it ended {-left.days} days ago", do)
    if left < _SOON:
        return warning("certificate", f"it ends in {left.days} days", do)
    return ok("certificate", f"it is good for {left.days} days")
