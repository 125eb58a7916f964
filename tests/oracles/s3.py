"""Asks of a real S3-protocol server what is asked of local folders: s3.py BIN_DIR CACHE_DIR

Builds the server of tests/s3-server, serves a copy of the fixtures, has the laws of a store checked on it, and
compares what the program says of every snapshot at s3:// with what it says of the same one in a folder.
"""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUCKET = "snapshots"
# Enough kinds of each, and not so many that the processes take longer than the reading.
OURS = ["checkpoint-map", "checkpoint-list", "numbers", "types", "whole"]
FLINK_MOST = 6


def build(cache):
    """Builds the server and returns its program."""
    target = cache / "s3-server"
    manifest = ROOT / "tests" / "s3-server" / "Cargo.toml"
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}
    subprocess.run(
        ["cargo", "build", "--release", "--quiet", "--locked", "--manifest-path", manifest], env=environment, check=True
    )
    return target / "release" / "s3-server"


@contextlib.contextmanager
def serving(program, folder):
    """Serves a folder; yields the environment in which it is asked."""
    with subprocess.Popen([program, folder], stdout=subprocess.PIPE, text=True) as server:
        try:
            endpoint = server.stdout.readline().strip()
            assert endpoint.startswith("http://127.0.0.1:"), f"the server said {endpoint!r}"
            settings = {
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_ALLOW_HTTP": "true",
                "AWS_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "key",
                "AWS_SECRET_ACCESS_KEY": "secret",
            }
            yield {**os.environ, **settings}
        finally:
            server.kill()


def run(environment, *command):
    """Runs a command; returns its exit code, output and errors."""
    done = subprocess.run([str(part) for part in command], env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def questions(program, snapshot):
    """Returns what is asked of a snapshot: the arguments behind its place, for each question."""
    code, stdout, stderr = run(None, program, "inspect", snapshot, "-o", "json")
    assert code == 0, f"{snapshot}: {stderr}"
    asked = [("inspect", []), ("verify", [])]
    for operator in json.loads(stdout)["operators"]:
        label = operator["uid"] or operator["id"]
        asked += [("cat", [f"{label}/{state['name']}"]) for state in operator["states"]]
    return asked


def compare(program, environment, roots, place):
    """Compares the answers for one snapshot; returns how many were equal."""
    short = lambda answer: f"{answer[0]} {answer[1][:2000]}"
    equal = 0
    for verb, arguments in questions(program, f"{roots[0]}/{place}"):
        form = "json" if verb in ("inspect", "verify") else "jsonl"
        answers = [run(environment, program, verb, f"{root}/{place}", *arguments, "-o", form) for root in roots]
        # Both name their places in what they say.
        here, there = [(code, out.replace(str(root), "ROOT")) for (code, out, _), root in zip(answers, roots)]
        assert here == there, f"{verb} {place} {arguments}:\n{short(here)}\n{short(there)}\n{answers[1][2]}"
        equal += 1
    return equal


def main(binaries, cache):
    program = pathlib.Path(binaries).resolve() / "alluvium"
    server = build(pathlib.Path(cache).resolve())
    with tempfile.TemporaryDirectory() as folder:
        bucket = pathlib.Path(folder) / BUCKET
        flink = sorted((ROOT / "fixtures/flink/snapshots").iterdir())
        cases = [ROOT / "fixtures/format/v1/valid" / name for name in OURS] + flink[:: len(flink) // FLINK_MOST]
        places = []
        for case in filter(pathlib.Path.is_dir, cases):
            shutil.copytree(case, bucket / case.name)
            found = [path.parent for path in (bucket / case.name).rglob("_metadata")] or [bucket / case.name]
            places.append(found[0].relative_to(bucket))
        with serving(server, folder) as environment:
            laws = program.parent / "examples" / "laws"
            code, stdout, stderr = run(environment, laws, f"s3://{BUCKET}/laws/of/a/store")
            assert code == 0, f"{laws}: {stderr}"
            print(stdout.strip())
            roots = (bucket, f"s3://{BUCKET}")
            equal = sum(compare(program, environment, roots, place) for place in places)
            nothing = [run(environment, program, "inspect", f"{root}/nothing") for root in roots]
            assert nothing[0][0] == nothing[1][0] > 1, f"exit codes where nothing is: {nothing}"
    print(f"s3: {len(places)} snapshots, {equal} answers equal to those of local folders")


if __name__ == "__main__":
    main(*sys.argv[1:])
