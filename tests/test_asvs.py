"""The table of the ASVS has every requirement of levels 1 and 2 once, and its summary is its sum."""

import re
from collections import Counter

from source_tree import ROOT

# Of OWASP ASVS 4.0.3: the section, and the numbers of its requirements that level 1 or 2 has.
LEVELS_1_AND_2 = """
1.1:1-7 1.2:1-4 1.4:1,4-5 1.5:1-4 1.6:1-4 1.7:1-2 1.8:1-2 1.9:1-2 1.10:1 1.11:1-2 1.12:2 1.14:1-6
2.1:1-12 2.2:1-3 2.3:1-3 2.4:1-5 2.5:1-7 2.6:1-3 2.7:1-6 2.8:1-7 2.9:1-3 2.10:1-4
3.1:1 3.2:1-4 3.3:1-4 3.4:1-5 3.5:1-3 3.7:1 4.1:1-3,5 4.2:1-2 4.3:1-3
5.1:1-5 5.2:1-8 5.3:1-10 5.4:1-3 5.5:1-4 6.1:1-3 6.2:1-6 6.3:1-2 6.4:1-2
7.1:1-4 7.2:1-2 7.3:1,3-4 7.4:1-3 8.1:1-4 8.2:1-3 8.3:1-8 9.1:1-3 9.2:1-4 10.2:1-2 10.3:1-3 11.1:1-8
12.1:1-3 12.2:1 12.3:1-6 12.4:1-2 12.5:1-2 12.6:1 13.1:1,3-5 13.2:1-3,5-6 13.3:1-2 13.4:1-2
14.1:1-4 14.2:1-6 14.3:2-3 14.4:1-7 14.5:1-4
"""
STATES = ("met", "n/a", "operator", "not met")

TEXT = (ROOT / "docs" / "asvs.md").read_text()
ROWS: list[list[str]] = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TEXT.splitlines()
    if re.match(r"\| \d+\.\d+\.", line)
]


def requirements() -> list[str]:
    found: list[str] = []
    for section, numbers in re.findall(r"(\S+):(\S+)", LEVELS_1_AND_2):
        for part in numbers.split(","):
            first, _, last = part.partition("-")
            found += [f"{section}.{number}" for number in range(int(first), int(last or first) + 1)]
    return found


def test_every_requirement_is_there_once_with_a_state_and_words():
    assert [row[0] for row in ROWS] == requirements()
    assert [row[0] for row in ROWS if row[2] not in STATES] == []
    assert [row[0] for row in ROWS if len(row) != 4 or not row[1] or not row[3]] == []


def test_the_summary_is_the_sum():
    counts = Counter(row[2] for row in ROWS)
    summary = re.search(r"^\| met \| n/a .*\n\|[-|]+\n(.*)$", TEXT, re.MULTILINE)

    assert summary is not None
    assert [int(number) for number in re.findall(r"\d+", summary[1])] == [
        *(counts[state] for state in STATES),
        len(ROWS),
    ]


def test_what_is_met_says_where_to_look():
    """By a file or a test, or by plain words where there is nothing to look at: those are few."""
    bare = [row[0] for row in ROWS if row[2] == "met" and not re.search(r"\w+\.\w{2,4}\b|\.ci/", row[3])]

    assert len(bare) <= len(ROWS) // 20, bare
