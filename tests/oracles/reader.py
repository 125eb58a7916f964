"""A reader of Alluvium snapshots, written from format-spec/v1 alone; checks.py prints what it reads.

A `Snapshot` is opened by the path of a savepoint's directory, a manifest, or a job's root (its latest checkpoint).
`rows` reads the live rows of a state, `read` an object; a broken rule is raised with its id."""
import base64, bisect, contextlib, functools, json, re, struct, sys
from collections import Counter, namedtuple
from decimal import Decimal
from itertools import islice, pairwise, permutations
from pathlib import Path
from struct import pack, unpack, unpack_from
from types import SimpleNamespace

import pyarrow as pa, pyarrow.parquet as pq, zstandard
from xxhash import xxh3_64_intdigest, xxh3_128_hexdigest, xxh3_128_intdigest

sys.set_int_max_str_digits(10000)  # a big-integer has at most 9864

class Broken(Exception):
    """A broken rule of the format."""
    rule = property(lambda self: str(self).partition(":")[0])
def require(what, **rules):
    """Ends with the first rule that does not hold, MAN_1 for MAN-1."""
    for rule, holds in rules.items():
        if not holds:
            raise Broken(f"{rule.replace('_', '-')}: {what}")
@contextlib.contextmanager
def malformed(rule, what):
    """Bytes from outside that cannot be read in here break this rule."""
    try:
        yield
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, StopIteration, OSError, struct.error,
            pa.ArrowException, zstandard.ZstdError) as e:
        raise Broken(f"{rule}: {what}: {e}") from e

# Chapters 3, 4 and 9: types and the forms of their values. Values are as pyarrow gives them in plain storage: times
# are int, decimals and opaque values bytes, big numbers text, structs and sides of an either dicts, structs by field
# id, lists and sets list, maps lists of pairs.
SIGN, DAY, NANOS, NAN = 1 << 63, 86400 * 10**9, {"ms": 10**6, "us": 10**3, "ns": 1}, float("nan")
Opaque = namedtuple("Opaque", "serializer data")
def wtf8(text): return text.encode("utf-8", "surrogatepass")
def sized(data): return pack(">I", len(data)) + data
def escaped(data): return data.replace(b"\0", b"\0\xff") + b"\0\0"
def inverted(data, when): return bytes(255 - b for b in data) if when else data
def integer(data, n, flip=0): return int.from_bytes([byte ^ flip for byte in islice(data, n)], "big")
def scaled(t, v):
    """Unscaled integer and scale of a decimal or big number."""
    if t.kind == "decimal":
        return int.from_bytes(v, "little", signed=True), t.unit
    sign, digits, exponent = Decimal(v).as_tuple()
    return int(Decimal((sign, digits, 0))), -exponent

# Forms of a value `v` of type `t`; of a nested one by the forms of its cells: rows of them, or one row.
def number(t, v): return (v + t.low).to_bytes(t.width, "big")
def bits(t, v): return int.from_bytes(pack(">d" if t.width == 8 else ">f", v if v == v else NAN), "big")
def ordered(t, v): return number(t, n if (n := bits(t, v)) < t.low else t.low - 1 - n)
def instant(t, v): return pack(">?", t.kind == "timestamp") + (v * t.nanos).to_bytes(16, "big", signed=True)
def tagged(t, v): return sized(t.inner.encode()) + escaped(v)
def listed(t, rows): return b"".join([b"\1" + b"".join(row) for row in rows]) + b"\0"
def counted(t, rows): return pack(">Q", len(rows)) + b"".join([cell for row in rows for cell in row])
def fielded(t, row): return b"\1" + b"".join(row)
def some(t, row): return b"".join([head + cell for head, cell in zip(t.heads, row) if cell != b"\0"]) + b"\0"
def unordered(t, n):
    return unpack(">d" if t.width == 8 else ">f", number(t, (n if n >= 0 else t.low - 1 - n) - t.low))[0]
