"""Compares what `check` says of changed graphs with what real Flink does: of records in flight, operators that had ended, coordinators."""

import json
import pathlib
import re
import subprocess
import sys

# Changes of the graph, by the job that has them.
VARIANTS = {
    "InFlight": [
        "identical", "rescaled", "behind-added", "branch-added", "inserted", "inserted-as-wide", "reader-renamed", "reader-removed",
    ],
    "Finished": [
        "identical", "source-renamed", "both-renamed", "other", "branch-removed", "before-chained", "before-unchained",
        "behind-chained", "behind-unchained", "coordinator-removed", "coordinator-renamed", "partial-identical",
        "partial-before-chained", "partial-before-unchained", "partial-behind-chained", "partial-behind-unchained",
        "partial-branch-removed",
    ],
}
# What Flink calls a restore, and what we do.
SAME = {
    "as-is": "restores-as-is", "silently": "restores-but-silently-loses", "with-n": "restores-with-loss", "fails": "does-not-restore",
}


def answers(flink, work, job):
    """Returns what Flink did with each variant: variant, place of the snapshot, verdict, records that went astray, why."""
    path = f"{work}/log:{work}/job.jar:{flink}/lib/*"
    options = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", path]
    command = ["java", *options, job, "--restore", f"file://{work}/{job}", *VARIANTS[job]]
    place = None
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{job} failed:\n{done.stderr[-3000:]}")
    for line in done.stdout.splitlines():
        if "\t" not in line:
            place = line.removeprefix("file:")
            continue
        variant, verdict, astray, why = line.split("\t")
        yield variant, place, verdict, astray, why


def check(alluvium, flink, work, job, variant, against):
    described = subprocess.run(
        [alluvium, "describe", "--flink", flink, "--class", job, work / "job.jar", "--", variant],
        check=True, capture_output=True,
    )
    file = work / f"{job}-{variant}.json"
    file.write_bytes(described.stdout)
    command = [alluvium, "check", file, "--against", against, "--no-config", "--output", "json"]
    report = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)
    # A job against its own snapshot finds nothing at all.
    whole = variant.endswith("identical")
    found = [finding for finding in report["findings"] if whole or finding["rule"][:3] in ("CHK", "OPR")]
    return report["overall"], [f"{finding['severity']}[{finding['rule']}] {finding['sees']}" for finding in found]


def main():
    alluvium, flink, work = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    count = wrong = 0
    for job in VARIANTS:
        for variant, place, verdict, astray, why in answers(flink, work, job):
            if verdict == "as-is" and any(int(number) for number in re.findall(r"\d+", astray)):
                verdict = "silently"
            ours, found = check(alluvium, flink, work, job, variant, place)
            same = not (variant.endswith("identical") and found)
            same = same and ours == SAME[verdict] and any(sees.startswith("deny") for sees in found) == (verdict != "as-is")
            count += 1
            wrong += not same
            print(f"{'same ' if same else 'OTHER'} {variant:24} {ours:25} {verdict:8} {astray}; {why}")
            print("\n".join(f"      {sees}" for sees in found), end="\n" if found else "")
    print(f"{count} changes: {wrong} verdicts differ from Flink's")
    sys.exit(1 if wrong or count != sum(map(len, VARIANTS.values())) else 0)


main()
