"""The schema, version by version: Alembic with plain SQL inside, one file a domain to begin with."""

from pathlib import Path

# One number for all our processes: whoever migrates first, the others wait and find nothing to do.
ADVISORY_LOCK = 6_288_001


def latest_version() -> str:
    """The newest version this program knows: the number its last file begins with."""
    files = Path(__file__).with_name("versions").glob("[0-9]*.py")
    return max(file.name.partition("_")[0] for file in files)
