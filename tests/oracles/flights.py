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
"""
import argparse
import csv
import datetime
import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from reader import Snapshot

FLIGHTS = Path(__file__).resolve().parents[2] / "fixtures" / "data" / "flights.parquet"
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
END = 2**63 - 1
MOST_ROTATIONS = 10

READ = """
CREATE TABLE f AS
SELECT file_row_number AS n, n // 1000 % 8 AS split, n // 8000 * 1000 + n % 1000 AS nth_of_split,
       epoch_ms(time_hour) + minute * 60000 AS t, tailnum, carrier, month, flight, origin, dest,
       dep_time, dep_delay, air_time, greatest(coalesce(dep_delay, 0), 0)::BIGINT AS late
FROM read_parquet('{file}', file_row_number = true)
"""

# Views over `seen` (the rows that were read) and `mark` (the watermark).
VIEWS = """
CREATE VIEW known AS SELECT * FROM seen WHERE tailnum IS NOT NULL;
CREATE VIEW applied AS SELECT * FROM known WHERE t <= (SELECT w FROM mark);
CREATE VIEW rotation AS
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


def check(what, want, have):
    """Compares two lists of rows, whatever their order."""
    global checks
    checks += 1
    want, have = (sorted(json.dumps(row, sort_keys=True) for row in rows) for rows in (want, have))
    if want == have:
        print(f"ok    {what}: {len(want)} rows")
        return
    missing, extra = sorted(set(want) - set(have)), sorted(set(have) - set(want))
    failures.append(what)
    print(f"FAIL  {what}: {len(want)} rows wanted, {len(have)} found; {len(missing)} missing, {len(extra)} not wanted")
    for sign, rows in (("-", missing), ("+", extra)):
        for row in rows[:3]:
            print(f"      {sign} {row}")


def iso(ms):
    """An instant as `cat` prints it."""
    if ms is None:
        return None
    text = (EPOCH + datetime.timedelta(milliseconds=ms)).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00").removesuffix(".000") + "Z"


def records(db, sql, *times):
    """Rows of a query as dicts, the columns named `times` as text."""
    cursor = db.execute(sql)
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row)) for row in cursor.fetchall()]
    return [{k: iso(v) if k in times else v for k, v in row.items()} for row in rows]


def database(positions):
    """The views over what was read: `positions` maps splits to numbers of rows, or is None for everything."""
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
    db.execute(VIEWS)
    return db, min(marks)


ROTATION = "first_departure, last_departure, flights, legs, minutes_delayed"


def check_output(directory):
    """Rows of all committed files, against the whole input."""
    db, _ = database(None)
    files = {name: sorted(directory.glob(f"{name}-*")) for name in ("rotations", "totals", "unknown-aircraft")}
    lines = {name: [line for file in paths for line in file.read_text().splitlines()] for name, paths in files.items()}
    check("output rotations", records(db, f"SELECT tailnum, {ROTATION}, airport FROM rotation",
                                      "first_departure", "last_departure"), map(json.loads, lines["rotations"]))
    totals = [row for file in files["totals"] for row in csv.DictReader(file.read_text().splitlines())]
    check("output totals", records(db, "SELECT * FROM totals"),
          [{k: v if k == "carrier" else int(v) for k, v in row.items()} for row in totals])
    check("output unknown-aircraft", records(
        db, "SELECT t AS departure, carrier, flight, origin, dest FROM seen WHERE tailnum IS NULL", "departure"),
        map(json.loads, lines["unknown-aircraft"]))


def cat(binary, snapshot, name):
    command = [binary, "cat", snapshot, name, "-o", "jsonl"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in text.splitlines()]


def check_state(states):
    """State at the cut, against SQL over what was read until then."""
    positions = {row["value"]["f0"]: row["value"]["f1"] for row in states["flights/source-positions"]}
    db, mark = database(positions)
    total, = db.execute("SELECT count(*) FROM seen").fetchone()
    until = "at the end" if mark == END else iso(mark) if mark > -END else "before all"
    print(f"      {total} rows read, watermark {until}")

    def values(name):
        return [{"key": row["key"], "value": row["value"]} for row in states[name]]

    def keyed(rows):
        return [{"key": row.pop("tailnum"), "value": row} for row in rows]

    check("aircraft/position", keyed(records(db, "SELECT * FROM position", "last_arrival")), values("aircraft/position"))
    check("aircraft/visits", records(db, "SELECT * FROM visits"), [
        {"tailnum": row["key"], "dest": row["map_key"], "visits": row["value"]} for row in states["aircraft/visits"]])
    times = "first_departure", "last_departure"
    closed = {}
    for row in records(db, f"SELECT tailnum, {ROTATION}, airport FROM rotation WHERE closed ORDER BY tailnum, nth", *times):
        closed.setdefault(row.pop("tailnum"), []).append(row)
    last = [{"key": tailnum, "value": rows[-MOST_ROTATIONS:]} for tailnum, rows in closed.items()]
    check("aircraft/rotations", last, values("aircraft/rotations"))
    check("aircraft/open-rotation", keyed(records(db, f"SELECT tailnum, {ROTATION} FROM rotation WHERE NOT closed", *times)),
          values("aircraft/open-rotation"))
    buffered = records(db, "SELECT tailnum, t AS event_time, carrier, flight, origin, dest, dep_delay, air_time "
                           "FROM known WHERE t > (SELECT w FROM mark)", "event_time")
    check("aircraft/buffered", buffered, [
        {"tailnum": row["key"], **row["map_key"], **row["value"]} for row in states["aircraft/buffered"]])
    check("monthly-totals/totals", records(db, "SELECT * FROM totals"), [
        {**row["key"], **row["value"]} for row in states["monthly-totals/totals"]])
    if mark == END:
        check("timers at the end of the input", [], [
            {"state": name, **row} for name, rows in states.items() if "_timer_state" in name for row in rows])


def plain(value):
    """A value of pyarrow's as JSON, instants as `cat` prints them."""
    if isinstance(value, datetime.datetime):
        return iso((value - EPOCH) // datetime.timedelta(milliseconds=1))
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return value


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
        files = [str(file) for file in snapshot.files(name)]
        if not files:
            check(f"no files of {name}", [], states[name])
            continue
        for reader, read in (("pyarrow", lambda: pq.read_table(files, partitioning=None)),
                             ("DuckDB", lambda: db.read_parquet(files, hive_partitioning=False).to_arrow_table())):
            rows = [plain(row) for row in read().to_pylist()]
            check(f"{reader} on the files of {name}", states[name], as_lines(rows, table.state.kind))


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("--out", type=Path, help="directory of the job's output")
    options.add_argument("--savepoint", action="append", default=[], help="a snapshot of the job")
    options.add_argument("--alluvium", help="the program whose `cat` is compared; without it reader.py's")
    options = options.parse_args()
    if options.out:
        check_output(options.out)
    for place in options.savepoint:
        print(f"      snapshot {Path(place).name}")
        snapshot = Snapshot(place)
        snapshot.verify()
        read = {name: snapshot.cat(name) for name in snapshot.tables}
        states = read
        if options.alluvium:
            states = {name: cat(options.alluvium, place, name) for name in snapshot.tables}
            for name in snapshot.tables:
                check(f"cat and reader.py on {name}", read[name], states[name])
        check_state(states)
        if snapshot.body.layout == "compacted":
            check_files(snapshot, states)
    print(f"{checks - len(failures)} passed, {len(failures)} failed")
    return bool(failures) or checks == 0


if __name__ == "__main__":
    sys.exit(main())
