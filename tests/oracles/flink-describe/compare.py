"""Compares what `check` says of a description from a jar with what real Flink does with that jar."""

import json
import pathlib
import subprocess
import sys
import time

# Variants that change the graph or the states; those of POJOs are jars of their own.
JOBS = """identical uid-renamed uid-case-changed uid-renamed-with-uidhash operator-removed operator-added
stateless-operator-added value-type-changed value-long-to-int uid-removed auto-uid-given-uid auto-uid-pinned
no-uid-upstream-added max-parallelism-increased max-parallelism-decreased state-name-renamed state-removed state-added
key-type-changed parallelism-increased parallelism-decreased ttl-enabled state-kind-changed map-user-key-type-changed
map-value-type-changed tuple-arity-changed tuple-field-type-changed operator-list-to-union operator-list-type-changed
operator-list-to-broadcast backend-changed identical-clean operator-removed-clean operator-added-clean
stateless-operator-added-clean uid-removed-clean""".split()
POJOS = "added boxed enumadded enumremoved enumreordered innerfieldadded notpojo removed renamed reordered typechanged".split()
WINDOWS = "identical size-changed session global count-trigger aggregate process value-changed uid-removed".split()
QUERIES = "identical aggregate-added aggregate-changed key-changed filter-added column-renamed deduplicated ttl-set".split()

# What the words of `check` mean for a restore; a silent loss is one of which Flink says nothing.
FLINK = {
    "restores-as-is": "as-is",
    "restores-after-migration": "as-is",
    "restores-but-silently-loses": "as-is",
    "restores-with-loss": "with-n",
    "does-not-restore": "fails",
}
# Java 17 keeps closed what old serializers look into.
OPENS = [
    f"--add-opens=java.base/{package}=ALL-UNNAMED"
    for package in "java.lang java.net java.nio java.text java.time java.util java.util.concurrent".split()
]


class Real:
    """Real Flink: one process for all jobs."""

    def __init__(self, flink, work):
        path = f"{work}/runner:{flink}/lib/*"
        command = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *OPENS, "-cp", path, "Restore"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().rstrip("\n")
        if not answer:
            sys.exit("real Flink ended: " + " ".join(map(str, words)))
        return answer

    def savepoint(self, directory, jar, *args):
        return self.ask("write", directory, jar, *args).removeprefix("file:")


class Alluvium:
    """Our program, and the place of Flink's jars."""

    def __init__(self, program, flink, work):
        self.program, self.flink, self.work = program, flink, work

    def describe(self, name, jar, main, *args, flags=()):
        """Returns the file of the description, or what was said instead of it."""
        command = [self.program, "describe", "--flink", self.flink, "--class", main, *flags, jar, "--", *args]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            return None, done.stderr
        into = self.work / f"{name}.json"
        into.write_text(done.stdout)
        return into, done.stderr

    def check(self, new, old):
        command = [self.program, "check", new, "--against", old, "--output", "json"]
        done = subprocess.run(command, capture_output=True, text=True)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return {"overall": f"error {done.returncode}: {done.stderr[:200]}", "states": []}


def jobs(work, generated):
    """Returns name, jar, class, arguments and the name of the savepoint of each job."""
    base = work / "base.jar"
    for name in JOBS:
        args = [name, generated] if name == "auto-uid-pinned" else [name]
        yield name, base, "EvoJob", args, "clean" if name.endswith("-clean") else "evo"
    for name in POJOS:
        yield f"pojo-{name}", work / f"{name}.jar", "EvoJob", ["identical"], "evo"
    for name in WINDOWS:
        yield f"window-{name}", base, "WindowJob", [name], "window"
    for name in QUERIES:
        yield f"sql-{name}", base, "SqlJob", [name], "sql"


def probed(alluvium, real, work):
    """A trigger registers its state with the first record: it is unknown without a probe, and known with one."""
    old = real.savepoint(work, work / "base.jar", "WindowJob", "count-trigger")
    probe = work / "probe.jsonl"
    probe.write_text('{"source": "src", "record": 7, "timestamp": 7000}\n{"record": 12}\n')
    for flags, wanted in ((), "not-checked"), (("--probe", probe), "as-is"):
        new, said = alluvium.describe("probed", work / "base.jar", "WindowJob", "count-trigger-2", flags=flags)
        if new is None:
            return said
        report = alluvium.check(new, old)
        verdicts = {state["state"]: state["verdict"] for state in report["states"]}
        if report["overall"] != "restores-as-is" or verdicts.get("count") != wanted:
            return f"{flags}: {report['overall']}, {verdicts}"
    return None


def main():
    program, flink, work, *wanted = sys.argv[1:]
    work = pathlib.Path(work)
    alluvium, real = Alluvium(program, flink, work), Real(flink, work)
    base, said = alluvium.describe("base", work / "base.jar", "EvoJob", "identical")
    if base is None:
        sys.exit(said)
    generated = next(one["id"] for one in json.loads(base.read_text())["operators"] if one["name"] == "AutoUid")
    old = {
        name: real.savepoint(work, work / "base.jar", *args)
        for name, args in {
            "evo": ["EvoJob", "identical"],
            "clean": ["EvoJob", "identical-clean"],
            "window": ["WindowJob", "identical"],
            "sql": ["SqlJob", "identical"],
        }.items()
    }
    wrong, done, began = 0, 0, time.monotonic()
    for name, jar, main_class, args, against in jobs(work, generated):
        if wanted and name not in wanted:
            continue
        description, said = alluvium.describe(name, jar, main_class, *args)
        ours = alluvium.check(description, old[against])["overall"] if description else said.strip().split("\n")[-1]
        theirs, _, why = real.ask("restore", old[against], jar, main_class, *args).partition("\t")
        same = FLINK.get(ours) == theirs
        wrong, done = wrong + (not same), done + 1
        print(f"{'same ' if same else 'OTHER'} {name:32} {ours:28} {theirs:7} {why[:90]}", flush=True)
    if not wanted or "probe" in wanted:
        failed = probed(alluvium, real, work)
        wrong += failed is not None
        print(f"{'OTHER' if failed else 'same '} probe of a trigger{': ' + failed if failed else ''}")
    print(f"{done} jobs in {time.monotonic() - began:.0f} s: {wrong} verdicts differ from Flink's")
    sys.exit(1 if wrong else 0)


main()
