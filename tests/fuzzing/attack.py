"""One run of Schemathesis against a server, by somebody who may do everything."""

import os
import subprocess
import sys
from pathlib import Path

import httpx

from boxoffice.command.demo import ADMIN

# What an answer must not be: a failure of ours, a status or a content type that the document does not
# have, a body or a header outside of its schema. Whether a request that fits its schema is refused by a
# rule (a seat that is gone, an end before its start) no schema can say.
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,response_headers_conformance,allow_header_conformance"
)

# A stream has no end; the others end the session in whose name everything else is asked.
LEFT_OUT = {"WatchAvailability", "EndAllSessions", "EndSession"}

# Nothing is remembered, and no chains of requests are tried: in seconds it would be one or two of 2,000.
_SHORT = ("--generation-database", "none", "--phases", "examples,coverage,fuzzing")

_SPARING = {"SCHEMATHESIS_HOOKS": "sparing", "PYTHONPATH": str(Path(__file__).parent)}

# An operation that takes longer is stuck.
ANSWER_SECONDS_MAX = 20


def log_in(url: str) -> str:
    """An access token of the demo's admin, who may do everything."""
    who = {"email": ADMIN.email, "password": ADMIN.password}
    answer = httpx.post(f"{url}/api/v1/auth/login", json=who)
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


def attack(
    url: str, token: str, folder: Path, *, seed: int, examples: int, seconds: int | None = None
) -> tuple[int, str]:
    """Try every operation `examples` times, or again and again for so many seconds.

    The exit status, 0 when nothing was found, and all that was printed. Schemathesis writes its files
    into `folder`.
    """
    left_out = [part for name in sorted(LEFT_OUT) for part in ("--exclude-operation-id", name)]
    run = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("st")), "run", f"{url}/schema", "--url", url),
            *("--header", f"Authorization: Bearer {token}", "--checks", CHECKS),
            *("--seed", str(seed), "--max-examples", str(examples), "--no-color", "--warnings", "off"),
            *("--request-timeout", str(ANSWER_SECONDS_MAX), "--continue-on-failure"),
            *(("--max-time", str(seconds)) if seconds else _SHORT),
            *left_out,
        ],
        cwd=folder,
        env=os.environ | ({} if seconds else _SPARING),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout
