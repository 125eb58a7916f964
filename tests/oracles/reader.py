"""A reader of Alluvium snapshots, written from format-spec/v1 alone.

    reader.py verify SNAP          check everything that a Reader can see
    reader.py cat SNAP OP/STATE    live rows as JSON lines
    reader.py states SNAP          names of the states, one OP/STATE a line

SNAP is a savepoint's directory, a manifest, or a job's root (its latest checkpoint). A broken rule ends it
with its id and code 3 (4 for a version or feature that is not supported), wrong usage with 2.
"""
import base64, itertools, json, re, sys
from pathlib import Path
from struct import error as CutShort, pack, unpack, unpack_from
from types import SimpleNamespace
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash, zstandard

from forms import Broken, Opaque, Type, mix, murmur3, require

BLOCK, MOST = 1 << 16, 1 << 28
KEYED = ("value", "reducing", "aggregating", "list", "map", "event-timer", "processing-timer")
TIMERS, INDEXED = KEYED[5:], ("operator-list", "operator-union", "pending-transactions", "in-flight")
JAVA, CANONICAL, *TRUSTED = "java-hash/1", "canonical-bytes/1", "flink-binary-row/1", "stored"
COLUMNS = ("op:uint8 key_group:uint16 key key_raw:bytes namespace namespace_raw:bytes map_key map_key_raw:bytes "
           "list_pos:int64 timestamp:int64 subtask:int32 index:int64 value value_raw:bytes last_access:int64").split()
NO_VALUE = ("value", "value_raw", "last_access")
HIDDEN = ((), NO_VALUE, NO_VALUE + ("map_key", "map_key_raw", "list_pos", "timestamp"))  # RUN-5, by operation
PLACES = ("key", "namespace", "map_key", "value")
SHOWN = "key_group key namespace map_key subtask index timestamp value last_access".split()
SHAPES = {name: [member.split(":") for member in members.split()] for name, members in {
    "body": "profile:str layout?:str job:dict attempt:int checkpoint_id:int created_ms:ms as_of_ms?:ms roots:list "
            "objects:list schemas?:list schemas_object?:int job_description?:int origin?:int operators:list aborted:list",
    "job": "id:str name:str", "object": "root:int name:str size:int digest:hex blocks?:dict",
    "blocks": "root:int name:str offset:int length:int",
    "operator": "id:str uid?:str name?:str parallelism:int max_parallelism:int key_group_function:str "
                "sequence_max:int tables:list",
    "table": "schema:int runs:list digest?:list entries?:int",
    "run": "object?:int offset?:int length?:int inline?:str schema:int base:bool rows:int deletes:int clears:int "
           "digest:hex sequence?:list clip?:list subtask?:int",
    "schema": "name:str kind:str ttl_ms?:int ttl_unknown?:bool raw?:list field_id_max?:int"}.items()}


def shaped(shape, value):
    """The members of a JSON object that its shape knows, None where absent (MAN-1, MAN-2)."""
    rule, out = "SCHEMA-1" if shape == "schema" else "MAN-1", SimpleNamespace()
    require(isinstance(value, dict), rule, f"{shape} is no JSON object")
    for member, kind in SHAPES[shape]:
        name, got = member.rstrip("?"), value.get(member.rstrip("?"))
        require(got is not None or member.endswith("?"), rule, f"{shape} has no {name}")
        if got is not None and kind in ("int", "ms"):
            require(type(got) is int and -2**63 * (kind == "ms") <= got < 2**63, "MAN-2", f"{shape}.{name} is {got!r}")
        elif got is not None:
            require(type(got).__name__ == kind.replace("hex", "str"), rule, f"{shape}.{name} is {got!r}")
            require(kind != "hex" or re.fullmatch("[0-9a-f]{32}", got), "MAN-2", f"{shape}.{name} is {got!r}")
        setattr(out, name, got)
    return out


def between(value, low, high, rule, what):
    good = isinstance(value, list) and len(value) == 2 and all(type(n) is int for n in value)
    require(good, "MAN-1", f"{what} {value}")
    require(low <= value[0] <= value[1] <= high, rule, f"{what} {value}")


