"""A reader of Alluvium snapshots, written from format-spec/v1 alone.

    reader.py verify SNAP          check everything that a Reader can see
    reader.py cat SNAP OP/STATE    live rows as JSON lines
    reader.py states SNAP          names of the states, one OP/STATE a line

SNAP is a savepoint's directory, a manifest, or a job's root (its latest checkpoint). A broken rule ends it
with its id and code 3 (4 for a version or feature that is not supported), wrong usage with 2.
"""
import base64, itertools, json, re, struct, sys
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash, zstandard

BLOCK, MOST, DAY = 1 << 16, 1 << 28, 86400 * 10**9
KEYED = ("value", "reducing", "aggregating", "list", "map", "event-timer", "processing-timer")
TIMERS, INDEXED = KEYED[5:], ("operator-list", "operator-union", "pending-transactions", "in-flight")
FUNCTIONS = ("java-hash/1", "canonical-bytes/1", "flink-binary-row/1", "stored")
NANOS = {"ms": 10**6, "us": 10**3, "ns": 1}
DIGEST_KINDS = ("null bool int uint float string bytes date time timestamp decimal list set map struct enum "
                "time-window").split()
PLAIN = {"bool": (1, pa.bool_()), "int8": (2, pa.int8()), "int16": (3, pa.int16()), "int32": (4, pa.int32()),
         "int64": (5, pa.int64()), "uint8": (6, pa.uint8()), "uint16": (7, pa.uint16()), "uint32": (8, pa.uint32()),
         "uint64": (9, pa.uint64()), "float32": (10, pa.float32()), "float64": (11, pa.float64()),
         "string": (12, pa.utf8()), "bytes": (13, pa.binary()), "date": (14, pa.date32()),
         "time": (15, lambda unit: pa.time32(unit) if unit == "ms" else pa.time64(unit)),
         "timestamp": (16, lambda unit: pa.timestamp(unit, "UTC")), "local-timestamp": (16, pa.timestamp),
         "decimal": (17, None), "time-window": (22, None)}
NESTED = {"list": 18, "set": 18, "map": 19, "struct": 20, "tuple": 20, "enum": 21, "opaque": 24}


class Broken(Exception):
    """A broken rule of the format."""
    def __init__(self, rule, message):
        super().__init__(f"{rule}: {message}")
        self.rule = rule


def require(holds, rule, message):
    if not holds:
        raise Broken(rule, message)


class Opaque(NamedTuple):
    serializer: str
    data: bytes


def wrap(number):
    return (number + 2**31) % 2**32 - 2**31


def fold(number):
    return wrap(number ^ number >> 32)


def fold31(h, units):
    for unit in units:
        h = wrap(31 * h + unit)
    return h


def rotl(number, by):
    return (number << by | number >> 32 - by) & 0xFFFFFFFF


