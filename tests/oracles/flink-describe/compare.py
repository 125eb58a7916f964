"""Compares what `check` says of a description from a jar with what real Flink does with that jar."""

import json
import pathlib
import subprocess
import sys

# Variants that change the graph or the states; those of POJOs are jars of their own.
JOBS = """identical uid-renamed uid-case-changed uid-renamed-with-uidhash operator-removed operator-added
stateless-operator-added value-type-changed value-long-to-int uid-removed auto-uid-given-uid auto-uid-pinned
no-uid-upstream-added max-parallelism-increased max-parallelism-decreased state-name-renamed state-removed state-added
key-type-changed parallelism-increased parallelism-decreased ttl-enabled state-kind-changed map-user-key-type-changed
map-value-type-changed tuple-arity-changed tuple-field-type-changed operator-list-to-union operator-list-type-changed
operator-list-to-broadcast backend-changed identical-clean operator-removed-clean operator-added-clean
stateless-operator-added-clean uid-removed-clean""".split()
POJOS = "added boxed enumadded enumremoved enumreordered innerfieldadded notpojo removed renamed reordered typechanged".split()

# What the words of `check` mean for a restore; a silent loss is one of which Flink says nothing.
FLINK = {
    "restores-as-is": "as-is",
    "restores-after-migration": "as-is",
    "restores-but-silently-loses": "as-is",
    "restores-with-loss": "with-n",
    "does-not-restore": "fails",
}


class Real:
    """Real Flink: one process for all jobs."""

    def __init__(self, flink, work):
        path = f"{work}/runner:{flink}/lib/*"
        command = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", path, "Restore"]
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
        return self.ask("write", directory, jar, "EvoJob", *args).removeprefix("file:")


def describe(alluvium, flink, jar, into, *args):
    command = [alluvium, "describe", "--flink", flink, jar, "--", *args]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return None, done.stderr
    into.write_text(done.stdout)
    return json.loads(done.stdout), done.stderr


def check(alluvium, new, old):
    command = [alluvium, "check", new, "--against", old, "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        return json.loads(done.stdout)["overall"]
    except (ValueError, KeyError):
        return f"error {done.returncode}: {done.stderr[:200]}"


def main():
    alluvium, flink, work, *wanted = sys.argv[1:]
    work = pathlib.Path(work)
    base, said = describe(alluvium, flink, work / "base.jar", work / "base.json", "identical")
    if base is None:
        sys.exit(said)
    generated = next(one["id"] for one in base["operators"] if one["name"] == "AutoUid")
    real = Real(flink, work)
    old = {clean: real.savepoint(work, work / "base.jar", "identical" + "-clean" * clean) for clean in (False, True)}
    jobs = [(name, "base", name) for name in JOBS] + [(f"pojo-{name}", name, "identical") for name in POJOS]
    wrong = 0
    for name, jar, variant in [job for job in jobs if not wanted or job[0] in wanted]:
        jar = work / f"{jar}.jar"
        args = [variant, generated] if variant == "auto-uid-pinned" else [variant]
        against = old[variant.endswith("-clean")]
        description, said = describe(alluvium, flink, jar, work / f"{name}.json", *args)
        ours = check(alluvium, work / f"{name}.json", against) if description else said.strip().split("\n")[-1]
        theirs, _, why = real.ask("restore", against, jar, "EvoJob", *args).partition("\t")
        same = FLINK.get(ours) == theirs
        wrong += not same
        print(f"{'same ' if same else 'OTHER'} {name:32} {ours:28} {theirs:7} {why[:90]}", flush=True)
    print(f"{wrong} verdicts differ from Flink's")
    sys.exit(1 if wrong else 0)


main()