class State:
    """A state schema (SCHEMA-1)."""
    def __init__(self, form):
        s = shaped("schema", form)
        self.name, self.kind, self.raw, self.keyed = s.name, s.kind, s.raw or [], s.kind in KEYED
        self.ttl = float("inf") if s.ttl_unknown else s.ttl_ms  # TTL-5
        require(s.kind in KEYED + INDEXED + ("broadcast",), "SCHEMA-1", f"no kind {s.kind!r}")
        self.types = {place: Type(form[place + "_type"]) for place in PLACES if form.get(place + "_type") is not None}
        must = {"key": self.keyed, "map_key": s.kind in ("map", "broadcast"), "value": s.kind not in TIMERS}
        require(all((p in self.types) == there for p, there in must.items()), "SCHEMA-1", f"types of {s.kind} {s.name}")
        require(self.keyed or self.ttl is None and "namespace" not in self.types, "SCHEMA-1", f"{s.name} is not keyed")
        require(not self.keyed or not self.types["key"].nullable, "SCHEMA-1", "a nullable key")
        require({*self.raw} <= {place + "_raw" for place in self.types}, "SCHEMA-1", f"raw {self.raw}")
        id_max = max((form.id_max for form in self.types.values()), default=0)
        require(id_max <= (s.field_id_max or 0), "SCHEMA-2", f"a field id of {s.name} above field_id_max")

    def columns(self, base):
        """Name, type and nullability of each column (TABLE-3, TABLE-4)."""
        there = {"op": not base, "key_group": self.keyed, "list_pos": self.kind == "list", "subtask": self.kind in INDEXED,
                 "timestamp": self.kind in TIMERS, "index": self.kind in INDEXED, "last_access": self.ttl is not None}
        loose = () if base else ("map_key", "list_pos", "timestamp", "value", "last_access")
        for name, _, plain in (column.partition(":") for column in COLUMNS):
            if there.get(name) or name in self.types or name in self.raw:
                form = self.types.get(name) or Type(plain)
                raw = name in self.raw or name + "_raw" in self.raw
                yield name, form, raw or name in loose or name == "value" and form.nullable


class Row(NamedTuple):
    group: int
    sort: bytes   # sort key
    op: int
    scope: bytes  # canonical key and namespace
    cells: dict   # logical values by column


