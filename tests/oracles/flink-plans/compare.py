"""Compares what `check` says of compiled plans with what real Flink does with them."""

import json
import pathlib
import subprocess
import sys

from queries import ALIKE, CHANGED, NOT_TOLD, QUERIES

# What the words of `check` mean for a restore; a silent loss is one of which Flink says nothing.
FLINK = {
    "restores-as-is": "as-is",
    "restores-after-migration": "as-is",
    "restores-but-silently-loses": "as-is",
    "restores-with-loss": "with-n",
    "does-not-restore": "fails",
}


class Real:
    """Real Flink: one process for all plans."""

    def __init__(self, flink, work):
        self.work = work
        path = f"{work}/runner:{flink}/lib/*"
        command = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", path, "Plans"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().rstrip("\n")
        if not answer or answer.startswith("error"):
            sys.exit(f"real Flink: {' '.join(map(str, words))}: {answer}")
        return answer

    def plan(self, query, file, **changed):
        """Compiles a query and numbers the nodes of its plan from 1, as a process does that compiles one plan."""
        statements, words = QUERIES[query]
        words = {**words, "work": self.work, **changed}
        script = self.work / "script.sql"
        script.write_text(";\n".join(statement.format(**words) for statement in statements))
        file.unlink(missing_ok=True)
        self.ask("compile", script, file)
        plan = json.loads(file.read_text())
        first = min(node["id"] for node in plan["nodes"]) - 1
        for node in plan["nodes"]:
            node["id"] -= first
        for edge in plan["edges"]:
            edge["source"] -= first
            edge["target"] -= first
        file.write_text(json.dumps(plan, indent=1) + "\n")
        return file

    def savepoint(self, query, plan):
        place = pathlib.Path(self.ask("write", self.work, plan).removeprefix("file:"))
        return place.rename(self.work / query)


def check(alluvium, plan, against):
    done = subprocess.run([alluvium, "check", plan, "--against", against, "--output", "json"], capture_output=True, text=True)
    if not done.stdout:
        sys.exit(f"check {plan}: {done.stderr}")
    report = json.loads(done.stdout)
    told = {state["state"]: state["verdict"] for state in report["states"]}
    return report["overall"], told, report["findings"]


def itself(query, answer):
    """A plan against the savepoint of its own job: nothing is found, and every state restores as it is."""
    overall, states, findings = answer
    expected = NOT_TOLD.get(query, set())
    odd = {state for state, verdict in states.items() if verdict != "as-is"}
    odd -= {state for state in odd if state.startswith("_timer_state/") and expected} | {"SourceReaderState"}
    return overall == "restores-as-is" and not findings and odd == expected and set(states) - {"SourceReaderState"} != set()


def main():
    alluvium, flink, work, *wanted = sys.argv[1:]
    work = pathlib.Path(work)
    (work / "changes").mkdir()
    (work / "changes" / "a.json").write_text('{"before":null,"after":{"id":5,"name":"a","weight":1},"op":"c"}\n')
    real = Real(flink, work)
    chosen = [query for query in QUERIES if not wanted or query in wanted]
    wrong = 0
    plans, savepoints = {}, {}
    for query in chosen:
        plans[query] = real.plan(query, work / f"{query}.json")
        savepoints[query] = real.savepoint(query, plans[query])
        answer = check(alluvium, plans[query], savepoints[query])
        same = itself(query, answer)
        wrong += not same
        print(f"{'same ' if same else 'OTHER'} {query:40} {'' if same else answer}", flush=True)

    def compared(query, what, plan):
        nonlocal wrong
        ours, _, _ = check(alluvium, plan, savepoints[query])
        theirs, _, why = real.ask("restore", savepoints[query], plan).partition("\t")
        same = FLINK.get(ours) == theirs
        wrong += not same
        print(f"{'same ' if same else 'OTHER'} {query:26} {what:32} {ours:28} {theirs:7} {why[:90]}", flush=True)

    for query, what, words in CHANGED:
        if query in chosen:
            compared(query, what, real.plan(query, work / "changed.json", **words))
    for family in ALIKE:
        for old in family:
            for new in family:
                if old != new and old in chosen and new in chosen:
                    compared(old, f"to {new}", plans[new])
    print(f"{wrong} verdicts differ from Flink's")
    sys.exit(1 if wrong else 0)


main()
