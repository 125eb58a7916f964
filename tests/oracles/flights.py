"""Recomputes the flights job in SQL and compares: its output, its state, and the files of a savepoint.

    flights.py --out DIR                           rows of all committed files
    flights.py --savepoint SNAP --alluvium BINARY  state at the snapshot's cut, wherever that lies in the input

Both may be given, and --savepoint more than once. The job's definition is the first page of crates/flights.
State is recomputed from what the snapshot says was read: a split's position is the number of its rows read;
the watermark is the least of the splits' last event times minus 1 ms, and beyond all time for a split read to
its end. Flights at or below the watermark have been applied, the others are buffered; a rotation is closed when
its last departure plus 12 hours is at or below the watermark.

In a compacted savepoint every table file is also opened by pyarrow and by DuckDB, which must give the rows of
`cat`. Not recomputed, because the definition leaves them open: timers (in a snapshot of the whole input
there must be none) and the time of last access of rotations, which is the processing time.

Rows are compared as lines of JSON, written as `cat` writes them, and read only where these differ.
"""
import argparse
import base64
import csv
import datetime
import gc
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

import checks as reading

FLIGHTS = Path(__file__).resolve().parents[2] / "fixtures" / "data" / "flights.parquet"
END = 2**63 - 1
MOST_ROTATIONS = 10

READ = """
CREATE MACRO iso(ms) AS replace(strftime(make_timestamp(ms * 1000), '%Y-%m-%dT%H:%M:%S.%gZ'), '.000Z', 'Z');
CREATE TABLE f AS
SELECT file_row_number AS n, n // 1000 % 8 AS split, n // 8000 * 1000 + n % 1000 AS nth_of_split,
       epoch_ms(time_hour) + minute * 60000 AS t, tailnum, carrier, month, flight, origin, dest,
       dep_time, dep_delay, air_time, greatest(coalesce(dep_delay, 0), 0)::BIGINT AS late
FROM read_parquet('{file}', file_row_number = true)
"""

# Over `seen` (the rows that were read) and `mark` (the watermark).
DERIVED = """
CREATE VIEW known AS SELECT * FROM seen WHERE tailnum IS NOT NULL;
CREATE TABLE applied AS SELECT * FROM known WHERE t <= (SELECT w FROM mark);
CREATE TABLE rotation AS
WITH gaps AS (
    SELECT *, coalesce(t - lag(t) OVER flights >= 12 * 3600000, true) AS starts,
           last_value(CASE WHEN air_time IS NOT NULL THEN dest END IGNORE NULLS) OVER flights AS airport_then
    FROM applied WINDOW flights AS (PARTITION BY tailnum ORDER BY t, carrier, flight)),
numbered AS (
    SELECT *, count(*) FILTER (starts) OVER (PARTITION BY tailnum ORDER BY t, carrier, flight) AS nth FROM gaps)
SELECT tailnum, nth, min(t) AS first_departure, max(t) AS last_departure, count(*) AS flights, count(air_time) AS legs,
       sum(late)::BIGINT AS minutes_delayed,
       last(airport_then ORDER BY t, carrier, flight) AS airport,
       max(t) <= (SELECT w FROM mark) - 12 * 3600000 AS closed
FROM numbered GROUP BY tailnum, nth;
CREATE VIEW totals AS
SELECT carrier, month, count(*) AS flights, count(*) - count(dep_time) AS cancelled, sum(late)::BIGINT AS minutes_delayed
FROM seen GROUP BY carrier, month;
CREATE VIEW position AS
SELECT tailnum, last(dest ORDER BY t, carrier, flight) FILTER (air_time IS NOT NULL) AS airport,
       last(t + ((dep_delay + air_time) * 60000)::BIGINT ORDER BY t, carrier, flight)
           FILTER (air_time IS NOT NULL) AS last_arrival,
       count(*) AS flights, sum(late)::BIGINT AS minutes_delayed
FROM applied GROUP BY tailnum;
CREATE VIEW visits AS
SELECT tailnum, dest, count(*) AS visits FROM applied WHERE air_time IS NOT NULL GROUP BY tailnum, dest;
"""

failures = []
checks = 0