class Snapshot:
    """A manifest and what it names. Opening one checks the manifest; `rows` reads a table."""

    def __init__(self, place):
        manifest, self.live, self.tables, ids = locate(Path(place)), {}, {}, set()
        try:
            self.body = m = shaped("body", json.loads(preamble(manifest.read_bytes()).decode()))
        except ValueError as e:
            raise Broken("MAN-1", f"the body is no JSON: {e}") from e
        shaped("job", m.job)
        self.root = manifest.parent if m.profile == "savepoint" else manifest.parent.parent
        layouts = {"savepoint": ["compacted", "stacked"], "checkpoint": [None]}
        require(m.layout in layouts.get(m.profile, []), "MAN-1", f"profile {m.profile!r}, layout {m.layout!r}")
        require((m.schemas is None) != (m.schemas_object is None), "MAN-1", "schemas and schemas_object")
        require(m.roots and all(isinstance(root, dict) for root in m.roots), "ROOT-1", "roots")
        claimed = [root.get("own") is False and type(root.get("uri")) is str for root in m.roots[1:]]
        require(m.roots[0].get("own") is True and all(claimed), "ROOT-1", f"roots {m.roots}")
        require(not m.layout or len(m.roots) == 1 and not m.aborted, "MAN-8", "a savepoint that is not self-contained")
        self.objects = [shaped("object", o) for o in m.objects]
        for o in self.objects:
            o.blocks = shaped("blocks", o.blocks) if o.blocks else None
            require(o.size <= MOST, "MAN-6", f"{o.name} has {o.size} bytes")
            require(o.blocks or o.size <= 1 << 20, "DIGEST-3", f"{o.name} has no block digests")
            for part in filter(None, (o, o.blocks)):
                require(part.root < len(m.roots), "MAN-3", f"no root {part.root}")
                good = re.fullmatch(r"[A-Za-z0-9._~%-]+(/[A-Za-z0-9._~%-]+)*", part.name) and len(part.name) <= 1024
                require(good and not {".", ".."} & {*part.name.split("/")}, "NAME-1", f"object {part.name!r}")
        require(len({(o.root, o.name) for o in self.objects}) == len(self.objects), "MAN-6", "an object twice")
        for index in m.aborted + [i for i in (m.schemas_object, m.job_description, m.origin) if i is not None]:
            require(type(index) is int and 0 <= index < len(self.objects), "MAN-3", f"no object {index}")
        schemas = m.schemas if m.schemas is not None else json.loads(self.read(m.schemas_object))
        self.schemas = [State(schema) for schema in schemas]
        for operator in (shaped("operator", o) for o in m.operators):
            require(re.fullmatch("[0-9a-f]{32}", operator.id), "OPER-1", f"operator id {operator.id!r}")
            require(operator.id not in ids, "MAN-4", f"operator {operator.id} twice")
            require(1 <= operator.parallelism <= operator.max_parallelism <= 32768, "MAN-4", f"parallelism of {operator.id}")
            require(operator.key_group_function in (JAVA, CANONICAL, *TRUSTED), "KEYGROUP-4", operator.key_group_function)
            ids.add(operator.id)
            for table in (shaped("table", t) for t in operator.tables):
                self.check(operator, table)
                name = (operator.uid or operator.id).replace("%", "%25").replace("/", "%2F") + "/" + table.state.name
                require(name not in self.tables, "MAN-5", f"{name} twice")
                self.tables[name] = table

    def check(self, operator, table):
        """The rules of a table that the manifest alone can break."""
        require(table.schema < len(self.schemas), "MAN-3", f"no schema {table.schema}")
        state = table.state = self.schemas[table.schema]
        table.operator, table.runs = operator, [shaped("run", run) for run in table.runs]
        groups = operator.max_parallelism if state.keyed else 1
        require(not self.body.layout or state.kind != "in-flight", "MAN-11", state.name)
        require(not self.body.layout or table.digest is not None, "MAN-10", f"{state.name} has no digest")
        for run in table.runs:
            require(run.schema < len(self.schemas), "MAN-3", f"no schema {run.schema}")
            run.state = self.schemas[run.schema]
            require((run.state.name, run.state.kind) == (state.name, state.kind), "MAN-3", f"a run of {run.state.name}")
            place = {run.object is None, run.offset is None, run.length is None, run.inline is not None}
            require(len(place) == 1, "MAN-1", f"a run of {state.name} without its one place")
            if run.inline is None:
                require(run.object < len(self.objects), "MAN-3", f"no object {run.object}")
                require(run.offset + run.length <= self.objects[run.object].size, "MAN-6", "a run outside its object")
            else:
                try:
                    run.inline = base64.b64decode(run.inline, validate=True)
                except ValueError as e:
                    raise Broken("MAN-2", f"an inline run of {state.name}: {e}") from e
                require(len(run.inline) <= 4096, "RUN-7", f"{len(run.inline)} bytes inline")
            require(run.deletes + run.clears <= run.rows, "MAN-7", f"{run.deletes} deletes, {run.clears} clears")
            require(not run.base or run.deletes + run.clears == 0, "RUN-2", f"deletes in a base run of {state.name}")
            whole = run.inline is None and (run.offset, run.length) == (0, self.objects[run.object].size)
            require(self.body.layout != "compacted" or run.base and whole, "MAN-9", f"a run of {state.name}")
            if state.keyed:
                require(run.subtask is None, "MAN-1", f"subtask of a run of {state.name}")
                between(run.clip, 0, groups, "CLIP-1", "clip")
                between(run.sequence, 1, min(operator.sequence_max, 2**31 - 1), "SEQ-1", "sequence")
                require(run.clip[0] < run.clip[1], "CLIP-1", f"clip {run.clip}")
            else:
                require(run.base and run.sequence is None and run.clip is None, "RUN-6", f"a run of {state.name}")
                run.clip, run.sequence = [0, 1], [0, 0]
            run.clip = range(*run.clip)
        subtasks = [run.subtask for run in table.runs]
        distinct = None not in subtasks and len({*subtasks}) == len(subtasks)
        require(state.keyed or distinct or {*subtasks} == {None}, "RUN-6", f"subtasks {subtasks} of {state.name}")
        for a, b in itertools.permutations(table.runs if state.keyed else [], 2):
            if a.clip.start < b.clip.stop and b.clip.start < a.clip.stop:
                apart = a.sequence[1] < b.sequence[0] or b.sequence[1] < a.sequence[0]
                require(apart, "SEQ-2", f"sequences {a.sequence} and {b.sequence} of {state.name}")
                require(not a.base or b.base or a.sequence < b.sequence, "RUN-3", f"a delta below a base of {state.name}")

    def path(self, part):
        root = Path(self.body.roots[part.root]["uri"].removeprefix("file://")) if part.root else self.root
        path = (root / part.name).resolve()
        require(path.is_relative_to(root.resolve()), "STORE-1", f"{part.name} leads out of its root")
        require(path.is_file(), "PUB-1", f"no object {part.name}")
        return path

    def read(self, index, offset=0, length=None):
        """Verified bytes of an object (DIGEST-1 to DIGEST-5)."""
        o = self.objects[index]
        end, count = o.size if length is None else offset + length, -(-o.size // BLOCK)
        first, last = (offset // BLOCK, -(-end // BLOCK)) if o.blocks else (0, count)
        with self.path(o).open("rb") as file:
            require(file.seek(0, 2) == o.size, "DIGEST-2", f"{o.name} has not {o.size} bytes")
            file.seek(first * BLOCK)
            data = file.read((last - first) * BLOCK)
        found = [xxhash.xxh3_64_intdigest(data[at:at + BLOCK]).to_bytes(8, "little") for at in range(0, len(data), BLOCK)]
        listed = b"".join(found)
        if o.blocks:
            require(o.blocks.length == 8 * count, "DIGEST-3", f"{o.blocks.length} bytes of block digests of {o.name}")
            with self.path(o.blocks).open("rb") as file:
                file.seek(o.blocks.offset)
                listed = file.read(o.blocks.length)
        rule = "DIGEST-3" if o.blocks else "DIGEST-2"
        require(xxhash.xxh3_128_hexdigest(listed) == o.digest, rule, f"digest of {o.name}")
        for i, digest in enumerate(found, first if o.blocks else 0):
            place = f"{o.name}, bytes {i * BLOCK}..{min((i + 1) * BLOCK, o.size)}"
            require(listed[8 * i:8 * i + 8] == digest, "DIGEST-5", place)
        return data[offset - first * BLOCK:end - first * BLOCK]

    def run_rows(self, table, run):
        """All rows of a run, which must be those that were written."""
        data = run.inline if run.inline is not None else self.read(run.object, run.offset, run.length)
        state, what = run.state, f"a run of {run.state.name}"
        try:
            file = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False)
            meta, schema, columns = file.metadata, file.schema_arrow, file.read(use_threads=False).combine_chunks()
            chunks = [meta.row_group(g).column(c) for g in range(meta.num_row_groups) for c in range(meta.num_columns)]
            entries = {key.decode(): value.decode() for key, value in (meta.metadata or {}).items()}
        except (pa.ArrowException, OSError, ValueError) as e:
            raise Broken("FILE-1", f"{what}: {e}") from e
        require({chunk.compression for chunk in chunks} <= {"ZSTD", "UNCOMPRESSED"}, "FILE-1", f"compression of {what}")
        require(all(chunk.has_offset_index for chunk in chunks), "FILE-6", f"no offset index in {what}")
        good = entries.get("alluvium.version") == "1" and {"alluvium.schema", "alluvium.base"} <= {*entries}
        require(good, "FILE-3", f"metadata of {what}")
        want, cells, rows, index, counts, total = list(state.columns(run.base)), {}, [], [], [0, 0, 0], 0
        require(schema.names == [name for name, _, _ in want], "TABLE-3", f"columns {schema.names} of {what}")
        require(entries["alluvium.base"] == str(run.base).lower(), "RUN-2", f"alluvium.base of {what}")
        for name, form, loose in want:
            require(schema.field(name).nullable == loose, "TABLE-4", f"nullability of {name} in {what}")
            array = columns.column(name)
            cells[name] = form.load(array.chunk(0) if array.num_chunks else pa.array([], array.type), name)
        before, placed = (-1, b""), {}
        for values in zip(*cells.values()):
            row = self.row(table, run, dict(zip(cells, values)), placed)
            require(before <= row[:2], "ORDER-1", f"rows of {what} in disorder")
            require(before != row[:2], "ORDER-5", f"a row of {what} twice")
            before = row[:2]
            if not index or index[-1][0] != row.group:
                index.append([row.group, len(rows), 0])
            index[-1][2] += 1
            counts[row.op] += 1
            rows.append(row)
            total += hashed(pack(">BI", row.op, row.group), row.sort, tail(state, row.cells) if row.op == 0 else b"")
        index, digest = json.dumps(index, separators=(",", ":")), f"{total % 2**128:032x}"
        require(not state.keyed or entries.get("alluvium.key_groups") == index, "FILE-4", f"key-group index of {what}")
        require([run.rows, run.deletes, run.clears] == [len(rows), *counts[1:]], "MAN-1", f"numbers of rows of {what}")
        require(run.digest == digest, "ROWHASH-9", f"digest of {what}")
        require(entries.get("alluvium.digest") == f"{len(rows)}:{digest}", "FILE-3", f"alluvium.digest of {what}")
        return rows

    def row(self, table, run, cells, placed):
        """One row with its logical values and sort key (chapter 4)."""
        state, operator, op, group = run.state, table.operator, cells.get("op", 0), cells.get("key_group", 0)
        require(op in (0, 1, 2), "RUN-4", f"operation {op}")
        hidden = HIDDEN[op]
        require(all(cells.get(name) is None for name in hidden), "RUN-5", f"cells in operation {op}")
        canon = dict.fromkeys(PLACES, b"")
        for place, form in state.types.items():
            if place not in hidden:
                cells[place] = value = logical(cells[place], cells.get(place + "_raw"), form)
                require(value is not None or place == "value" and form.nullable, "TABLE-4", f"{place} is null")
                canon[place] = form.canon(value) if place != "value" else b""
        for name in ("list_pos", "timestamp", "last_access"):
            require(name in hidden or cells.get(name, 0) is not None, "TABLE-4", f"{name} is null")
        scope, entry = canon["key"] + canon["namespace"], canon["map_key"]
        if "index" in cells:
            entry = pack(">IQ", cells["subtask"], cells["index"] + 2**63)
            require(run.subtask in (None, cells["subtask"]), "RUN-6", f"a row of subtask {cells['subtask']}")
        position = cells.get("list_pos", cells.get("timestamp"))
        entry += b"" if position is None else pack(">Q", position + 2**63)
        if state.keyed:
            key, function = canon["key"], operator.key_group_function
            if function in TRUSTED or function == JAVA and isinstance(cells["key"], Opaque):
                placed[key] = group
            elif key not in placed:
                code = murmur3(key) if function == CANONICAL else state.types["key"].java(cells["key"])
                placed[key] = mix(code) % operator.max_parallelism
            good = group == placed[key] and group < operator.max_parallelism
            require(good, "TABLE-5", f"key group {group} of {cells['key']!r}")
        return Row(group, scope + (b"\0" if op == 2 else b"\1" + entry), op, scope, cells)

    def rows(self, name):
        """Live rows of a table in canonical order; its digest is compared."""
        if name in self.live:
            return self.live[name]
        table, m, merged, live = self.tables[name], self.body, [], []
        state, before, cleared = table.state, None, None
        for run in table.runs:
            for place, form in state.types.items():
                old = run.state.types.get(place)
                require(old and (place == "value" or old.form == form.form), "EVOL-10", f"{place} of {name}")
                form.takes(old, place)
            for row in self.run_rows(table, run):
                if row.group in run.clip:
                    if state.ttl is not None and run.state.ttl is None:  # EVOL-12
                        row.cells["last_access"] = m.created_ms if m.as_of_ms is None else m.as_of_ms
                    merged.append((row.group, row.sort, -run.sequence[1], row))
        for group, sort, age, row in sorted(merged, key=lambda entry: entry[:3]):
            if (group, sort) == before:
                require(state.keyed, "ORDER-5", f"a row of {name} in two runs")
                continue
            before = group, sort
            if row.op == 2:
                cleared, cleared_age = (group, row.scope), age
            access = row.cells.get("last_access") if state.ttl is not None else None
            expired = None not in (access, m.as_of_ms) and access + state.ttl <= m.as_of_ms
            if row.op == 0 and not expired and not ((group, row.scope) == cleared and age > cleared_age):
                again = live and (live[-1].group, live[-1].scope) == (group, row.scope)
                row.cells["rank"] = live[-1].cells["rank"] + 1 if again else 0
                live.append(row)
        require(table.digest is None or table.digest == digests(state, live), "ROWHASH-1", f"canonical digest of {name}")
        self.live[name] = live
        return live

    def cat(self, name):
        """Rows as `alluvium cat` prints them: a list is one line."""
        state, lines, scope = self.tables[name].state, [], None
        shown = [column for column in SHOWN if column != "last_access" or state.ttl is not None]
        for row in self.rows(name):
            cells = {n: row.cells[n] for n in shown if n in row.cells}
            cells |= {n: form.json(cells[n]) for n, form in state.types.items()}
            lists = [n for n in ("value", "last_access") if n in cells and state.kind == "list"]
            if not lists or scope != (row.group, row.scope):
                lines.append(cells | {n: [] for n in lists})
            for n in lists:
                lines[-1][n].append(cells[n])
            scope = row.group, row.scope
        return lines

    def files(self, name):
        """Files of a table of a compacted savepoint, in canonical order."""
        runs = sorted(self.tables[name].runs, key=lambda run: run.sequence)
        return [self.path(self.objects[run.object]) for run in runs]

    def verify(self):
        """Reads everything; gives the number of rows."""
        for index in range(len(self.objects)):
            self.read(index)
        for name, table in self.tables.items():
            rows = self.rows(name)
            entries = len({(row.group, row.scope) for row in rows}) if table.state.kind == "list" else len(rows)
            require(table.entries in (None, entries), "MAN-1", f"{name} has {entries} entries, not {table.entries}")
        return sum(map(len, self.live.values()))


def hashed(*parts):
    return xxhash.xxh3_128_intdigest(b"".join(parts))


def tail(state, cells):
    """Value in digest form and last access."""
    value = state.types["value"].digest(cells["value"]) if "value" in state.types else b""
    return value + (b"\0" if state.ttl is None else pack(">Bq", 1, cells["last_access"]))


def digests(state, rows):
    """Canonical digests of live rows (ROWHASH-1 to ROWHASH-7)."""
    groups = {}
    for row in rows:
        entry = b"" if state.kind in INDEXED else row.sort[len(row.scope) + 1:]
        entry = pack(">Q", row.cells["rank"] + 2**63) if state.kind == "list" else entry
        count, total = groups.get(row.group, (0, 0))
        total += hashed(pack(">I", row.group), row.scope, b"\1", entry, tail(state, row.cells))
        groups[row.group] = count + 1, total
    return [[group, count, f"{total % 2**128:032x}"] for group, (count, total) in groups.items()]


def logical(cell, raw, form):
    """The value of a cell and the raw cell beside it (TYPE-25)."""
    if raw is None:
        return cell
    size = unpack(">I", raw[1:5])[0] + 5 if len(raw) > 4 else len(raw) + 1
    require(size <= len(raw) and raw[0] in (0, 1), "TYPE-25", "a raw cell cut short")
    if raw[0] == 0:
        return Opaque(raw[5:size].decode(), raw[size:]) if cell is None else cell
    value, rest = form.uncanon(raw[5:size])
    require(cell is None and not rest, "TYPE-25", "a raw cell beside a value")
    return value


def locate(place):
    """The manifest of a path: itself, a savepoint's, or the latest checkpoint of a root (FENCE-3)."""
    if place.is_file():
        return place
    if (place / "savepoint.manifest").is_file():
        return place / "savepoint.manifest"
    named = re.compile(r"(\d+)-(\d+)\.manifest").fullmatch
    found = {tuple(map(int, n.groups())): path for path in (place / "checkpoints").glob("*") if (n := named(path.name))}
    for start in (place / "attempts").glob("*.start"):
        after = json.loads(start.read_text())["after"] or [-1, -1]
        found = {at: path for at, path in found.items() if at[0] >= int(start.stem) or [*at] <= after}
    require(found, "NAME-2", f"no snapshot in {place}")
    return found[max(found)]


def preamble(data):
    """The inflated body of a manifest (section 2.1)."""
    require(data.startswith(b"ALLUVIUM"), "PRE-2", "no manifest")
    try:
        (version, count), at, features = unpack_from("<HH", data, 8), 12, []
        require(count <= 1024, "PRE-3", f"{count} features")
        for _ in range(count):
            size, = unpack_from("<H", data, at)
            features.append(data[at + 2:at + 2 + size])
            at += 2 + size
        length, inflated, low, high, checksum = unpack_from("<QQQQQ", data, at)
    except CutShort as e:
        raise Broken("PRE-3", "the file ends before its checksum") from e
    require(xxhash.xxh3_64_intdigest(data[:at + 32]) == checksum, "PRE-3", "checksum")
    require(version == 1, "PRE-4", f"version {version} is not supported")
    require(all(re.fullmatch(rb"[a-z0-9-]{1,64}", name) for name in features), "PRE-5", "name of a feature")
    require(features == sorted({*features}), "PRE-5", "order of features")
    require(not features, "FEAT-1", f"feature {b', '.join(features).decode()} is not supported")
    body, out = data[at + 40:], bytearray()
    require(len(body) == length, "PRE-6", f"{len(body)} bytes of body, not {length}")
    require(inflated <= MOST, "PRE-9", f"a body of {inflated} bytes")
    require(xxhash.xxh3_128_intdigest(body) == high << 64 | low, "PRE-7", "digest of the body")
    frame = zstandard.ZstdDecompressor().decompressobj()
    try:
        require(zstandard.get_frame_parameters(body).dict_id == 0, "PRE-8", "a frame with a dictionary")
        for start in range(0, len(body), 1024):
            require(not frame.eof, "PRE-8", "bytes behind the frame")
            out += frame.decompress(body[start:start + 1024])
            require(len(out) <= inflated, "PRE-8", "the body is longer than announced")
    except zstandard.ZstdError as e:
        raise Broken("PRE-8", f"no zstd frame: {e}") from e
    require(frame.eof and not frame.unused_data and len(out) == inflated, "PRE-8", "not one frame of the length announced")
    return bytes(out)


def main(verb=None, place=None, name=None, *more):
    if more or verb not in ("verify", "cat", "states") or not place or (verb == "cat") != bool(name):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        snapshot = Snapshot(place)
        if verb == "cat" and name not in snapshot.tables:
            print(f"no state {name}; there are {', '.join(snapshot.tables)}", file=sys.stderr)
            return 2
        if verb == "verify":
            borrowed = sum(o.root > 0 for o in snapshot.objects)
            borrows = f"; borrows {borrowed} objects: not relocatable (ROOT-3)" if borrowed else ""
            print(f"{len(snapshot.tables)} tables, {snapshot.verify()} rows{borrows}")
        for line in snapshot.cat(name) if name else snapshot.tables if verb == "states" else ():
            print(line if verb == "states" else json.dumps(line, ensure_ascii=False, separators=(",", ":")))
    except Broken as e:
        print(e, file=sys.stderr)
        return 4 if e.rule in ("PRE-4", "FEAT-1") else 3
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
