"""Compares what `check` says of records in flight with what real Flink does with them."""

import json
import pathlib
import subprocess
import sys

# Changes of the graph, and whether they touch the edge with the records in flight.
VARIANTS = {
    "identical": False,
    "rescaled": False,
    "behind-added": False,
    "branch-added": False,
    "inserted": True,
    "inserted-as-wide": True,
    "reader-renamed": True,
    "reader-removed": True,
}


def answers(flink, work):
    """Returns the place of the checkpoint and what Flink did with each variant."""
    path = f"{work}/log:{work}/job.jar:{flink}/lib/*"
    command = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", path, "InFlight", "--restore", f"file://{work}/cp"]
    lines = subprocess.run([*command, *VARIANTS], check=True, capture_output=True, text=True).stdout.splitlines()
    return lines[0].removeprefix("file:"), dict(line.split("\t", 1) for line in lines[1:])


def check(alluvium, flink, work, variant, against):
    described = subprocess.run(
        [alluvium, "describe", "--flink", flink, "--class", "InFlight", work / "job.jar", "--", variant],
        check=True, capture_output=True,
    )
    job = work / f"{variant}.json"
    job.write_bytes(described.stdout)
    command = [alluvium, "check", job, "--against", against, "--no-config", "--output", "json"]
    report = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)
    found = [finding for finding in report["findings"] if finding["rule"] == "CHK001"]
    return report["overall"], [f"{finding['severity']}: {finding['sees']}" for finding in found]


def main():
    alluvium, flink, work = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    place, theirs = answers(flink, work)
    wrong = 0
    for variant, touched in VARIANTS.items():
        ours, found = check(alluvium, flink, work, variant, place)
        verdict, passed_by, missing, why = theirs[variant].split("\t")
        if touched:
            same = verdict == "fails" and ours == "does-not-restore" and found
        else:
            same = (verdict, passed_by, missing, ours) == ("as-is", "0", "0", "restores-as-is")
            same = same and not any(sees.startswith("deny") for sees in found)
        wrong += not same
        print(f"{'same ' if same else 'OTHER'} {variant:18} {ours:18} {verdict:7} passed by {passed_by}, missing {missing}; {why}")
        print("\n".join(f"      {sees}" for sees in found), end="\n" if found else "")
    print(f"{len(VARIANTS)} changes: {wrong} verdicts differ from Flink's")
    sys.exit(1 if wrong else 0)


main()
