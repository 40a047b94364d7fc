"""Where the files are that are not Python: in a checkout, and in an installed wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def sql_directory() -> Path:
    """The directory with `migrations/`, `queries/` and `schema.sql`."""
    installed = _PACKAGE / "_sql"
    return installed if installed.is_dir() else _PACKAGE.parent / "sql"


def static_directory() -> Path:
    """The directory with the pages' HTML, CSS and modules."""
    return _PACKAGE / "web" / "static"