def big_integer(t, v):
    n = int(v)
    return bytes([n >= 0]) + inverted(sized(abs(n).to_bytes((n.bit_length() + 7) // 8, "big")), n < 0)
def big_decimal(t, v):
    (n, scale), digits = scaled(t, v), v.lstrip("-0.").partition("E")[0].replace(".", "").encode()
    head = pack(">Q", len(str(abs(n))) - scale + SIGN) + digits.rstrip(b"0") + b"\0"
    return bytes([(n >= 0) + (n > 0)]) + inverted(head if n else b"", n < 0) + pack(">I", scale + 2**31)
def scaled_text(t, v): return pack(">i", scaled(t, v)[1]) + sized(str(scaled(t, v)[0]).encode())
def sided(t, v): return pack(">?", v[0] == "right") + v[1]

KINDS = {  # rule (of the narrowest), kind byte of digests, canonical bytes, and the form in digests without that byte
    "bool": (1, 1, number, lambda t, v: pack(">?", v)), "int": (2, 2, number, lambda t, v: pack(">q", v)),
    "uint": (6, 3, number, lambda t, v: pack(">Q", v)), "date": (14, 7, number, lambda t, v: pack(">q", v)),
    "float": (8, 4, ordered, lambda t, v: pack(">d", v if v == v else NAN)), "map": (19, 13, listed, counted),
    "string": (12, 5, lambda t, v: escaped(wtf8(v)), lambda t, v: sized(wtf8(v))),
    "bytes": (13, 6, lambda t, v: escaped(v), lambda t, v: sized(v)),
    "time": (15, 8, number, lambda t, v: pack(">q", v * t.nanos)), "list": (18, 11, listed, counted),
    **dict.fromkeys(("timestamp", "local-timestamp"), (16, 9, number, instant)), "set": (18, 12, listed, counted),
    "decimal": (17, 10, lambda t, v: number(t, scaled(t, v)[0]), lambda t, v: pack(">i", t.unit) + v[::-1]),
    **dict.fromkeys(("struct", "tuple"), (20, 14, fielded, some)), "either": (28, 19, sided, sided),
    "enum": (21, 15, lambda t, v: number(t, t.inner.index(v)), lambda t, v: sized(wtf8(v))),
    "time-window": (22, 16, lambda t, row: b"".join(row), lambda t, row: row[0][1:] + row[1][1:]),
    "big-integer": (26, 17, big_integer, lambda t, v: sized(v.encode())),
    "big-decimal": (27, 18, big_decimal, scaled_text), "opaque": (24, 255, lambda t, v: b"\xff" + tagged(t, v), tagged)}
CANON = {None: b"", **{kind: canonical for kind, (_, _, canonical, _) in KINDS.items()}}
DIGEST = {None: b"\0", **{kind: in_digests for kind, (_, _, _, in_digests) in KINDS.items()}}
BACK = {"enum": lambda t, n: t.inner[n], "bool": lambda t, n: n == 1,
        "float": unordered, "decimal": lambda t, n: n.to_bytes(16, "little", signed=True)}
NESTING = (11, 12, 13, 14, 15, 19, 255)  # kind bytes of the types whose JSON form is an object
ARROW = {f"{kind}{8 << i}": getattr(pa, f"{kind}{8 << i}")() for kind in ("int", "uint") for i in range(4)}
ARROW |= {"bool": pa.bool_(), "float32": pa.float32(), "float64": pa.float64(), "date": pa.date32(),
          **dict.fromkeys(("string", "enum", "big-integer", "big-decimal"), pa.utf8()),
          **dict.fromkeys(("bytes", "opaque"), pa.binary()),
          "time(ms)": pa.time32("ms"), "time(us)": pa.time64("us"), "time(ns)": pa.time64("ns"),
          **{f"timestamp({unit})": pa.timestamp(unit, "UTC") for unit in NANOS},
          **{f"local-timestamp({unit})": pa.timestamp(unit) for unit in NANOS}}
NESTED = {  # Arrow type from fields, and the field id, name and type of each part
    **dict.fromkeys(("list", "set"), (lambda fields: pa.list_(*fields), lambda inner: [(1, "element", inner)])),
    "map": (lambda fields: pa.map_(*fields), lambda inner: [*zip((1, 2), ("key", "value"), inner, strict=True)]),
    "struct": (pa.struct, lambda inner: [(dict(field).get("id"), field["name"], field["type"]) for field in inner]),
    "tuple": (pa.struct, lambda inner: [(i + 1, f"f{i}", part) for i, part in enumerate(inner)]),
    "either": (lambda sides: pa.struct([pa.field("side", pa.utf8(), False), *[f.with_nullable(True) for f in sides]]),
               lambda inner: [*zip((1, 2), ("left", "right"), inner, strict=True)]),
    "time-window": (pa.struct, lambda inner: [(1, "start", "int64"), (2, "end", "int64")])}

def by_id(form):
    """An Arrow type in which field ids are the names of the fields that have one (FILE-2)."""
    fields = [form.field(i) for i in range(form.num_fields)]
    fields = [pa.field((f.metadata or {}).get(b"PARQUET:field_id", f.name), by_id(f.type), f.nullable) for f in fields]
    if pa.types.is_map(form):
        return pa.map_(*fields[0].type)
    return pa.list_(*fields) if pa.types.is_list(form) else pa.struct(fields) if pa.types.is_struct(form) else form

class Type:
    """A logical type (section 3.1), with its Arrow type and the plain one by which its values are those of Python."""
    def __init__(self, form, depth=1):
        self.form, self.nullable = form, isinstance(form, dict) and [*form] == ["nullable"]
        self.parts, self.names, self.width, ids, precision = {}, [], 0, [], 0
        with malformed("TYPE-23", f"no type {form!r}"):
            form = form["nullable"] if self.nullable else form
            (name, self.inner), = [(form, None)] if isinstance(form, str) else dict(form).items()
            (kind, unit), = re.findall(r"^([a-z-]+)\d*(?:\((.+)\))?$", name)
            rule, code, *_ = KINDS[kind]
            if kind in NESTED:
                nest, fields = NESTED[kind][0], NESTED[kind][1](self.inner)
                ids, self.names = [n for n, _, _ in fields], [name for _, name, _ in fields]
                require(f"ids {ids}", SCHEMA_2=all(type(n) is int for n in ids) and [0, *ids] == sorted({0, *ids}))
                parts = [Type(part, depth + 1) for _, _, part in fields]
                self.parts = dict(zip(map(str, ids) if code == 14 else self.names, parts))
                self.cells, self.heads = parts, [pack(">BI", 1, n) for n in ids]
                self.arrow = nest([pa.field(n, part.arrow, part.nullable) for n, part in self.parts.items()])
                self.plain = nest([pa.field(n, part.plain, part.nullable) for n, part in self.parts.items()])
            elif kind == "decimal":
                precision, unit = map(int, unit.split(","))  # a decimal's unit is its scale
                require(f"type {form}", TYPE_17=abs(unit) <= precision in range(1, 39))
                self.arrow, self.plain, self.width = pa.decimal128(precision, unit), pa.binary(16), 16
            else:
                self.arrow = arrow = ARROW[name]
                self.width = (arrow.bit_width + 7) // 8 if pa.types.is_primitive(arrow) else 4 * (kind == "enum")
                self.plain = {4: pa.int32(), 8: pa.int64()}[self.width] if pa.types.is_temporal(arrow) else arrow
                rule += (self.width.bit_length() - 1) * (kind in ("int", "uint", "float"))
        texts = self.inner if kind == "enum" else [self.inner] if kind == "opaque" else self.names
        odd = {*map(type, texts)} - {str} or depth > 64
        require(f"type {form}", TYPE_23=not odd and isinstance(form, dict) == (code in NESTING),
                **{f"TYPE_{rule}": kind not in ("set", "map") or not parts[0].nullable})
        self.kind, self.rule, self.code, self.unit = kind, f"TYPE_{rule}", pack(">B", code), unit
        self.nanos, self.low = NANOS.get(unit, DAY), 0 if kind in ("bool", "uint", "enum") else 1 << 8 * self.width >> 1
        self.like, self.size = (kind, unit, kind == "struct" or len(ids)), (self.width, precision)
        self.id_max = max([part.id_max for part in self.parts.values()] + ids * (kind == "struct"), default=0)

    def takes(self, old, where):
        """Refuses an older type whose values cannot be brought to this one."""
        require(where, EVOL_10=where.startswith("value") or self.form == old.form,
                EVOL_8=self.nullable or not old.nullable, EVOL_7=self.like == old.like and self.size >= old.size,
                EVOL_9=self.kind != "enum" or self.inner[:len(old.inner)] == old.inner,
                EVOL_5=all(n in old.parts or part.nullable for n, part in self.parts.items()))
        for n, part in self.parts.items():
            part.takes(old.parts.get(n, part), f"{'key' if self.kind == 'set' or n == 'key' else where}.{n}")

    def load(self, array, where):
        """Values of an Arrow array, which must have the form of section 3.1."""
        require(f"{where} is {array.type}", **{self.rule: by_id(array.type) == self.arrow})
        return array.view(self.plain).to_pylist()

    def to(self, form, v, place=False):
        """A value in a form, which has a function for each kind; in a place that may be null CANON has a marker."""
        if place and self.nullable and form is CANON:
            return b"\0" if v is None else b"\1" + self.to(form, v)
        if v is None:
            return form[None]
        if type(v) is Opaque:
            return Type({"opaque": v.serializer}).to(form, v.data)
        require(f"{self.kind} has no java-hash/1", KEYGROUP_5=self.kind in form)
        if self.kind in ("list", "set", "map"):
            entries = v if self.kind == "map" else [(cell,) for cell in v]
            if self.kind != "list" and (form is CANON or form is DIGEST):
                members = {self.cells[0].to(CANON, entry[0]): entry for entry in entries}
                require("a member twice", **{self.rule: len(members) == len(v)})
                entries = [members[canon] for canon in sorted(members)]
            v = [[part.to(form, cell, True) for part, cell in zip(self.cells, entry)] for entry in entries]
        elif self.kind == "either":
            side, other = v["side"], {"left": "right", "right": "left"}.get(v["side"])
            sound = other and v[other] is None and (v[side] is not None or self.parts[side].nullable)
            require(f"the sides of {v}", TYPE_28=sound)
            v = side, self.parts[side].to(form, v[side], True)
        elif self.parts:
            v = [part.to(form, v.get(n), True) for n, part in self.parts.items()]
        elif self.kind in ("enum", "big-integer", "big-decimal"):
            valid = v in self.inner if self.kind == "enum" else v == str(int(v) if self.code == b"\x11" else Decimal(v))
            require(f"{self.kind} {v!r}", **{self.rule: valid})
        return self.code + form[self.kind](self, v) if form is DIGEST else form[self.kind](self, v)

    def parse(self, data, place=False):
        """The next value in an iterator over canonical bytes; one cut short ends it, or has other canonical bytes."""
        if place and self.nullable and not next(data):
            return None
        if self.width:
            return BACK.get(self.kind, lambda t, n: n)(self, integer(data, self.width) - self.low)
        if self.kind == "either":
            side = ("left", "right")[next(data)]
            return {"left": None, "right": None, "side": side, side: self.parts[side].parse(data, True)}
        if self.kind in ("list", "set", "map"):
            entries = [[part.parse(data, True) for part in self.cells] for _ in iter(data.__next__, 0)]
            return entries if self.kind == "map" else [cell for cell, in entries]
        head = next(data) if self.kind not in ("string", "bytes", "time-window") else 0
        if self.parts or self.kind in ("struct", "tuple"):
            return {n: part.parse(data, True) for n, part in self.parts.items()}
        flip = 255 * (head == 0)
        if self.kind == "big-integer":
            return str(integer(data, integer(data, 4, flip), flip) * (1 if head else -1))
        if self.kind == "big-decimal":
            point = integer(data, 8, flip) - SIGN if head != 1 else 0
            digits = bytes([byte ^ flip for byte in iter(data.__next__, flip)]).decode() if head != 1 else "0"
            scale = integer(data, 4) - 2**31
            digits = digits.ljust(min(point + scale, 9864) if head != 1 else 0, "0")
            return str(Decimal((head == 0, [*map(int, digits)], -scale)))
        name, text = bytes(islice(data, integer(data, 4))).decode() if head else "", bytearray()
        while (byte := next(data)) or next(data):
            text.append(byte)
        text = text.decode("utf-8", "surrogatepass") if self.kind == "string" else bytes(text)
        return Opaque(name, text) if head else text

# Chapters 2 and 5 to 8: manifests, runs and objects. Examples say which members an object has, with ? those that may
# be absent; -1 stands for a number that may be negative, HEX and BASE64 for what they match.
BLOCK, MOST = 1 << 16, 1 << 28
HEX, BASE64 = "[0-9a-f]{32}", "([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
OBJECT = {"root": 0, "name": "", "size": 0, "digest": HEX, "blocks?": {"root": 0, "name": "", "offset": 0, "length": 0}}
RUN = {"object?": 0, "offset?": 0, "length?": 0, "inline?": BASE64, "schema": 0, "base": True, "rows": 0, "deletes": 0,
       "clears": 0, "digest": HEX, "sequence?": [0, 0], "clip?": [0, 0], "subtask?": 0}
OPERATOR = {"id": "", "uid?": "", "name?": "", "parallelism": 0, "max_parallelism": 0, "key_group_function": "",
            "sequence_max": 0, "tables": [{"schema": 0, "runs": [RUN], "digest?": [], "entries?": 0}]}
BODY = {"profile": "", "layout?": "", "job": {"id": "", "name": ""}, "attempt": 0, "checkpoint_id": 0, "created_ms": -1,
        "as_of_ms?": -1, "roots": [{"own": True, "uri?": ""}], "objects": [OBJECT], "schemas?": [],
        "schemas_object?": 0, "job_description?": 0, "origin?": 0, "operators": [OPERATOR], "aborted": []}
SCHEMA = {"name": "", "kind": "", "ttl_ms?": 0, "ttl_unknown?": True, "raw?": [], "field_id_max?": 0}
INDEXED = "operator-list", "operator-union", "pending-transactions", "in-flight"
STATES = {"list": "key_group key list_pos value", "map": "key_group key map_key value", "broadcast": "map_key value",
          **dict.fromkeys(("value", "reducing", "aggregating"), "key_group key value"),
          **dict.fromkeys(("event-timer", "processing-timer"), "key_group key timestamp"),
          **dict.fromkeys(INDEXED, "subtask index value")}
COLUMNS = ("op:uint8 key_group:uint16 key key_raw:bytes namespace namespace_raw:bytes map_key map_key_raw:bytes "
           "list_pos:int64 timestamp:int64 subtask:int32 index:int64 value value_raw:bytes last_access:int64").split()
LAST_OP = {"value": 0, "last_access": 0, "map_key": 1, "list_pos": 1, "timestamp": 1}  # that has a cell there (RUN-5)

def shaped(value, example, what, rule="MAN_1"):
    """A JSON value of the shape of an example, objects with None for members that are absent (MAN-1, MAN-2)."""
    require(f"{what}: {value!r}", **{rule: type(value) is type(example) and (example != [0, 0] or len(value) == 2)})
    if isinstance(example, dict):
        got = {name: value.get(name.rstrip("?")) for name in example}
        require(f"{what}: {value!r}", **{rule: all(part is not None or name[-1] == "?" for name, part in got.items())})
        return SimpleNamespace(**{name.rstrip("?"): part if part is None else shaped(part, example[name], name, rule)
                                  for name, part in got.items()})
    number = type(example) is not int or -2**63 * -example <= value < 2**63
    require(f"{what}: {value!r}", MAN_2=number and (example not in (HEX, BASE64) or re.fullmatch(example, value)))
    return [shaped(part, example[0], what, rule) for part in value] if example and type(example) is list else value

class State:
    """A state schema (SCHEMA-1)."""
    def __init__(self, form):
        vars(self).update(vars(shaped(form, SCHEMA, "schema", "SCHEMA_1")))
        self.ttl_ms = float("inf") if self.ttl_unknown else self.ttl_ms  # TTL-5
        columns, self.raw = STATES.get(self.kind, "").split(), self.raw or []
        places = [place for place in ("key", "namespace", "map_key", "value") if form.get(place + "_type") is not None]
        self.types = {place: Type(form[place + "_type"]) for place in places}
        self.keyed, self.there = "key" in columns, {*columns, *places, *self.raw}
        good = columns and {*places} - {"namespace"} == {*columns} & {"key", "map_key", "value"} and (
            self.keyed or self.ttl_ms is None and "namespace" not in places
        ) and {*self.raw} <= {place + "_raw" for place in places}
        good = good and not any(self.types[place].nullable for place in places if place != "value")
        id_max = max([form.id_max for form in self.types.values()], default=0)
        require(f"schema of {self.name}", SCHEMA_1=good, SCHEMA_2=id_max <= (self.field_id_max or 0))

    def columns(self, base):
        """Name, type and nullability of each column (TABLE-3, TABLE-4)."""
        there = self.there | {"op" if not base else "", "last_access" if self.ttl_ms is not None else ""}
        for name, _, plain in (column.partition(":") for column in COLUMNS if column.partition(":")[0] in there):
            form, raw = self.types.get(name) or Type(plain), {name, name + "_raw"} & {*self.raw}
            yield name, form, bool(raw) or not base and name in LAST_OP or name == "value" and form.nullable

    def tails(self, rows):
        """Value in digest form and last access of each row."""
        tails = [self.types["value"].to(DIGEST, v) if "value" in rows else b"" for v in rows.get("value", rows["op"])]
        ends = [b"\0"] * len(tails) if self.ttl_ms is None else [pack(">Bq", 1, t or 0) for t in rows["last_access"]]
        return [tail + end for tail, end in zip(tails, ends)]

def digests(rows):
    """Canonical digests: key group, number and sum of hashes, of rows by key group and hashed bytes (ROWHASH-1)."""
    found = {}
    for group, row in rows:
        found.setdefault(group, []).append(xxh3_128_intdigest(row))
    return [[group, len(hashes), f"{sum(hashes) % 2**128:032x}"] for group, hashes in found.items()]

class Snapshot:
    """A manifest and what it names. Opening one checks the manifest; `rows` reads a table."""
    @malformed("MAN-1", "the body")
    def __init__(self, place):
        manifest, self.tables = locate(Path(place)), {}
        self.body = m = shaped(json.loads(preamble(manifest.read_bytes()).decode()), BODY, "body")
        self.root = manifest.parent if m.profile == "savepoint" else manifest.parent.parent
        roots = m.roots and all(root.own == (i == 0) and (root.own or root.uri) for i, root in enumerate(m.roots))
        objects = {(o.root, o.name) for o in m.objects}
        named = {m.schemas_object, m.job_description, m.origin, *m.aborted}
        layout = m.layout in {"savepoint": ("compacted", "stacked"), "checkpoint": (None,)}.get(m.profile, ())
        require("the body", MAN_1=layout and (m.schemas is None) != (m.schemas_object is None), ROOT_1=roots,
                MAN_8=not m.layout or len(m.roots) == 1 and not m.aborted, MAN_6=len(objects) == len(m.objects),
                MAN_3=named <= {None, *range(len(m.objects))})
        for o in m.objects:
            listed = o.blocks.length == 8 * -(-o.size // BLOCK) if o.blocks else o.size <= 1 << 20
            require(o.name, MAN_6=o.size <= MOST, DIGEST_3=listed)
            for part in filter(None, (o, o.blocks)):
                name = re.fullmatch(r"(?!(.*/)?\.\.?(/|$))[A-Za-z0-9._~%-]+(/[A-Za-z0-9._~%-]+)*", part.name)
                require(part.name, MAN_3=part.root < len(m.roots), NAME_1=name and len(part.name) <= 1024)
        with malformed("SCHEMA-1", "schemas"):
            self.schemas = [*map(State, json.loads(self.read(m.schemas_object)) if m.schemas is None else m.schemas)]
        ids = [operator.id for operator in m.operators]
        for o in m.operators:
            require(o.id, OPER_1=re.fullmatch("[0-9a-f]{32}", o.id), MAN_4=ids.count(o.id) == 1
                    and 1 <= o.parallelism <= o.max_parallelism <= 32768, KEYGROUP_4=o.key_group_function in (
                        "java-hash/1", "canonical-bytes/1", "flink-binary-row/1", "stored"))
            for table in o.tables:
                self.check(o, table)
                name = (o.uid or o.id).replace("%", "%25").replace("/", "%2F") + "/" + table.state.name
                require(name, MAN_5=name not in self.tables)
                self.tables[name] = table

    def check(self, operator, table):
        """The rules of a table that the manifest alone can break."""
        layout, objects, what = self.body.layout, self.body.objects, f"a table of {operator.id}"
        require(what, MAN_3=all(user.schema < len(self.schemas) for user in (table, *table.runs)))
        table.operator, table.state = operator, self.schemas[table.schema]
        state, what = table.state, f"{table.state.name} of {operator.id}"
        require(what, MAN_11=not layout or state.kind != "in-flight", MAN_10=not layout or table.digest is not None)
        for run in table.runs:
            run.state, inline = self.schemas[run.schema], run.inline is not None
            require(what, MAN_3=(run.state.name, run.state.kind) == (state.name, state.kind)
                    and (run.object is None or run.object < len(objects)),
                    MAN_1={part is None for part in (run.object, run.offset, run.length)} == {inline},
                    EVOL_10=run.state.types.keys() == state.types.keys())
            run.inline = base64.b64decode(run.inline) if inline else None
            size, whole = len(run.inline) if inline else objects[run.object].size, (run.offset, run.length)
            require(what, MAN_6=inline or sum(whole) <= size, RUN_7=not inline or size <= 4096,
                    MAN_9=layout != "compacted" or run.base and whole == (0, size),
                    MAN_7=run.deletes + run.clears <= run.rows, RUN_2=not run.base or run.deletes + run.clears == 0,
                    RUN_6=state.keyed or run.base and run.sequence is None and run.clip is None,
                    MAN_1=not state.keyed or run.subtask is None and None not in (run.sequence, run.clip))
            (start, end), (first, last) = run.clip, run.sequence = run.clip or [0, 1], run.sequence or [1, 1]
            require(what, CLIP_1=start < end <= operator.max_parallelism,
                    SEQ_1=not state.keyed or 1 <= first <= last <= min(operator.sequence_max, 2**31 - 1))
        subtasks = [run.subtask for run in table.runs if not state.keyed]
        require(what, RUN_6={*subtasks} <= {None} or None not in subtasks and len({*subtasks}) == len(subtasks))
        for a, b in permutations(table.runs, 2) if state.keyed else ():
            if a.clip[0] < b.clip[1] and b.clip[0] < a.clip[1]:
                require(what, SEQ_2=a.sequence[1] < b.sequence[0] or b.sequence[1] < a.sequence[0],
                        RUN_3=not a.base or b.base or a.sequence < b.sequence)

    def path(self, part):
        root = Path(self.body.roots[part.root].uri.removeprefix("file://")) if part.root else self.root
        path = (root / part.name).resolve()
        require(part.name, STORE_1=path.is_relative_to(root.resolve()), PUB_1=path.is_file())
        return path

    @functools.cache
    def read(self, index):
        """An object, all of its blocks verified (DIGEST-1 to DIGEST-5)."""
        o = self.body.objects[index]
        data, rule = self.path(o).read_bytes(), "DIGEST_3" if o.blocks else "DIGEST_2"
        require(f"{o.name} has {len(data)} bytes", DIGEST_2=len(data) == o.size)
        found = b"".join([pack("<Q", xxh3_64_intdigest(data[i:i + BLOCK])) for i in range(0, o.size, BLOCK)])
        listed = self.path(o.blocks).read_bytes()[o.blocks.offset:][:o.blocks.length] if o.blocks else found
        require(o.name, **{rule: len(listed) == len(found) and xxh3_128_hexdigest(listed) == o.digest})
        for i in range(0, len(found), 8):
            require(f"{o.name}, block {i // 8} of {BLOCK} bytes", DIGEST_5=listed[i:i + 8] == found[i:i + 8])
        return data

    @malformed("FILE-1", "a run")
    def load(self, table, run):
        """Columns of a run, whose rows must be those that were written; and the bytes, as hashed, of each row's scope
        (key group, key, namespace), place (key group, sort key) and tail (value, last access)."""
        state, what = run.state, f"a run of {run.state.name}"
        data = self.read(run.object)[run.offset:][:run.length] if run.inline is None else run.inline
        file = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False)
        meta, schema, columns = file.metadata, file.schema_arrow, file.read(use_threads=False)
        chunks = [meta.row_group(g).column(c) for g in range(meta.num_row_groups) for c in range(meta.num_columns)]
        note = {key.decode(): value.decode() for key, value in (meta.metadata or {}).items()}.get
        (names, forms, loose), n = zip(*state.columns(run.base)), columns.num_rows
        require(what, FILE_1={chunk.compression for chunk in chunks} <= {"ZSTD", "UNCOMPRESSED"},
                FILE_3=note("alluvium.version") == "1" and note("alluvium.schema"), TABLE_3=schema.names == [*names],
                FILE_6=all(c.has_offset_index for c in chunks), RUN_2=note("alluvium.base") == str(run.base).lower(),
                TABLE_4=[field.nullable for field in schema] == [*loose])
        rows = {name: form.load(columns.column(name).combine_chunks(), name) for name, form in zip(names, forms)}
        ops, groups = rows.setdefault("op", [0] * n), rows.setdefault("key_group", [0] * n)
        for name, form in state.types.items():
            if name + "_raw" in rows:
                rows[name] = [logical(cell, raw, form) for cell, raw in zip(rows[name], rows[name + "_raw"])]
        for name in {*rows} - {*state.raw}:
            last, null = LAST_OP.get(name, 2), name == "value" and state.types[name].nullable
            odd = {op > last for op, cell in zip(ops, rows[name]) if (op > last) != (cell is None)}
            require(name, RUN_4={*ops} <= {0, 1, 2}, RUN_5=True not in odd, TABLE_4=null or False not in odd)
        keys, spaces, entries = [[state.types[p].to(CANON, v) for v in rows[p]] if p in rows else [b""] * n
                                 for p in ("key", "namespace", "map_key")]
        if "index" in rows:
            entries = [pack(">IQ", subtask, i + SIGN) for subtask, i in zip(rows["subtask"], rows["index"])]
        elif "list_pos" in rows or "timestamp" in rows:
            entries = [pack(">Q", (v or 0) + SIGN) for v in rows.get("list_pos") or rows["timestamp"]]
        scopes = [pack(">I", group) + key + space for group, key, space in zip(groups, keys, spaces)]
        places = [scope + (b"\0" if op == 2 else b"\1" + entry) for scope, op, entry in zip(scopes, ops, entries)]
        rows |= {"scope": scopes, "place": places, "tail": state.tails(rows)}
        hashed = [pack(">B", op) + place + tail * (op == 0) for op, place, tail in zip(ops, places, rows["tail"])]
        digest = f"{sum(map(xxh3_128_intdigest, hashed)) % 2**128:032x}"
        index = [[group, bisect.bisect_left(groups, group), count] for group, count in Counter(groups).items()]
        live = run.base and state.keyed and state.kind != "list" and note("alluvium.live")
        sums = digests(zip(groups, map(bytes.__add__, places, rows["tail"]))) if live else []
        self.place(table.operator, state, rows)
        require(what, ORDER_1=all(a <= b for a, b in pairwise(places)), ORDER_5=len({*places}) == n,
                FILE_4=not state.keyed or note("alluvium.key_groups") == json.dumps(index, separators=(",", ":")),
                MAN_1=[run.rows, run.deletes, run.clears] == [n, ops.count(1), ops.count(2)],
                FILE_8=not live or live == json.dumps(sums, separators=(",", ":")), ROWHASH_9=run.digest == digest,
                FILE_3=note("alluvium.digest") == f"{n}:{digest}")
        return rows

    def place(self, operator, state, rows):
        """Checks key groups: here that there are such; keys are read without computing theirs."""
        require(state.name, TABLE_5=all(group < operator.max_parallelism for group in rows["key_group"]))

    @functools.cache
    def rows(self, name):
        """Live rows of a table in canonical order, as columns and number there; their canonical digest is compared."""
        table, as_of, merged, live, hashed, ranks = self.tables[name], self.body.as_of_ms, [], [], [], Counter()
        state, before, cleared = table.state, None, (None, 0)
        for run in table.runs:
            for place, form in state.types.items():
                form.takes(run.state.types[place], place)
            rows = self.load(table, run)
            if run.state is not state:  # EVOL-12
                rows.setdefault("last_access", [self.body.created_ms if as_of is None else as_of] * len(rows["op"]))
                rows["tail"] = state.tails(rows)
            seen = [i for i, group in enumerate(rows["key_group"]) if run.clip[0] <= group < run.clip[1]]
            merged += [(rows["place"][i], -run.sequence[1], i, rows) for i in seen]
        for place, age, i, rows in sorted(merged, key=lambda row: row[:2]):
            scope, op, group = rows["scope"][i], rows["op"][i], rows["key_group"][i]
            require(f"a row of {name} in two runs", ORDER_5=place != before or state.keyed)
            cleared = (scope, age) if op == 2 and place != before else cleared
            expired = None not in (state.ttl_ms, as_of) and op == 0 and rows["last_access"][i] + state.ttl_ms <= as_of
            if place != before and op == 0 and not expired and not (scope == cleared[0] and age > cleared[1]):
                live.append((rows, i))
                entry = b"" if state.kind in INDEXED else place[len(scope) + 1:]
                entry = pack(">Q", ranks[scope] + SIGN) if state.kind == "list" else entry
                hashed.append((group, scope + b"\1" + entry + rows["tail"][i]))
                ranks[scope] += 1
            before = place
        require(name, ROWHASH_1=table.digest is None or json.dumps(table.digest) == json.dumps(digests(hashed)),
                MAN_1=table.entries in (None, len(ranks if state.kind == "list" else live)))
        return live

@malformed("TYPE-25", "a raw cell")
def logical(cell, raw, form):
    """The value of a cell and the raw cell beside it (TYPE-25)."""
    if raw is None:
        return cell
    tag, size = unpack_from(">BI", raw)
    head, rest = raw[5:5 + size], raw[5 + size:]
    value = form.parse(iter(head)) if tag == 1 else Opaque(head.decode(), rest)
    sound = tag == 0 or (tag, cell, head) == (1, None, form.to(CANON, value))
    require(f"a raw cell of {form.kind}", TYPE_25=len(head) == size and sound)
    return value if cell is None else cell

def locate(place):
    """The manifest of a path: itself, a savepoint's, or the latest checkpoint of a root (FENCE-3)."""
    files = [path for path in (place, place / "savepoint.manifest") if path.is_file()]
    named = re.compile(r"(\d+)-(\d+)\.manifest").fullmatch
    found = {tuple(map(int, n.groups())): path for path in (place / "checkpoints").glob("*") if (n := named(path.name))}
    for start in (place / "attempts").glob("*.start"):
        after = tuple(json.loads(start.read_text())["after"] or (-1, -1))
        found = {at: path for at, path in found.items() if at[0] >= int(start.stem) or at <= after}
    require(f"no snapshot in {place}", NAME_2=files or found)
    return files[0] if files else found[max(found)]

def preamble(data):
    """The inflated body of a manifest (section 2.1)."""
    require("no manifest", PRE_2=data.startswith(b"ALLUVIUM"))
    with malformed("PRE-3", "a manifest that ends before its checksum"):
        (version, count), at, features = unpack_from("<HH", data, 8), 12, []
        for _ in range(count):
            features.append(data[at + 2:at + 2 + unpack_from("<H", data, at)[0]])
            at += 2 + len(features[-1])
        length, inflated, low, high, checksum = unpack_from("<5Q", data, at)
    body, checked = data[at + 40:], count <= 1024 and xxh3_64_intdigest(data[:at + 32]) == checksum
    sound = all(re.fullmatch(b"[a-z0-9-]{1,64}", name) for name in features) and features == sorted({*features})
    require(f"version {version}, features {features}", PRE_3=checked, PRE_4=version == 1, PRE_5=sound,
            FEAT_1=not features, PRE_6=len(body) == length, PRE_9=inflated <= MOST,
            PRE_7=xxh3_128_intdigest(body) == high << 64 | low)
    with malformed("PRE-8", "the body"):
        frame = zstandard.get_frame_parameters(body)
        announced = frame.content_size in (inflated, zstandard.CONTENTSIZE_UNKNOWN) and frame.dict_id == 0
        body = announced and zstandard.ZstdDecompressor().decompress(body, inflated, allow_extra_data=False)
        require("not one frame of the length announced", PRE_8=announced and len(body) == inflated)
    return body