def plain(value):
    """The JSON of a value that pyarrow has and JSON has not: instants, without their zone, and bytes."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat(timespec="milliseconds").removesuffix(".000") + "Z"


line = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=plain).encode


def canonical(text):
    """JSON by which rows are compared whose lines differ: 1 is not 1.0, but members may stand in any order."""
    return json.dumps(json.loads(text), sort_keys=True)


def check(what, want, have):
    """Compares two lists of lines, whatever their order; the second one may be rows that are not lines yet."""
    global checks
    checks += 1
    if have and isinstance(have[0], dict):
        have = want if line(have) == f"[{','.join(want)}]" else [line(row) for row in have]
    for simpler in (list, sorted, lambda lines: sorted(map(canonical, lines))):
        want, have = simpler(want), simpler(have)
        if want == have:
            print(f"ok    {what}: {len(want)} rows")
            return
    missing, extra = Counter(want) - Counter(have), Counter(have) - Counter(want)
    failures.append(what)
    numbers = f"{len(want)} rows wanted, {len(have)} found; {missing.total()} missing, {extra.total()} not wanted"
    print(f"FAIL  {what}: {numbers}")
    for sign, rows in (("-", missing), ("+", extra)):
        for row in sorted(rows)[:3]:
            print(f"      {sign} {row}")


def lines(db, sql):
    """Rows of a query as lines."""
    return [text for text, in db.execute(f"SELECT to_json(row)::VARCHAR FROM ({sql}) AS row").fetchall()]


def database(positions):
    """What is derived from what was read: `positions` maps splits to numbers of rows, or is None for everything."""
    db = duckdb.connect()
    db.execute(READ.format(file=FLIGHTS))
    marks = []
    for split, rows in db.execute("SELECT split, count(*) FROM f GROUP BY split ORDER BY split").fetchall():
        position = rows if positions is None else positions.get(split, 0)
        last = db.execute("SELECT t FROM f WHERE split = ? AND nth_of_split = ?", [split, position - 1]).fetchone()
        marks.append(END if position == rows else last[0] - 1 if last else -END)
    db.execute("CREATE TABLE position_of (split BIGINT, rows BIGINT)")
    if positions is None:
        db.execute("INSERT INTO position_of SELECT split, count(*) FROM f GROUP BY split")
    elif positions:
        db.executemany("INSERT INTO position_of VALUES (?, ?)", list(positions.items()))
    db.execute("CREATE VIEW seen AS SELECT f.* FROM f JOIN position_of USING (split) WHERE nth_of_split < rows")
    db.execute("CREATE TABLE mark AS SELECT ?::BIGINT AS w", [min(marks)])
    db.execute(DERIVED)
    return db, min(marks)


TIMES = "iso(first_departure) AS first_departure, iso(last_departure) AS last_departure"
ROTATION = f"{TIMES}, flights, legs, minutes_delayed"


def check_output(directory):
    """Rows of all committed files, against the whole input."""
    db, _ = database(None)
    files = {name: sorted(directory.glob(f"{name}-*")) for name in ("rotations", "totals", "unknown-aircraft")}
    found = {name: [text for file in paths for text in file.read_text().splitlines()] for name, paths in files.items()}
    check("output rotations", lines(db, f"SELECT tailnum, {ROTATION}, airport FROM rotation"), found["rotations"])
    totals = [row for file in files["totals"] for row in csv.DictReader(file.read_text().splitlines())]
    check("output totals", lines(db, "SELECT * FROM totals"),
          [{k: v if k == "carrier" else int(v) for k, v in row.items()} for row in totals])
    check("output unknown-aircraft", lines(
        db, "SELECT iso(t) AS departure, carrier, flight, origin, dest FROM seen WHERE tailnum IS NULL"),
        found["unknown-aircraft"])


def cat(binary, snapshot, name):
    command = [binary, "cat", snapshot, name, "-o", "jsonl"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def check_state(states):
    """State at the cut, against SQL over what was read until then."""
    positions = [json.loads(text)["value"] for text in states["flights/source-positions"]]
    db, mark = database({row["f0"]: row["f1"] for row in positions})
    total, = db.execute("SELECT count(*) FROM seen").fetchone()
    instant, = db.execute("SELECT iso(?)", [mark if -END < mark < END else 0]).fetchone()
    until = "at the end" if mark == END else instant if mark > -END else "before all"
    print(f"      {total} rows read, watermark {until}")

    def check_sql(name, sql):
        """Key, map key and value of a state's rows."""
        others = re.compile('"key_group":[0-9]+,|,"last_access":[^"]*(?=}$)')
        check(name, lines(db, sql), [others.sub("", text) for text in states[name]])

    check_sql("aircraft/position", """
        SELECT tailnum AS key, {airport: airport, last_arrival: iso(last_arrival), flights: flights,
                                minutes_delayed: minutes_delayed} AS value FROM position""")
    check_sql("aircraft/visits", "SELECT tailnum AS key, dest AS map_key, visits AS value FROM visits")
    check_sql("aircraft/rotations", f"""
        SELECT tailnum AS key, list(rotation ORDER BY nth)[-{MOST_ROTATIONS}:] AS value FROM (
            SELECT tailnum, nth, {{first_departure: iso(first_departure), last_departure: iso(last_departure),
                                   flights: flights, legs: legs, minutes_delayed: minutes_delayed,
                                   airport: airport}} AS rotation
            FROM rotation WHERE closed) GROUP BY tailnum""")
    check_sql("aircraft/open-rotation", """
        SELECT tailnum AS key, {first_departure: iso(first_departure), last_departure: iso(last_departure),
                                flights: flights, legs: legs, minutes_delayed: minutes_delayed} AS value
        FROM rotation WHERE NOT closed""")
    check_sql("aircraft/buffered", """
        SELECT tailnum AS key, {event_time: iso(t), carrier: carrier, flight: flight} AS map_key,
               {origin: origin, dest: dest, dep_delay: dep_delay, air_time: air_time} AS value
        FROM known WHERE t > (SELECT w FROM mark)""")
    check_sql("monthly-totals/totals", """
        SELECT {carrier: carrier, month: month} AS key,
               {flights: flights, cancelled: cancelled, minutes_delayed: minutes_delayed} AS value FROM totals""")
    if mark == END:
        check("timers at the end of the input", [], [
            f"{name} {text}" for name, rows in states.items() if "_timer_state" in name for text in rows])


