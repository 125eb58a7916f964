"""Runs reader.py over the golden fixtures: fixtures.py [FOLDER OF FIXTURES]

Every valid one must verify and have the rows of its expected.json; every invalid one must be refused.
"""
import json
import sys
from pathlib import Path

from checks import Checked, cat, verify
from reader import Broken

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "format" / "v1"


def canonical(value):
    """Text by which JSON values are compared: 1 is not 1.0, and -0.0 not 0.0."""
    return json.dumps(value, sort_keys=True)


def as_lines(name, state, rows):
    """Expected rows as `cat` prints them: the elements of a list in one line, without rank."""
    if state.kind != "list":
        return rows
    lines = []
    for row in rows:
        place = {k: v for k, v in row.items() if k not in ("rank", "value", "last_access")}
        if row["rank"] == 0:
            lines.append({**place, "value": []})
        line = lines[-1]
        if {k: v for k, v in line.items() if k in place} != place or len(line["value"]) != row["rank"]:
            raise ValueError(f"{name}: ranks of the expected rows")
        line["value"].append(row["value"])
    return lines


def valid(case):
    """What is wrong with the reading of a valid snapshot, if anything."""
    expected = json.loads((case / "expected.json").read_text())
    try:
        snapshot = Checked(case)
        verify(snapshot)
        found = {name: cat(snapshot, name) for name in snapshot.tables}
    except Broken as broken:
        return str(broken)
    if snapshot.body.profile != expected["profile"] or sorted(found) != sorted(expected["tables"]):
        return f"profile {snapshot.body.profile}, tables {sorted(found)}"
    for name, rows in expected["tables"].items():
        rows = as_lines(name, snapshot.tables[name].state, rows)
        for number, (want, have) in enumerate(zip(rows, found[name])):
            if canonical(want) != canonical(have):
                return f"{name}, line {number}: {have}, not {want}"
        if len(rows) != len(found[name]):
            return f"{name} has {len(found[name])} lines, not {len(rows)}"
    return None


def invalid(case):
    """What is wrong with the refusal of an invalid snapshot, if anything."""
    rule = json.loads((case / "expected.json").read_text())["rule"]
    try:
        verify(Checked(case))
    except Broken as broken:
        return None if broken.rule == rule else f"broken rule {rule}, reported as {broken}"
    return f"broken rule {rule} not found"


def main(folder):
    failures, count = [], 0
    for check in (valid, invalid):
        for case in sorted((folder / check.__name__).iterdir()):
            count += 1
            if problem := check(case):
                failures.append(f"{check.__name__}/{case.name}: {problem}")
    print(*failures, f"{count - len(failures)} passed, {len(failures)} failed", sep="\n")
    return bool(failures) or count == 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
