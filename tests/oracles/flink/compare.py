"""Compares what `alluvium` says of snapshots that real Flink wrote with what the job put into them.

compare.py ALLUVIUM FOLDER: FOLDER/<layout>/snapshot.path names a snapshot, FOLDER/<layout>/truth/<state>.jsonl has the
lines that `cat` must print, in any order.
"""

import collections
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

OPERATOR = "keep"
GET = ("sum", '"key-17"', 3 * 17 + 3 * 300)


def run(alluvium, *arguments, wanted=0):
    done = subprocess.run([alluvium, *arguments], capture_output=True, text=True)
    if done.returncode != wanted:
        sys.exit(f"alluvium {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def lines(text):
    return collections.Counter(json.dumps(json.loads(line), sort_keys=True) for line in text.splitlines())


def compare(alluvium, layout):
    place = (layout / "snapshot.path").read_text().strip()
    description = json.loads(run(alluvium, "inspect", place, "-o", "json"))
    operator = next(o for o in description["operators"] if o["uid"] == OPERATOR)
    found = {state["name"] for state in operator["states"]}
    wrong = 0
    for truth in sorted((layout / "truth").iterdir()):
        state = unquote(truth.stem)
        want, have = lines(truth.read_text()), lines(run(alluvium, "cat", place, f"{OPERATOR}/{state}", "-o", "jsonl"))
        same = want == have and state in found
        wrong += not same
        print(f"{'ok  ' if same else 'FAIL'}  {layout.name}: {state}: {have.total()} lines")
        for sign, rows in (("-", want - have), ("+", have - want)):
            for row in list(rows)[:3]:
                print(f"      {sign} {row}")
    state, key, value = GET
    got = json.loads(run(alluvium, "get", place, f"{OPERATOR}/{state}", key, "-o", "jsonl"))
    wrong += got["value"] != value
    run(alluvium, "verify", place)
    return wrong


def main():
    alluvium, folder = sys.argv[1:]
    layouts = sorted(path for path in Path(folder).iterdir() if path.is_dir())
    wrong = sum(compare(alluvium, layout) for layout in layouts)
    print(f"{len(layouts)} layouts of real Flink read, {wrong} states differ")
    sys.exit(1 if wrong or not layouts else 0)


if __name__ == "__main__":
    main()