def finish(h):
    h = (h ^ h >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    h = (h ^ h >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return h ^ h >> 16


def scramble(k):
    return rotl(k * 0xCC9E2D51 & 0xFFFFFFFF, 15) * 0x1B873593 & 0xFFFFFFFF


def murmur3(data):
    h, whole = 0, len(data) // 4 * 4
    for word, in struct.iter_unpack("<I", data[:whole]):
        h = rotl(h ^ scramble(word), 13) * 5 + 0xE6546B64 & 0xFFFFFFFF
    return finish(h ^ scramble(int.from_bytes(data[whole:], "little")) ^ len(data))


def mix(code):
    c = rotl(scramble(code & 0xFFFFFFFF), 13) * 5 + 0xE6546B64 & 0xFFFFFFFF
    c = wrap(finish(c ^ 4))
    return 0 if c == -2**31 else abs(c)


def civil(days):
    """Year, month and day of a day since 1970-01-01."""
    era, of_era = divmod(days + 719468, 146097)
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    return year + era * 400 + (month > 9), (month + 2) % 12 + 1, of_year - (153 * month + 2) // 5 + 1


def clock(nanos):
    seconds, nanos = divmod(nanos, 10**9)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{nanos:09}".removesuffix("000").removesuffix("000").removesuffix("000").removesuffix(".")


class Type:
    """A logical type and the forms of its values. In Python integers, times and decimals (unscaled) are int;
    lists and sets list; maps a list of pairs; structs and tuples dict by field id; time windows (start, end)."""

    def __init__(self, form, depth=1):
        require(depth <= 64, "TYPE-23", "a type nested too deep")
        self.nullable = isinstance(form, dict) and "nullable" in form
        form = form["nullable"] if self.nullable else form
        self.form = form
        plain = isinstance(form, str) and re.fullmatch(r"([a-z0-9-]+?)(?:\((?:(ms|us|ns)|(\d+),(-?\d+))\))?", form)
        nested = isinstance(form, dict) and len(form) == 1 and next(iter(form))
        self.kind = plain[1] if plain else nested
        require(plain and self.kind in PLAIN or nested in NESTED, "TYPE-23", f"no type {form!r}")
        self.parts, self.names, self.unit = [], [], plain and plain[2]
        self.sort = re.sub(r"(int|float)\d+$", r"\1", self.kind)
        try:
            if plain:
                self.rule, self.arrow = PLAIN[self.kind]
                require(bool(self.unit) == callable(self.arrow), "TYPE-23", f"no type {form!r}")
                require((plain[3] is not None) == (self.kind == "decimal"), "TYPE-23", f"no type {form!r}")
                self.arrow = self.arrow(self.unit) if self.unit else self.arrow
                if self.kind == "decimal":
                    self.precision, self.scale = int(plain[3]), int(plain[4])
                    require(abs(self.scale) <= self.precision in range(1, 39), "TYPE-17", f"no type {form!r}")
                    self.arrow = pa.decimal128(self.precision, self.scale)
            else:
                self.rule, arg = NESTED[self.kind], form[self.kind]
                self.arrow = {"enum": pa.utf8(), "opaque": pa.binary()}.get(self.kind)
                if self.kind == "struct":
                    fields = [(field["name"], field["type"], field.get("id")) for field in arg]
                    self.names = [name for name, _, _ in fields]
                    self.parts = [(field_id, Type(part, depth + 1)) for _, part, field_id in fields]
                    ids = [field_id for field_id, _ in self.parts]
                    require(all(type(n) is int and n > 0 for n in ids), "SCHEMA-2", f"field ids {ids}")
                    require(ids == sorted(set(ids)), "SCHEMA-2", f"field ids {ids}")
                elif self.kind not in ("enum", "opaque"):
                    arg = [arg] if self.kind in ("list", "set") else arg
                    self.parts = [(i + 1, Type(part, depth + 1)) for i, part in enumerate(arg)]
                    self.names = [f"f{i}" for i in range(len(arg))]
                self.symbols, self.serializer = arg, arg
        except (KeyError, TypeError) as e:
            raise Broken("TYPE-23", f"no type {form!r}") from e
        self.item, self.last = (self.parts[0][1], self.parts[-1][1]) if self.parts else (None, None)
        require(self.kind not in ("set", "map") or not self.item.nullable, f"TYPE-{self.rule}", "nullable member or key")
        self.ids = [field_id for field_id, _ in self.parts]
        self.id_max = max([n for n in self.ids if self.kind == "struct"] + [p.id_max for _, p in self.parts], default=0)
        self.width = {"bool": 1, "date": 4, "time": 4 if self.unit == "ms" else 8, "timestamp": 8, "decimal": 16,
                      "local-timestamp": 8}.get(self.sort) or int(re.sub(r"\D", "", self.kind) or 0) // 8
        self.low = 0 if self.sort in ("bool", "uint") else 1 << max(8 * self.width - 1, 0)

    def takes(self, old, where="value"):
        """Refuses an older type whose values cannot be brought to this one (EVOL-5 to EVOL-10)."""
        require(self.nullable or not old.nullable, "EVOL-8", f"{where} was nullable")
        require(self.sort == old.sort and self.unit == old.unit and self.width >= old.width, "EVOL-7", f"{where} changed")
        if self.kind == "decimal":
            require(self.scale == old.scale and self.precision >= old.precision, "EVOL-7", f"{where} changed")
        if self.kind in ("enum", "opaque"):
            require(self.symbols[:len(old.symbols)] == old.symbols, "EVOL-9", f"{where} changed")
        for field_id, part in self.parts:
            before = dict(old.parts).get(field_id)
            require(before or part.nullable, "EVOL-5", f"{where}.{field_id} is new and may not be null")
            if before:
                part.takes(before, f"{where}.{field_id}")

    def load(self, array, where):
        """Python values of an Arrow array, which must have the form of section 3.1."""
        form, rule = array.type, f"TYPE-{self.rule}"
        good = {"list": pa.types.is_list, "set": pa.types.is_list, "map": pa.types.is_map, "time-window": pa.types.is_struct,
                "struct": pa.types.is_struct, "tuple": pa.types.is_struct}.get(self.kind, lambda _: form == self.arrow)
        require(good(form), rule, f"{where} is {form}, not {self.kind}")

        def nested(part, field, child):
            require(part.nullable == field.nullable, rule, f"nullability of {where}.{field.name}")
            return part.load(child, f"{where}.{field.name}")

        if self.kind in ("list", "set"):
            values = nested(self.item, form.value_field, array.values)
        elif self.kind == "map":
            values = list(zip(nested(self.item, form.key_field, array.keys), nested(self.last, form.item_field, array.items)))
        elif self.kind == "time-window":
            fields = [(form.field(i).name, form.field(i).type, form.field(i).nullable) for i in range(form.num_fields)]
            require(fields == [("start", pa.int64(), False), ("end", pa.int64(), False)], rule, f"{where} has {fields}")
            values = list(zip(array.field(0).to_pylist(), array.field(1).to_pylist()))
        elif pa.types.is_struct(form):
            fields = [form.field(i) for i in range(form.num_fields)]
            ids = [int((field.metadata or {}).get(b"PARQUET:field_id", 0)) for field in fields]
            require(sorted(ids) == self.ids, "FILE-2", f"field ids {ids} of {where}")
            cells = [nested(dict(self.parts)[n], f, array.field(i)) for i, (n, f) in enumerate(zip(ids, fields))]
            values = [dict(zip(ids, row)) for row in zip(*cells)] if ids else [{}] * len(array)
        elif self.sort in ("date", "time", "timestamp", "local-timestamp"):
            return array.view(pa.int32() if self.width == 4 else pa.int64()).to_pylist()
        elif self.kind == "decimal":
            parts = [None if value is None else value.as_tuple() for value in array.to_pylist()]
            return [p and (-1 if p.sign else 1) * int("".join(map(str, p.digits))) for p in parts]
        elif self.kind == "opaque":
            return [None if v is None else Opaque(self.serializer, v) for v in array.to_pylist()]
        else:
            return array.to_pylist()
        if self.kind in ("list", "set", "map"):
            ends = array.offsets.to_pylist()
            values = [values[a:b] for a, b in zip(ends, ends[1:])]
            members = [[self.item.canon(x[0] if self.kind == "map" else x) for x in v] for v in values if self.kind != "list"]
            require(all(len(set(v)) == len(v) for v in members), rule, f"{where} has a member twice")
        return [v if there else None for v, there in zip(values, array.is_valid().to_pylist())]

    def bits(self, v):
        bits = struct.pack(">d" if self.width == 8 else ">f", v)
        return int.from_bytes(bits, "big") if v == v else 0x7FF8 << 48 if self.width == 8 else 0x7FC0 << 16

    def canon(self, v, place=False):
        """Canonical bytes, in a nullable place after the marker of CANON-10."""
        if place and self.nullable:
            return b"\0" if v is None else b"\1" + self.canon(v)
        if isinstance(v, Opaque):
            name = v.serializer.encode()
            return b"\xff" + struct.pack(">I", len(name)) + name + v.data.replace(b"\0", b"\0\xff") + b"\0\0"
        if self.sort == "float":
            bits = self.bits(v)
            return (bits ^ 2 * self.low - 1 if bits & self.low else bits | self.low).to_bytes(self.width, "big")
        if self.width:
            return (v + self.low).to_bytes(self.width, "big")
        if self.kind in ("string", "bytes"):
            return (wtf8(v) if self.kind == "string" else v).replace(b"\0", b"\0\xff") + b"\0\0"
        if self.kind == "enum":
            require(v in self.symbols, "TYPE-21", f"no symbol {v!r}")
            return struct.pack(">I", self.symbols.index(v))
        if self.kind == "time-window":
            return struct.pack(">QQ", v[0] + 2**63, v[1] + 2**63)
        if self.kind in ("struct", "tuple"):
            return b"\1" + b"".join(part.canon(v.get(n), True) for n, part in self.parts)
        pairs = v if self.kind == "map" else [(x,) for x in v]
        entries = [b"\1" + b"".join(p.canon(x, True) for (_, p), x in zip(self.parts, pair)) for pair in pairs]
        return b"".join(entries if self.kind == "list" else sorted(entries)) + b"\0"

    def uncanon(self, data, place=False):
        """Reads canonical bytes: the value, and the bytes behind it."""
        if place and self.nullable:
            return (None, data[1:]) if data[0] == 0 else self.uncanon(data[1:])
        if self.sort == "float":
            bits = int.from_bytes(data[:self.width], "big")
            bits = bits ^ self.low if bits & self.low else bits ^ 2 * self.low - 1
            return struct.unpack(">d" if self.width == 8 else ">f", bits.to_bytes(self.width, "big"))[0], data[self.width:]
        if self.width:
            return int.from_bytes(data[:self.width], "big") - self.low, data[self.width:]
        if self.kind in ("string", "bytes", "opaque"):
            head = struct.unpack(">I", data[1:5])[0] + 5 if self.kind == "opaque" else 0
            end = re.compile(rb"(?:[^\0]|\0\xff)*\0\0", re.S).match(data, head).end()
            plain = data[head:end - 2].replace(b"\0\xff", b"\0")
            plain = plain.decode("utf-8", "surrogatepass") if self.kind == "string" else plain
            return Opaque(data[5:head].decode(), plain) if self.kind == "opaque" else plain, data[end:]
        if self.kind == "enum":
            return self.symbols[struct.unpack(">I", data[:4])[0]], data[4:]
        if self.kind == "time-window":
            return tuple(n - 2**63 for n in struct.unpack(">QQ", data[:16])), data[16:]
        values, data = [], data[1:] if self.kind in ("struct", "tuple") else data
        while self.kind in ("struct", "tuple") or data[0]:
            data, entry = data if self.kind in ("struct", "tuple") else data[1:], []
            for _, part in self.parts:
                value, data = part.uncanon(data, True)
                entry.append(value)
            if self.kind in ("struct", "tuple"):
                return dict(zip(self.ids, entry)), data
            values.append(tuple(entry) if self.kind == "map" else entry[0])
        return values, data[1:]

    def digest(self, v):
        """Digest form (ROWHASH-5)."""
        if v is None:
            return b"\0"
        if isinstance(v, Opaque):
            return self.canon(v)
        alias = {"tuple": "struct", "local-timestamp": "timestamp"}
        kind, number = DIGEST_KINDS.index(alias.get(self.sort, self.sort)), struct.pack
        if self.sort in ("int", "date", "time"):
            return number(">Bq", kind, v * NANOS.get(self.unit, 1))
        if self.sort in ("bool", "uint"):
            return number(">BB" if self.sort == "bool" else ">BQ", kind, v)
        if self.sort == "float":
            return b"\4" + (number(">d", v) if v == v else b"\x7f\xf8" + bytes(6))
        if self.sort in ("string", "bytes", "enum"):
            data = v if self.sort == "bytes" else wtf8(v)
            return number(">BI", kind, len(data)) + data
        if self.unit:
            return number(">BB", kind, self.kind == "timestamp") + (v * NANOS[self.unit]).to_bytes(16, "big", signed=True)
        if self.kind == "decimal":
            return number(">Bi", kind, self.scale) + v.to_bytes(16, "big", signed=True)
        if self.kind == "time-window":
            return number(">Bqq", kind, *v)
        if kind == 14:
            some = [(n, part) for n, part in self.parts if v.get(n) is not None]
            return number(">B", kind) + b"".join(number(">BI", 1, n) + part.digest(v[n]) for n, part in some) + b"\0"
        pairs = v if self.kind == "map" else [(x,) for x in v]
        pairs = pairs if self.kind == "list" else sorted(pairs, key=lambda pair: self.item.canon(pair[0]))
        return number(">BQ", kind, len(v)) + b"".join(p.digest(x) for pair in pairs for (_, p), x in zip(self.parts, pair))

    def json(self, v):
        """JSON form (section 3.3)."""
        if isinstance(v, Opaque):
            return {"$opaque": {"serializer": v.serializer, "bytes": base64.b64encode(v.data).decode()}}
        if v is None or self.sort in ("bool", "int", "uint", "enum"):
            return v
        if self.sort == "float":
            if v - v != 0:
                return "NaN" if v != v else "Infinity" if v > 0 else "-Infinity"
            return v if self.width == 8 else next(x for x in (float(f"{v:.{n}g}") for n in range(1, 18))
                                                  if abs(x) < 3.5e38 and self.bits(x) == self.bits(v))
        if self.kind == "string":
            lone = any("\ud800" <= unit <= "\udfff" for unit in v)
            return {"$utf16": v.encode("utf-16-be", "surrogatepass").hex()} if lone else v
        if self.kind == "bytes":
            return base64.b64encode(v).decode()
        if self.kind == "time":
            return clock(v * NANOS[self.unit]) if 0 <= v * NANOS[self.unit] < DAY else v
        if self.kind == "date" or self.unit:
            days, nanos = (v, 0) if self.kind == "date" else divmod(v * NANOS[self.unit], DAY)
            date = "%04d-%02d-%02d" % civil(days)
            time = "" if self.kind == "date" else f"T{clock(nanos)}{'Z' * (self.kind == 'timestamp')}"
            return date + time if 0 <= civil(days)[0] <= 9999 else v
        if self.kind == "decimal":
            digits = (str(abs(v)) + "0" * (v and -self.scale)).rjust(self.scale + 1, "0")
            point = len(digits) - max(self.scale, 0)
            return "-" * (v < 0) + digits[:point] + "." * (self.scale > 0) + digits[point:]
        if self.kind == "time-window":
            return {"start": v[0], "end": v[1]}
        if self.kind in ("struct", "tuple"):
            return {name: part.json(v.get(n)) for name, (n, part) in zip(self.names, self.parts)}
        return [self.item.json(x) if self.kind != "map" else [self.item.json(x[0]), self.last.json(x[1])] for x in v]

    def java(self, v):
        """Hash of `java-hash/1` (KEYGROUP-5)."""
        if v is None or self.sort == "bool":
            return 0 if v is None else 1231 if v else 1237
        if self.sort in ("int", "float"):
            v = self.bits(v) if self.sort == "float" else v
            return fold(v) if self.width == 8 else wrap(v)
        if self.kind == "string":
            units = v.encode("utf-16-be", "surrogatepass")
            return fold31(0, (unit for unit, in struct.iter_unpack(">H", units)))
        if self.kind == "decimal":
            words = abs(v).to_bytes((abs(v).bit_length() + 31) // 32 * 4, "big")
            b = fold31(0, (word for word, in struct.iter_unpack(">I", words)))
            return wrap(31 * b * (-1 if v < 0 else 1) + self.scale)
        if self.kind in ("time", "timestamp"):
            seconds, nanos = divmod(v * NANOS[self.unit], 10**9)
            return fold(v * NANOS[self.unit]) if self.kind == "time" else wrap(fold(seconds) + 51 * nanos)
        if self.kind in ("date", "local-timestamp"):
            days, nanos = (v, 0) if self.kind == "date" else divmod(v * NANOS[self.unit], DAY)
            year, month, day = civil(days)
            return wrap(year & 0xFFFFF800 ^ (year << 11) + (month << 6) + day) ^ fold(nanos)
        if self.kind in ("list", "set"):
            return fold31(1, map(self.item.java, v)) if self.kind == "list" else wrap(sum(map(self.item.java, v)))
        if self.kind == "map":
            return wrap(sum(self.item.java(key) ^ self.last.java(value) for key, value in v))
        require(self.kind in ("struct", "tuple"), "KEYGROUP-5", f"{self.kind} has no java-hash/1")
        hashes = [part.java(v.get(n)) for n, part in self.parts] or [0]
        return fold31(hashes[0], hashes[1:])


def wtf8(text):
    return text.encode("utf-8", "surrogatepass")


SHAPES = {name: [member.split(":") for member in members.split()] for name, members in {
    "body": "profile:str job:dict attempt:int checkpoint_id:int created_ms:ms as_of_ms?:ms roots:list objects:list layout?:str "
            "schemas?:list schemas_object?:int job_description?:int operators:list aborted:list",
    "job": "id:str name:str", "object": "root:int name:str size:int digest:hex blocks?:dict",
    "blocks": "root:int name:str offset:int length:int", "operator": "id:str uid?:str name?:str parallelism:int "
    "max_parallelism:int key_group_function:str sequence_max:int tables:list",
    "table": "schema:int runs:list digest?:list entries?:int",
    "run": "object?:int offset?:int length?:int inline?:str schema:int base:bool rows:int deletes:int clears:int digest:hex "
           "sequence?:list clip?:list subtask?:int",
    "schema": "name:str kind:str ttl_ms?:int raw?:list field_id_max?:int"}.items()}


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


def pair(value, rule, low, high, what):
    require(isinstance(value, list) and len(value) == 2 and all(type(n) is int for n in value), "MAN-1", f"{what} {value}")
    require(low <= value[0] <= value[1] <= high, rule, f"{what} {value}")


def meet(a, b):
    return max(a[0], b[0]) <= min(a[1], b[1])


class State:
    """A state schema (SCHEMA-1)."""
    def __init__(self, form):
        s = shaped("schema", form)
        self.name, self.kind, self.ttl, self.raw = s.name, s.kind, s.ttl_ms, s.raw or []
        require(s.kind in KEYED + INDEXED + ("broadcast",), "SCHEMA-1", f"no kind {s.kind!r}")
        self.keyed = s.kind in KEYED
        self.types = {place: Type(form[place + "_type"]) for place in ("key", "namespace", "map_key", "value")
                      if form.get(place + "_type") is not None}
        must = {"key": self.keyed, "map_key": s.kind in ("map", "broadcast"), "value": s.kind not in TIMERS}
        for place, needed in must.items():
            require((place in self.types) == needed, "SCHEMA-1", f"{place}_type of {s.kind} {s.name}")
        require(self.keyed or self.ttl is None and "namespace" not in self.types, "SCHEMA-1", f"{s.name} is not keyed")
        require(not self.keyed or not self.types["key"].nullable, "SCHEMA-1", "nullable key")
        require(all(r in [p + "_raw" for p in self.types] for r in self.raw), "SCHEMA-1", f"raw {self.raw}")
        require(max([t.id_max for t in self.types.values()], default=0) <= (s.field_id_max or 0), "SCHEMA-2", s.name)

    def columns(self, base):
        """Name, type and nullability of each column (TABLE-3, TABLE-4)."""
        plain = {"op": "uint8", "key_group": "uint16", "list_pos": "int64", "timestamp": "int64", "subtask": "int32",
                 "index": "int64", "last_access": "int64"}
        there = {"op": not base, "key_group": self.keyed, "list_pos": self.kind == "list", "timestamp": self.kind in TIMERS,
                 "subtask": self.kind in INDEXED, "index": self.kind in INDEXED, "last_access": self.ttl is not None}
        for name in ("op key_group key key_raw namespace namespace_raw map_key map_key_raw list_pos timestamp subtask index "
                     "value value_raw last_access").split():
            if there.get(name) or name in self.types or name in self.raw:
                form = self.types.get(name) or Type(plain.get(name, "bytes"))
                loose = not base and name in ("map_key", "list_pos", "timestamp", "value", "last_access")
                yield name, form, (name in self.raw or name + "_raw" in self.raw or loose
                                   or name == "value" and form.nullable)


class Row(NamedTuple):
    group: int
    sort: bytes
    op: int
    scope: bytes  # canonical key and namespace
    cells: dict   # logical values by column


class Snapshot:
    """A manifest and what it names. Opening one checks the manifest; `rows` reads a table."""

    def __init__(self, place):
        self.manifest = locate(Path(place))
        body = preamble(self.manifest.read_bytes())
        try:
            self.body = m = shaped("body", json.loads(body.decode()))
        except (UnicodeDecodeError, json.JSONDecodeError) as e:
            raise Broken("MAN-1", f"the body is no JSON: {e}") from e
        require(m.profile in ("savepoint", "checkpoint"), "MAN-1", f"profile {m.profile!r}")
        require(m.layout in ([None] if m.profile == "checkpoint" else ["compacted", "stacked"]), "MAN-1", f"layout {m.layout!r}")
        require((m.schemas is None) != (m.schemas_object is None), "MAN-1", "schemas and schemas_object")
        shaped("job", m.job)
        savepoint, self.root = m.profile == "savepoint", self.manifest.parent
        self.root = self.root if savepoint else self.root.parent
        require(m.roots and all(isinstance(r, dict) for r in m.roots) and m.roots[0].get("own") is True, "ROOT-1", "no own root")
        require(all(r.get("own") is False and isinstance(r.get("uri"), str) for r in m.roots[1:]), "ROOT-1", "claimed roots")
        require(not savepoint or len(m.roots) == 1 and not m.aborted, "MAN-8", "a savepoint with claimed roots or aborted objects")
        self.objects, self.cache = [shaped("object", o) for o in m.objects], {}
        for o in self.objects:
            o.blocks = o.blocks and shaped("blocks", o.blocks)
            require(o.size <= MOST, "MAN-6", f"{o.name} has {o.size} bytes")
            require(o.blocks or o.size <= 1 << 20, "DIGEST-3", f"{o.name} has no blocks")
            for part in filter(None, (o, o.blocks)):
                require(part.root < len(m.roots), "MAN-3", f"no root {part.root}")
                good = re.fullmatch(r"[A-Za-z0-9._~%-]+(/[A-Za-z0-9._~%-]+)*", part.name) and len(part.name) <= 1024
                require(good and not {".", ".."} & set(part.name.split("/")), "NAME-1", f"object {part.name!r}")
        require(len({(o.root, o.name) for o in self.objects}) == len(self.objects), "MAN-6", "an object twice")
        for index in m.aborted + [i for i in (m.schemas_object, m.job_description) if i is not None]:
            require(type(index) is int and 0 <= index < len(self.objects), "MAN-3", f"no object {index}")
        schemas = m.schemas if m.schemas is not None else json.loads(self.read(m.schemas_object))
        self.schemas, self.tables, ids = [State(s) for s in schemas], {}, set()
        for operator in (shaped("operator", o) for o in m.operators):
            require(re.fullmatch("[0-9a-f]{32}", operator.id), "OPER-1", f"operator id {operator.id!r}")
            require(operator.id not in ids and not ids.add(operator.id), "MAN-4", f"operator {operator.id} twice")
            require(1 <= operator.parallelism <= operator.max_parallelism <= 32768, "MAN-4", "parallelism")
            require(operator.key_group_function in FUNCTIONS, "KEYGROUP-4", operator.key_group_function)
            for table in (shaped("table", t) for t in operator.tables):
                self.check(operator, table)
                name = (operator.uid or operator.id).replace("%", "%25").replace("/", "%2F") + "/" + table.state.name
                require(name not in self.tables, "MAN-5", f"{name} twice")
                self.tables[name] = table

    def check(self, operator, table):
        """The rules of a table that the manifest alone can break."""
        require(table.schema < len(self.schemas), "MAN-3", f"no schema {table.schema}")
        table.operator, table.state, m = operator, self.schemas[table.schema], self.body
        state, table.runs = table.state, [shaped("run", r) for r in table.runs]
        require(m.profile == "checkpoint" or state.kind != "in-flight", "MAN-11", state.name)
        require(m.profile == "checkpoint" or table.digest is not None, "MAN-10", f"{state.name} has no digest")
        groups = operator.max_parallelism if state.keyed else 1
        for run in table.runs:
            require(run.schema < len(self.schemas), "MAN-3", f"no schema {run.schema}")
            run.state = self.schemas[run.schema]
            require((run.state.name, run.state.kind) == (state.name, state.kind), "MAN-3", f"a run of {run.state.name}")
            place = [run.object is None, run.offset is None, run.length is None, run.inline is not None]
            require(len(set(place)) == 1, "MAN-1", f"a run of {state.name} has no one place")
            if run.inline is not None:
                try:
                    run.inline = base64.b64decode(run.inline, validate=True)
                except ValueError as e:
                    raise Broken("MAN-2", f"inline run: {e}") from e
                require(len(run.inline) <= 4096, "RUN-7", f"{len(run.inline)} bytes inline")
            else:
                require(run.object < len(self.objects), "MAN-3", f"no object {run.object}")
                require(run.offset + run.length <= self.objects[run.object].size, "MAN-6", "a run outside its object")
            require(run.deletes + run.clears <= run.rows, "MAN-7", f"{run.deletes} deletes and {run.clears} clears")
            require(not run.base or run.deletes + run.clears == 0, "RUN-2", "deletes in a base run")
            if m.layout == "compacted":
                whole = run.inline is None and (run.offset, run.length) == (0, self.objects[run.object].size)
                require(run.base and whole, "MAN-9", f"a run of {state.name}")
            if state.keyed:
                require(run.subtask is None, "MAN-1", "subtask of a keyed run")
                pair(run.clip, "CLIP-1", 0, groups, "clip")
                require(run.clip[0] < run.clip[1], "CLIP-1", f"clip {run.clip}")
                run.clip = range(*run.clip)
                pair(run.sequence, "SEQ-1", 1, min(operator.sequence_max, 2**31 - 1), "sequence")
            else:
                require(run.base and run.sequence is None and run.clip is None, "RUN-6", f"a run of {state.name}")
                run.clip, run.sequence = range(1), [0, 0]
        subtasks = [run.subtask for run in table.runs]
        require(state.keyed or set(subtasks) <= {None} or len(set(subtasks) - {None}) == len(subtasks), "RUN-6", f"subtasks {subtasks}")
        for a, b in itertools.permutations(table.runs if state.keyed else [], 2):
            if max(a.clip.start, b.clip.start) < min(a.clip.stop, b.clip.stop):
                require(a.sequence[1] < b.sequence[0] or b.sequence[1] < a.sequence[0], "SEQ-2", f"{a.sequence} and {b.sequence}")
                require(not (a.base and not b.base and b.sequence < a.sequence), "RUN-3", "a delta below a base")

    def read(self, index, offset=0, length=None):
        """Verified bytes of an object."""
        o = self.objects[index]
        length = o.size - offset if length is None else length
        first, last = offset // BLOCK, -(-(offset + length) // BLOCK)
        path = self.path(o)
        require(path.stat().st_size == o.size, "DIGEST-2", f"{o.name} has {path.stat().st_size} bytes, not {o.size}")
        if o.blocks is None:
            first, last = 0, -(-o.size // BLOCK)
        with path.open("rb") as file:
            file.seek(first * BLOCK)
            data = file.read((last - first) * BLOCK)
        blocks = [data[at:at + BLOCK] for at in range(0, len(data), BLOCK)]
        digests = [xxhash.xxh3_64_intdigest(block).to_bytes(8, "little") for block in blocks]
        listed = b"".join(digests)
        if o.blocks is not None:
            require(o.blocks.length == -(-o.size // BLOCK) * 8, "DIGEST-3", f"list of block digests of {o.name}")
            with self.path(o.blocks).open("rb") as file:
                file.seek(o.blocks.offset)
                listed = file.read(o.blocks.length)
        rule = "DIGEST-2" if o.blocks is None else "DIGEST-3"
        require(xxhash.xxh3_128_hexdigest(listed) == o.digest, rule, f"{o.name}: digest of the object")
        for i, digest in enumerate(digests, first):
            require(listed[8 * i:8 * i + 8] == digest if o.blocks else True, "DIGEST-5",
                    f"{o.name}, bytes {i * BLOCK}..{min(i * BLOCK + BLOCK, o.size)}")
        return data[offset - first * BLOCK:][:length]

    def path(self, part):
        uri = self.body.roots[part.root].get("uri", "")
        root = Path(uri.removeprefix("file://")) if part.root else self.root
        path = (root / part.name).resolve()
        require(path.is_relative_to(root.resolve()), "STORE-1", f"{part.name} leads out of its root")
        require(path.is_file(), "PUB-1", f"no object {part.name}")
        return path

    def run_rows(self, table, run):
        """All rows of a run, which must be those that were written."""
        data = run.inline if run.inline is not None else self.read(run.object, run.offset, run.length)
        state, operator = run.state, table.operator
        try:
            file = pq.ParquetFile(pa.BufferReader(data))
            meta, count, schema = file.metadata, file.metadata.num_rows, file.schema_arrow
            chunks = [meta.row_group(g).column(c) for g in range(meta.num_row_groups) for c in range(meta.num_columns)]
            require({c.compression for c in chunks} <= {"ZSTD", "UNCOMPRESSED"}, "FILE-1", "compression of a file")
            columns = file.read().combine_chunks()
        except (pa.ArrowException, OSError) as e:
            raise Broken("FILE-1", f"a run of {state.name}: {e}") from e
        require(all(c.has_offset_index for c in chunks), "FILE-6", "no offset index")
        entries = {k.decode(): v.decode() for k, v in (meta.metadata or {}).items()}
        require(entries.get("alluvium.version") == "1", "FILE-3", "alluvium.version")
        require("alluvium.schema" in entries and re.fullmatch(r"\d+:[0-9a-f]{32}", entries.get("alluvium.digest", "")),
                "FILE-3", "alluvium.schema or alluvium.digest")
        want = list(state.columns(run.base))
        require(schema.names == [name for name, _, _ in want], "TABLE-3", f"columns {schema.names} of {state.name}")
        require(entries.get("alluvium.base") == str(run.base).lower(), "RUN-2", "alluvium.base")
        cells = {}
        for name, form, loose in want:
            require(schema.field(name).nullable == loose, "TABLE-4", f"nullability of {name}")
            array = columns.column(name)
            cells[name] = form.load(array.chunk(0) if array.num_chunks else pa.array([], array.type), name)
        rows, index, total, before, counts = [], [], 0, None, [0, 0, 0]
        for values in zip(*cells.values()):
            row = self.row(table, run, dict(zip(cells, values)))
            require(before is None or before <= row[:2], "ORDER-1", f"rows of {state.name} in disorder")
            require(before != row[:2], "ORDER-5", f"a row of {state.name} twice")
            before, counts[row.op] = row[:2], counts[row.op] + 1
            if not index or index[-1][0] != row.group:
                index.append([row.group, len(rows), 0])
            index[-1][2] += 1
            rows.append(row)
            total += row_hash(bytes([row.op]) + struct.pack(">I", row.group) + row.sort
                              + (tail(state, row.cells) if row.op == 0 else b""))
        if state.keyed:
            require(entries.get("alluvium.key_groups") == json.dumps(index, separators=(",", ":")), "FILE-4", "key-group index")
        require([run.rows, run.deletes, run.clears] == [len(rows), *counts[1:]], "MAN-1", f"rows of a run of {state.name}")
        digest = f"{total % 2**128:032x}"
        require(run.digest == digest, "ROWHASH-9", f"digest of a run of {state.name}")
        require(entries["alluvium.digest"] == f"{len(rows)}:{digest}", "FILE-3", f"alluvium.digest of {state.name}")
        return rows

    def row(self, table, run, cells):
        """One row with its logical values and sort key (chapter 4)."""
        state, operator, op = run.state, table.operator, cells.get("op", 0)
        require(op in (0, 1, 2), "RUN-4", f"operation {op}")
        hidden = (["value", "value_raw", "last_access"] if op else []) + (
            ["map_key", "map_key_raw", "list_pos", "timestamp"] if op == 2 else [])
        for name in hidden:
            require(cells.get(name) is None, "RUN-5", f"{name} in operation {op}")
        for place, form in state.types.items():
            if place not in hidden:
                cells[place] = value = logical(cells[place], cells.get(place + "_raw"), form)
                require(value is not None or place == "value" and form.nullable, "TABLE-4", f"{place} is null")
        for name in ("list_pos", "timestamp", "last_access"):
            require(name in hidden or cells.get(name, 0) is not None, "TABLE-4", f"{name} is null")
        canon = {place: form.canon(cells[place]) for place, form in state.types.items()
                 if place != "value" and cells[place] is not None}
        scope, entry = canon.get("key", b"") + canon.get("namespace", b""), canon.get("map_key", b"")
        for name in ("list_pos", "timestamp"):
            entry += struct.pack(">Q", cells[name] + 2**63) if cells.get(name) is not None else b""
        if "index" in cells:
            entry = struct.pack(">IQ", cells["subtask"], cells["index"] + 2**63)
            require(run.subtask in (None, cells["subtask"]), "RUN-6", "a row of another subtask")
        group = cells.get("key_group", 0)
        if state.keyed:
            require(group < operator.max_parallelism, "TABLE-5", f"key group {group}")
            function = operator.key_group_function
            if function == FUNCTIONS[1] or function == FUNCTIONS[0] and not isinstance(cells["key"], Opaque):
                hashed = murmur3(canon["key"]) if function == FUNCTIONS[1] else state.types["key"].java(cells["key"])
                require(mix(hashed) % operator.max_parallelism == group, "TABLE-5", f"key group {group} of {cells['key']!r}")
        return Row(group, scope + (b"\0" if op == 2 else b"\1" + entry), op, scope, cells)

    def rows(self, name):
        """Live rows of a table in canonical order; its digest is compared."""
        table = self.tables[name]
        state, m, merged = table.state, self.body, []
        for run in table.runs:
            for place, form in state.types.items():
                form.takes(run.state.types[place], place) if place == "value" else require(
                    form.form == run.state.types[place].form, "EVOL-10", place)
            for row in self.run_rows(table, run):
                if row.group in run.clip:
                    if state.ttl is not None and run.state.ttl is None:
                        row.cells["last_access"] = m.created_ms if m.as_of_ms is None else m.as_of_ms
                    merged.append((row.group, row.sort, -run.sequence[1], row))
        merged.sort(key=lambda entry: entry[:3])
        live, before, cleared, clear = [], None, None, 0
        for group, sort, newest, row in merged:
            if (group, sort) == before:
                require(state.keyed, "ORDER-5", f"a row of {name} in two runs")
                continue
            before = group, sort
            if row.op == 2:
                cleared, clear = (group, row.scope), newest
            hidden = (group, row.scope) == cleared and newest > clear
            access = row.cells.get("last_access") if state.ttl is not None else None
            expired = None not in (access, m.as_of_ms) and access + state.ttl <= m.as_of_ms
            if row.op == 0 and not hidden and not expired:
                again = live and (live[-1].group, live[-1].scope) == (group, row.scope)
                row.cells["rank"] = live[-1].cells["rank"] + 1 if again else 0
                live.append(row)
        if table.digest is not None:
            self.compare(name, table, live)
        return live

    def compare(self, name, table, live):
        groups = {}
        for row in live:
            entry = row.sort[len(row.scope) + 1:] if table.state.kind not in INDEXED else b""
            if table.state.kind == "list":
                entry = struct.pack(">Q", row.cells["rank"] + 2**63)
            count, total = groups.get(row.group, (0, 0))
            hashed = row_hash(struct.pack(">I", row.group) + row.scope + b"\1" + entry + tail(table.state, row.cells))
            groups[row.group] = count + 1, (total + hashed) % 2**128
        got = [[group, count, f"{total:032x}"] for group, (count, total) in groups.items()]
        require(got == table.digest, "ROWHASH-1", f"canonical digest of {name}")

    def cat(self, name):
        """Rows as `alluvium cat` prints them: a list is one line."""
        state, lines, scope = self.tables[name].state, [], None
        for row in self.rows(name):
            cells = row.cells
            if state.kind == "list" and scope == (row.group, row.scope):
                lines[-1]["value"].append(state.types["value"].json(cells["value"]))
                if state.ttl is not None:
                    lines[-1]["last_access"].append(cells["last_access"])
                continue
            scope = row.group, row.scope
            line = {n: row.group if n == "key_group" else state.types[n].json(cells[n]) if n in state.types else cells[n]
                    for n in ORDER if n in cells and not (n == "last_access" and state.ttl is None)}
            if state.kind == "list":
                line |= {n: [line[n]] for n in ("value", "last_access") if n in line}
            lines.append(line)
        return lines

    def files(self, name):
        """Files of a table of a compacted savepoint."""
        return [self.path(self.objects[run.object]) for run in self.tables[name].runs]

    def verify(self):
        """Reads everything; gives the number of rows."""
        for index in range(len(self.objects)):
            self.read(index)
        count = 0
        for name, table in self.tables.items():
            rows = self.rows(name)
            entries = len({(row.group, row.scope) for row in rows}) if table.state.kind == "list" else len(rows)
            require(table.entries in (None, entries), "MAN-1", f"{name} has {entries} entries, not {table.entries}")
            count += len(rows)
        return count


ORDER = "key_group key namespace map_key subtask index timestamp value last_access".split()


def row_hash(data):
    return xxhash.xxh3_128_intdigest(data)


def tail(state, cells):
    """Value in digest form and last access."""
    value = b"" if "value" not in state.types else state.types["value"].digest(cells["value"])
    return value + (b"\0" if state.ttl is None else struct.pack(">Bq", 1, cells["last_access"]))


def logical(cell, raw, form):
    """The value of a cell and the raw cell beside it (TYPE-25)."""
    if raw is None:
        return cell
    size = struct.unpack(">I", raw[1:5])[0] + 5 if len(raw) > 4 else len(raw) + 1
    require(raw[0] in (0, 1) and size <= len(raw), "TYPE-25", "raw cell cut short")
    if raw[0] == 0:
        return Opaque(raw[5:size].decode(), raw[size:]) if cell is None else cell
    value, rest = form.uncanon(raw[5:size])
    require(cell is None and not rest, "TYPE-25", "raw cell beside a value")
    return value


def locate(place):
    """The manifest of a path: itself, a savepoint's, or the latest checkpoint of a root (FENCE-3)."""
    if place.is_file():
        return place
    if (place / "savepoint.manifest").is_file():
        return place / "savepoint.manifest"
    named = re.compile(r"(\d+)-(\d+)\.manifest").fullmatch
    found = {tuple(map(int, n.groups())): p for p in (place / "checkpoints").glob("*") if (n := named(p.name))}
    for start in (place / "attempts").glob("*.start"):
        after = json.loads(start.read_text())["after"]
        found = {at: p for at, p in found.items() if at[0] >= int(start.stem) or after is not None and list(at) <= after}
    require(found, "NAME-2", f"no snapshot in {place}")
    return found[max(found)]


def preamble(data):
    """The inflated body of a manifest (section 2.1)."""
    require(data.startswith(b"ALLUVIUM"), "PRE-2", "no manifest")
    take = lambda form, at: struct.unpack_from("<" + form, data, at)
    try:
        version, count = take("HH", 8)
        require(count <= 1024, "PRE-3", f"{count} features")
        at, features = 12, []
        for _ in range(count):
            size, = take("H", at)
            features.append(data[at + 2:at + 2 + size])
            at += 2 + size
        length, inflated, low, high, checksum = take("QQQQQ", at)
    except struct.error as e:
        raise Broken("PRE-3", "the file ends before its checksum") from e
    require(xxhash.xxh3_64_intdigest(data[:at + 32]) == checksum, "PRE-3", "checksum")
    require(version == 1, "PRE-4", f"version {version} is not supported")
    require(all(re.fullmatch(rb"[a-z0-9-]{1,64}", f) for f in features), "PRE-5", "name of a feature")
    require(features == sorted(set(features)), "PRE-5", "order of features")
    require(not features, "FEAT-1", f"feature {b', '.join(features).decode()} is not supported")
    body = data[at + 40:]
    require(len(body) == length, "PRE-6", f"{len(body)} bytes of body, not {length}")
    require(inflated <= MOST, "PRE-9", f"body of {inflated} bytes")
    require(xxhash.xxh3_128_intdigest(body) == high << 64 | low, "PRE-7", "digest of the body")
    frame, out = zstandard.ZstdDecompressor().decompressobj(), bytearray()
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


def main(arguments):
    if len(arguments) != (3 if arguments[:1] == ["cat"] else 2) or arguments[0] not in ("verify", "cat", "states"):
        return sys.exit(__doc__) if False else (print(__doc__, file=sys.stderr), 2)[1]
    try:
        snapshot = Snapshot(arguments[1])
        if arguments[0] == "verify":
            borrowed = sum(o.root > 0 for o in snapshot.objects)
            print(f"{len(snapshot.tables)} tables, {snapshot.verify()} rows"
                  + (f"; borrows {borrowed} objects of other roots: not relocatable" if borrowed else ""))
        for name in snapshot.tables if arguments[0] == "states" else ():
            print(name)
        if arguments[0] == "cat":
            if arguments[2] not in snapshot.tables:
                print(f"no state {arguments[2]}; there are {', '.join(snapshot.tables)}", file=sys.stderr)
                return 2
            for line in snapshot.cat(arguments[2]):
                print(json.dumps(line, ensure_ascii=False, separators=(",", ":")))
    except Broken as e:
        print(e, file=sys.stderr)
        return 4 if e.rule in ("PRE-4", "FEAT-1") else 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
