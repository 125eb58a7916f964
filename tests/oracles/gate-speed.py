"""Times `check` of a lock file against a job description, beside Python's readers of the same two files.

    python3 tests/oracles/gate-speed.py --alluvium target/release/alluvium [--operators 500] [--states 10] [--fields 6]

Prints the median and the least of some runs of whole processes, in milliseconds, and the ratio to the peer, which only
reads. Not a test: figures depend on the machine.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time
import tomllib

TYPES = {"string": "string", "long": "int64", "int": "int32", "double": "float64", "boolean": "bool"}


def description(operators, states, fields):
    """A job of Flink as `describe --flink` prints it: values are POJOs of so many fields, or plain for none.

    Without a number it is a job of ours, as `describe` prints it: types, and no serializers.
    """
    names = list(TYPES)

    def value(number):
        if not fields:
            name = names[number % len(names)]
            return name, TYPES[name]
        chosen = [(f"field{index}", names[(number + index) % len(names)]) for index in range(fields)]
        parts = [{"name": name, "serializer": serializer} for name, serializer in chosen]
        members = [
            {"id": index + 1, "name": name, "type": {"nullable": TYPES[serializer]}}
            for index, (name, serializer) in enumerate(chosen)
        ]
        serializer = {"class": "pojo", "version": 2, "type": f"com.example.Value{number}", "parts": parts}
        return serializer, {"nullable": {"struct": members}}

    def state(number):
        serializer, ty = value(number)
        plain = {"name": f"state-{number}", "kind": "value", "key_type": "string", "value_type": ty}
        if fields is None:
            return plain
        return plain | {
            "raw": ["key_raw", "value_raw"],
            "field_id_max": fields,
            "serializers": {"key": "string", "namespace": "void-namespace", "value": serializer},
        }

    def operator(number):
        return {
            "uid": f"operator-{number}",
            "name": f"Operator {number}",
            "role": "process",
            "parallelism": 4,
            "max_parallelism": 128,
            "key_type": "string",
            "key_group_function": "java-hash/1",
            "states": [state(number * states + index) for index in range(states)],
        }

    return {
        "description_version": 1,
        "name": "large",
        "engine": {"name": "alluvium" if fields is None else "flink", "version": "2.3.0"},
        "operators": [operator(number) for number in range(operators)],
        "edges": [],
    }


def timed(runs, work):
    """Returns the median and the least of the times of some calls, in milliseconds."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times), min(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alluvium", required=True)
    parser.add_argument("--operators", type=int, default=500)
    parser.add_argument("--states", type=int, default=10)
    parser.add_argument("--fields", type=int, nargs="*", default=[0, 6])
    parser.add_argument("--runs", type=int, default=15)
    args = parser.parse_args()
    print(f"{args.operators} operators x {args.states} states")
    for fields in [None, *args.fields]:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            job, lock = folder / "job.json", folder / "alluvium.lock.toml"
            job.write_text(json.dumps(description(args.operators, args.states, fields), indent=1))
            subprocess.run([args.alluvium, "lock", job, "--file", lock], check=True)
            command = [args.alluvium, "check", job, "--against", lock, "--no-config", "--output", "json"]
            report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            if report["overall"] != "restores-as-is" or len(report["states"]) != args.operators * args.states:
                raise SystemExit(f"the job does not equal its own lock file: {report['overall']}")
            median, least = timed(args.runs, lambda: subprocess.run(command, check=True, capture_output=True))

            def peer():
                json.loads(job.read_text())
                tomllib.loads(lock.read_text())

            reading, _ = timed(3, peer)
            renamed = folder / "renamed.json"
            renamed.write_text(job.read_text().replace('"operator-', '"renamed-'))
            other = [args.alluvium, "check", renamed, "--against", lock, "--no-config", "--output", "json"]
            all_renamed, _ = timed(3, lambda: subprocess.run(other, capture_output=True))
            what = "a job of ours" if fields is None else f"Flink, POJOs of {fields} fields" if fields else "Flink, plain values"
            sizes = f"{job.stat().st_size / 1e6:.1f} MB of JSON, {lock.stat().st_size / 1e6:.1f} MB of TOML"
            print(f"{what}: check {median:.0f} ms (least {least:.0f}), {sizes};", end=" ")
            print(f"Python reads both in {reading:.0f} ms: {reading / median:.1f}x; with every uid changed {all_renamed:.0f} ms")


main()
