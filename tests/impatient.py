"""`boxoffice` with less patience: what a stranger has many seconds for is over after a few, and so is a test.

Run as a program, and again by every process that it starts; imported, it only tells the seconds.
"""

from functools import partial

# Where there are 15, 20 and 1: enough for a machine that is busy with other tests to tell them apart.
HEADER_SECONDS = 3
# See above.
BODY_SECONDS = 4.0
# See above.
EXCHANGE_SECONDS = 0.2

if __name__ in {"__main__", "__mp_main__"}:
    from boxoffice.command import serve
    from boxoffice.kit import http, traffic

    serve.HEADER_SECONDS_MAX = HEADER_SECONDS
    http.SlowBodies = partial(http.SlowBodies, BODY_SECONDS)
    traffic.EXCHANGE_SECONDS = EXCHANGE_SECONDS

if __name__ == "__main__":
    from boxoffice.cli import main

    main()