def without_zones(form):
    """An Arrow type whose instants have no zone: Python's values of such ones come much quicker."""
    fields = [form.field(i) for i in range(form.num_fields)]
    fields = [pa.field(field.name, without_zones(field.type), field.nullable) for field in fields]
    if pa.types.is_timestamp(form):
        return pa.timestamp(form.unit)
    return pa.struct(fields) if pa.types.is_struct(form) else pa.list_(*fields) if pa.types.is_list(form) else form


def as_lines(rows, kind):
    """Rows of a table file in the shape of `cat`: a list is one line."""
    lines = []
    for row in rows:
        row.pop("list_pos", None)
        lists = [name for name in ("value", "last_access") if name in row] if kind == "list" else []
        place = {name: cell for name, cell in row.items() if name not in lists}
        if not lists or not lines or {n: c for n, c in lines[-1].items() if n in place} != place:
            lines.append({**place, **{name: [] for name in lists}})
        for name in lists:
            lines[-1][name].append(row[name])
    return lines


def check_files(snapshot, states):
    """Every table file, opened by pyarrow and by DuckDB, against `cat`."""
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    for name, table in snapshot.tables.items():
        runs = sorted(table.runs, key=lambda run: run.sequence)
        files = [str(snapshot.path(snapshot.body.objects[run.object])) for run in runs]
        if not files:
            check(f"no files of {name}", [], states[name])
            continue
        for reader, read in (("pyarrow", lambda: pq.read_table(files, partitioning=None)),
                             ("DuckDB", lambda: db.read_parquet(files, hive_partitioning=False).to_arrow_table())):
            rows = read()
            rows = rows.cast(pa.schema([(field.name, without_zones(field.type)) for field in rows.schema])).to_pylist()
            check(f"{reader} on the files of {name}", states[name], as_lines(rows, table.state.kind))


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("--out", type=Path, help="directory of the job's output")
    options.add_argument("--savepoint", action="append", default=[], help="a snapshot of the job")
    options.add_argument("--alluvium", help="the program whose `cat` is compared; without it reader.py's")
    options = options.parse_args()
    gc.disable()  # rows are many, and none of them holds itself
    if options.out:
        check_output(options.out)
    for place in options.savepoint:
        print(f"      snapshot {Path(place).name}")
        snapshot = reading.Checked(place)
        reading.verify(snapshot)
        read = {name: reading.cat(snapshot, name) for name in snapshot.tables}
        if options.alluvium:
            states = {name: cat(options.alluvium, place, name) for name in snapshot.tables}
            for name, rows in read.items():
                check(f"cat and reader.py on {name}", states[name], rows)
        else:
            states = {name: [line(row) for row in rows] for name, rows in read.items()}
        check_state(states)
        if snapshot.body.layout == "compacted":
            check_files(snapshot, states)
    print(f"{checks - len(failures)} passed, {len(failures)} failed")
    return bool(failures) or checks == 0


if __name__ == "__main__":
    sys.exit(main())
