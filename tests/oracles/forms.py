"""Values of Alluvium snapshots: types, canonical bytes, JSON, hashes and digest forms (chapters 3, 4 and 9 of
format-spec/v1). Written from these pages alone, as reader.py, which uses it."""
import base64, decimal, itertools, re, sys
from struct import iter_unpack, pack, unpack
from typing import NamedTuple

import pyarrow as pa

sys.set_int_max_str_digits(10000)  # A big-integer has at most 9864.
DAY = 86400 * 10**9
NANOS = {"ms": 10**6, "us": 10**3, "ns": 1}
NUMBERS = "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64".split()
PLAIN = {**{name: getattr(pa, name)() for name in NUMBERS},
         "bool": pa.bool_(), "string": pa.utf8(), "bytes": pa.binary(), "date": pa.date32(), "time-window": None,
         "big-integer": pa.utf8(), "big-decimal": pa.utf8(),
         **{f"time({unit})": (pa.time32 if unit == "ms" else pa.time64)(unit) for unit in NANOS},
         **{f"timestamp({unit})": pa.timestamp(unit, "UTC") for unit in NANOS},
         **{f"local-timestamp({unit})": pa.timestamp(unit) for unit in NANOS}}
RULES = dict(zip("bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 string bytes date time timestamp "
                 "decimal list map struct enum time-window - opaque - big-integer big-decimal either".split(), itertools.count(1)))
RULES |= {"local-timestamp": 16, "set": 18, "tuple": 20}
DIGEST_KINDS = ("null bool int uint float string bytes date time timestamp decimal list set map struct enum "
                "time-window big-integer big-decimal either").split()
ALIKE = {"tuple": "struct", "local-timestamp": "timestamp", "opaque": "null"}


class Broken(Exception):
    """A broken rule of the format."""
    def __init__(self, rule, message):
        super().__init__(f"{rule}: {message}")
        self.rule = rule


class Opaque(NamedTuple):
    serializer: str
    data: bytes


def require(holds, rule, message):
    if not holds:
        raise Broken(rule, message)


# Hashes of 32 bits, bytes and days.
def wrap(n): return (n + 2**31) % 2**32 - 2**31
def fold(n): return wrap(n ^ n >> 32)
def rotl(n, by): return (n << by | n >> 32 - by) & 0xFFFFFFFF
def scramble(k): return rotl(k * 0xCC9E2D51 & 0xFFFFFFFF, 15) * 0x1B873593 & 0xFFFFFFFF
def churn(h): return rotl(h, 13) * 5 + 0xE6546B64 & 0xFFFFFFFF
def wtf8(text): return text.encode("utf-8", "surrogatepass")
def sized(data): return pack(">I", len(data)) + data
def unscaled(v): return int(decimal.Decimal(v.as_tuple()._replace(exponent=0)))
def inverted(data, when): return bytes(b ^ 255 for b in data) if when else data
def escaped(data): return data.replace(b"\0", b"\0\xff") + b"\0\0"


def finish(h):
    h = (h ^ h >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    h = (h ^ h >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return h ^ h >> 16


def murmur3(data):
    h, whole = 0, len(data) // 4 * 4
    for word, in iter_unpack("<I", data[:whole]):
        h = churn(h ^ scramble(word))
    return finish(h ^ scramble(int.from_bytes(data[whole:], "little")) ^ len(data))


def mix(code):
    c = wrap(finish(churn(scramble(code & 0xFFFFFFFF)) ^ 4))
    return 0 if c == -2**31 else abs(c)


def fold31(h, units):
    for unit in units:
        h = 31 * h + unit & 0xFFFFFFFF
    return wrap(h)


def civil(days):
    """Year, month and day of a day since 1970-01-01."""
    era, of_era = divmod(days + 719468, 146097)
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    return year + era * 400 + (month > 9), (month + 2) % 12 + 1, of_year - (153 * month + 2) // 5 + 1


def clock(nanos):
    seconds, nanos = divmod(nanos, 10**9)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{nanos:09}"
    return text.removesuffix("000").removesuffix("000").removesuffix("000").removesuffix(".")


class Type:
    """A logical type and the forms of its values. In Python integers, times and decimals (unscaled) are int; lists, sets
    and maps lists of tuples, one per element or entry; structs, tuples and time windows dict by field id."""

    def __init__(self, form, depth=1):
        self.form, self.nullable = form, isinstance(form, dict) and [*form] == ["nullable"]
        form = form["nullable"] if self.nullable else form
        nested = next(iter(form)) if isinstance(form, dict) and len(form) == 1 else None
        decimal = re.fullmatch(r"decimal\((\d+),(-?\d+)\)", form) if isinstance(form, str) else None
        good = decimal or (form in PLAIN if isinstance(form, str) else nested in RULES and nested not in PLAIN)
        require(good and depth <= 64, "TYPE-23", f"no type {form!r}")
        self.kind, _, unit = (nested or form).partition("(")
        self.unit, self.arrow = unit[:2] if unit[:2] in NANOS else None, PLAIN.get(form) if not nested else None
        if decimal:
            self.precision, self.scale = int(decimal[1]), int(decimal[2])
            require(abs(self.scale) <= self.precision in range(1, 39), "TYPE-17", f"no type {form!r}")
            self.arrow = pa.decimal128(self.precision, self.scale)
        elif self.kind in ("enum", "opaque"):
            self.arrow = pa.utf8() if self.kind == "enum" else pa.binary()
        self.symbols, fields = form[nested] if nested else [], [("start", "int64", 1), ("end", "int64", 2)]
        try:
            if self.kind == "struct":
                fields = [(field["name"], field["type"], field.get("id")) for field in self.symbols]
            elif self.kind != "time-window":
                parts = [self.symbols] if nested in ("list", "set") else self.symbols if nested in ("map", "tuple", "either") else []
                fields = [("left right".split()[i] if nested == "either" else f"f{i}", part, i + 1) for i, part in enumerate(parts)]
            self.parts = [(n, name, Type(part, depth + 1)) for name, part, n in fields]
        except (KeyError, TypeError) as e:
            raise Broken("TYPE-23", f"no type {form!r}") from e
        self.ids = [n for n, _, _ in self.parts]
        good = all(type(n) is int and n > 0 for n in self.ids) and self.ids == sorted(set(self.ids))
        require(good, "SCHEMA-2", f"field ids {self.ids}")
        self.id_max = max([part.id_max for _, _, part in self.parts] + self.ids * (nested == "struct"), default=0)
        self.rule, self.sort = f"TYPE-{RULES[self.kind]}", re.sub(r"(int|float)\d+$", r"\1", self.kind)
        require(nested not in ("set", "map") or not self.parts[0][2].nullable, self.rule, "nullable member or key")
        widths = {"bool": 1, "date": 4, "enum": 4, "timestamp": 8, "local-timestamp": 8, "decimal": 16}
        self.width = widths.get(self.kind) or (4 if form == "time(ms)" else int(re.sub(r"\D", "", self.kind) or 0) // 8)
        self.width = self.width or 8 * (self.kind == "time")
        self.low = 0 if self.sort in ("bool", "uint", "enum") else 1 << max(8 * self.width - 1, 0)
        self.code = pack(">B", DIGEST_KINDS.index(ALIKE.get(self.sort, self.sort)))

    def takes(self, old, where):
        """Refuses an older type whose values cannot be brought to this one (EVOL-5 to EVOL-10)."""
        require(self.nullable or not old.nullable, "EVOL-8", f"{where} was nullable")
        same = (self.sort, self.unit) == (old.sort, old.unit) and self.width >= old.width
        if same and self.sort == "decimal":
            same = self.scale == old.scale and self.precision >= old.precision
        require(same and (self.kind != "tuple" or self.ids == old.ids), "EVOL-7", f"{where} is another type")
        require(self.kind != "enum" or self.symbols[:len(old.symbols)] == old.symbols, "EVOL-9", f"symbols of {where}")
        before = {n: part for n, _, part in old.parts}
        for n, name, part in self.parts:
            require(n in before or part.nullable, "EVOL-5", f"{where}.{name} is new and may not be null")
            part.takes(before.get(n, part), f"{where}.{name}")

    def load(self, array, where):
        """Python values of an Arrow array, which must have the form of section 3.1."""
        form, lists = array.type, self.kind in ("list", "set", "map")
        test = pa.types.is_map if self.kind == "map" else pa.types.is_list if lists else pa.types.is_struct
        require(form == self.arrow if self.arrow else test(form), self.rule, f"{where} is {form}, not {self.kind}")
        if self.kind == "decimal":
            split = [None if value is None else value.as_tuple() for value in array.to_pylist()]
            return [None if t is None else (-1 if t.sign else 1) * int("".join(map(str, t.digits))) for t in split]
        if self.sort.startswith("big"):
            make = int if self.kind == "big-integer" else decimal.Decimal
            values = [None if v is None else make(v) for v in array.to_pylist()]
            good = all(v is None or str(v) == text for v, text in zip(values, array.to_pylist()))
            require(good, self.rule, f"{where} holds another form of a number")
            return values
        if self.kind == "either":
            require([(f.name, f.nullable) for f in form] == [("side", False), ("left", True), ("right", True)], self.rule,
                    f"{where} is {form}")
            cells = zip(*[part.load(array.field(name), f"{where}.{name}") for _, name, part in self.parts])
            values = [side and (side == "right", pair) for side, pair in zip(array.field("side").to_pylist(), cells)]
            for v in values:
                good = not v or v[1][not v[0]] is None and (v[1][v[0]] is not None or self.parts[v[0]][2].nullable)
                require(good, self.rule, f"the sides of {where}")
            return [v and (v[0], v[1][v[0]]) if there else None for v, there in zip(values, array.is_valid().to_pylist())]
        if self.kind == "opaque":
            return [None if v is None else Opaque(self.symbols, v) for v in array.to_pylist()]
        if self.arrow:
            times = self.unit or self.kind == "date"
            return (array.view(pa.int32() if self.width == 4 else pa.int64()) if times else array).to_pylist()
        if self.kind == "map":
            below = {1: (form.key_field, array.keys), 2: (form.item_field, array.items)}
        elif lists:
            below = {1: (form.value_field, array.values)}
        else:
            fields = [(form.field(i), array.field(i)) for i in range(form.num_fields)]
            number = lambda field: int((field.metadata or {}).get(b"PARQUET:field_id", 0))
            window = {"start": 1, "end": 2} if self.kind == "time-window" else {}
            below = {window.get(field.name) or number(field): (field, child) for field, child in fields}
            require(sorted(below) == self.ids and len(fields) == len(below), "FILE-2", f"fields {[*below]} of {where}")
        for n, name, part in self.parts:
            require(part.nullable == below[n][0].nullable, self.rule, f"nullability of {where}.{name}")
        cells = zip(*[part.load(below[n][1], f"{where}.{name}") for n, name, part in self.parts])
        values = list(cells) if self.ids else [()] * len(array)
        if lists:
            ends = array.offsets.to_pylist()
            values = [values[a:b] for a, b in zip(ends, ends[1:])]
            for v in values if self.kind != "list" else ():
                members = {self.parts[0][2].canon(entry[0]) for entry in v}
                require(len(members) == len(v), self.rule, f"{where} has a member twice")
        else:
            values = [dict(zip(self.ids, v)) for v in values]
        return [v if there else None for v, there in zip(values, array.is_valid().to_pylist())]

    def bits(self, v):
        bits = pack(">d" if self.width == 8 else ">f", v)
        return int.from_bytes(bits, "big") if v == v else 0x7FF8 << 48 if self.width == 8 else 0x7FC0 << 16

    def canon(self, v, place=False):
        """Canonical bytes, in a nullable place after the marker of CANON-10."""
        if place and self.nullable:
            return b"\0" if v is None else b"\1" + self.canon(v)
        if isinstance(v, Opaque):
            return b"\xff" + sized(v.serializer.encode()) + escaped(v.data)
        if self.kind in ("string", "bytes"):
            return escaped(wtf8(v) if self.kind == "string" else v)
        require(self.kind != "enum" or v in self.symbols, "TYPE-21", f"no symbol {v!r}")
        if self.width:
            n = self.symbols.index(v) if self.kind == "enum" else self.bits(v) if self.sort == "float" else v + self.low
            if self.sort == "float":
                n ^= self.low if n < self.low else 2 * self.low - 1
            return n.to_bytes(self.width, "big")
        if self.kind == "big-integer":
            return bytes([v >= 0]) + inverted(sized(abs(v).to_bytes((v.bit_length() + 7) // 8, "big")), v < 0)
        if self.kind == "big-decimal":
            digits, scale = "".join(map(str, v.as_tuple().digits)), -v.as_tuple().exponent
            head = pack(">Q", len(digits) - scale + 2**63) + digits.rstrip("0").encode() + b"\0"
            return bytes([(v >= 0) + (v > 0)]) + inverted(head if v else b"", v < 0) + pack(">I", scale + 2**31)
        if self.kind == "either":
            return bytes([v[0]]) + self.parts[v[0]][2].canon(v[1], True)
        join = lambda cells: b"".join([part.canon(cell, True) for (_, _, part), cell in zip(self.parts, cells)])
        if self.kind not in ("list", "set", "map"):
            return b"\1" * (self.kind != "time-window") + join(v.get(n) for n in self.ids)
        entries = [b"\1" + join(entry) for entry in v]
        return b"".join(entries if self.kind == "list" else sorted(entries)) + b"\0"

    def uncanon(self, data, place=False):
        """Reads canonical bytes: the value, and the bytes behind it."""
        if place and self.nullable:
            return (None, data[1:]) if data[0] == 0 else self.uncanon(data[1:])
        if self.width:
            n, data = int.from_bytes(data[:self.width], "big"), data[self.width:]
            if self.sort == "float":
                n ^= self.low if n >= self.low else 2 * self.low - 1
                return unpack(">d" if self.width == 8 else ">f", n.to_bytes(self.width, "big"))[0], data
            return self.symbols[n] if self.kind == "enum" else n - self.low, data
        if self.kind == "big-integer":
            size = 5 + int.from_bytes(inverted(data[1:5], not data[0]), "big")
            return (2 * data[0] - 1) * int.from_bytes(inverted(data[5:size], not data[0]), "big"), data[size:]
        if self.kind == "big-decimal":
            end = data.index(255 * (not data[0]), 9) + 1 if data[0] != 1 else 1
            digits, scale = inverted(data[9:end - 1], not data[0]).decode(), unpack(">I", data[end:end + 4])[0] - 2**31
            point = int.from_bytes(inverted(data[1:9], not data[0]), "big") - 2**63 + scale
            digits = digits.ljust(point, "0") if data[0] != 1 else "0"
            return decimal.Decimal((not data[0], tuple(map(int, digits)), -scale)), data[end + 4:]
        if self.kind == "either":
            value, rest = self.parts[data[0]][2].uncanon(data[1:], True)
            return (data[0], value), rest
        if self.kind in ("string", "bytes", "opaque"):
            head = unpack(">I", data[1:5])[0] + 5 if self.kind == "opaque" else 0
            end = re.compile(rb"(?:[^\0]|\0\xff)*\0\0", re.S).match(data, head).end()
            v = data[head:end - 2].replace(b"\0\xff", b"\0")
            v = v.decode("utf-8", "surrogatepass") if self.kind == "string" else v
            return Opaque(data[5:head].decode(), v) if self.kind == "opaque" else v, data[end:]
        entries, lists = [], self.kind in ("list", "set", "map")
        data = data[1:] if self.kind in ("struct", "tuple") else data
        while not lists and not entries or lists and data[0]:
            data, entry = data[lists:], []
            for _, _, part in self.parts:
                value, data = part.uncanon(data, True)
                entry.append(value)
            entries.append(tuple(entry))
        return (entries, data[1:]) if lists else (dict(zip(self.ids, entries[0])), data)

    def digest(self, v):
        """Digest form (ROWHASH-5)."""
        if v is None:
            return b"\0"
        if isinstance(v, Opaque):
            return self.canon(v)
        if self.sort in ("int", "date", "time"):
            return self.code + pack(">q", v * NANOS[self.unit] if self.unit else v)
        if self.sort in ("string", "bytes", "enum"):
            return self.code + sized(v if self.sort == "bytes" else wtf8(v))
        if self.kind == "big-integer":
            return self.code + sized(str(v).encode())
        if self.kind == "big-decimal":
            return self.code + pack(">i", -v.as_tuple().exponent) + sized(str(unscaled(v)).encode())
        if self.kind == "either":
            return self.code + bytes([v[0]]) + self.parts[v[0]][2].digest(v[1])
        if self.sort in ("bool", "uint"):
            return self.code + pack(">B" if self.sort == "bool" else ">Q", v)
        if self.sort == "float":
            return self.code + (pack(">d", v) if v == v else pack(">Q", 0x7FF8 << 48))
        if self.unit:
            return self.code + pack(">B", self.kind == "timestamp") + (v * NANOS[self.unit]).to_bytes(16, "big", signed=True)
        if self.kind == "decimal":
            return self.code + pack(">i", self.scale) + v.to_bytes(16, "big", signed=True)
        if self.kind == "time-window":
            return self.code + pack(">qq", v[1], v[2])
        if self.kind in ("struct", "tuple"):
            some = [pack(">BI", 1, n) + part.digest(v[n]) for n, _, part in self.parts if v.get(n) is not None]
            return self.code + b"".join(some) + b"\0"
        v = v if self.kind == "list" else sorted(v, key=lambda entry: self.parts[0][2].canon(entry[0]))
        return self.code + pack(">Q", len(v)) + b"".join(
            part.digest(cell) for entry in v for (_, _, part), cell in zip(self.parts, entry))

    def json(self, v):
        """JSON form (section 3.3)."""
        if isinstance(v, Opaque):
            return {"$opaque": {"serializer": v.serializer, "bytes": base64.b64encode(v.data).decode()}}
        if v is None or self.sort in ("bool", "int", "uint", "enum"):
            return v
        if self.sort == "float":
            if v - v != 0:
                return "NaN" if v != v else "Infinity" if v > 0 else "-Infinity"
            short = (float(f"{v:.{digits}g}") for digits in range(1, 18))
            return v if self.width == 8 else next(x for x in short if abs(x) < 3.5e38 and self.bits(x) == self.bits(v))
        if self.sort.startswith("big"):
            return str(v)
        if self.kind == "either":
            return {self.parts[v[0]][1]: self.parts[v[0]][2].json(v[1])}
        if self.kind == "string":
            lone = any("\ud800" <= unit <= "\udfff" for unit in v)
            return {"$utf16": v.encode("utf-16-be", "surrogatepass").hex()} if lone else v
        if self.kind == "bytes":
            return base64.b64encode(v).decode()
        if self.kind == "time":
            return clock(v * NANOS[self.unit]) if 0 <= v * NANOS[self.unit] < DAY else v
        if self.kind == "date" or self.unit:
            days, nanos = (v, None) if self.kind == "date" else divmod(v * NANOS[self.unit], DAY)
            text = "%04d-%02d-%02d" % civil(days)
            text += "" if nanos is None else "T" + clock(nanos) + "Z" * (self.kind == "timestamp")
            return text if 0 <= civil(days)[0] <= 9999 else v
        if self.kind == "decimal":
            digits = (str(abs(v)) + "0" * (v and -self.scale)).rjust(self.scale + 1, "0")
            point = len(digits) - max(self.scale, 0)
            return "-" * (v < 0) + digits[:point] + "." * (self.scale > 0) + digits[point:]
        if self.kind in ("list", "set"):
            return [self.parts[0][2].json(member) for member, in v]
        if self.kind == "map":
            return [[part.json(cell) for (_, _, part), cell in zip(self.parts, entry)] for entry in v]
        shown = [p for p in self.parts if self.kind != "struct" or v.get(p[0]) is not None or not p[1].startswith("$")]
        return {name: part.json(v.get(n)) for n, name, part in shown}

    def java(self, v):
        """Hash of `java-hash/1` (KEYGROUP-5)."""
        if v is None or self.sort == "bool":
            return 0 if v is None else 1231 if v else 1237
        if self.sort in ("int", "float"):
            v = self.bits(v) if self.sort == "float" else v
            return fold(v) if self.width == 8 else wrap(v)
        if self.kind == "string":
            return fold31(0, (unit for unit, in iter_unpack(">H", v.encode("utf-16-be", "surrogatepass"))))
        if self.kind in ("decimal", "big-integer", "big-decimal"):
            scale = self.scale if self.kind == "decimal" else 0
            if self.kind == "big-decimal":
                v, scale = unscaled(v), -v.as_tuple().exponent
            words = abs(v).to_bytes((abs(v).bit_length() + 31) // 32 * 4, "big")
            h = fold31(0, (word for word, in iter_unpack(">I", words))) * (-1 if v < 0 else 1)
            return wrap(h if self.kind == "big-integer" else 31 * h + scale)
        if self.kind in ("time", "timestamp"):
            seconds, nanos = divmod(v * NANOS[self.unit], 10**9)
            return fold(v * NANOS[self.unit]) if self.kind == "time" else wrap(fold(seconds) + 51 * nanos)
        if self.kind in ("date", "local-timestamp"):
            days, nanos = (v, 0) if self.kind == "date" else divmod(v * NANOS[self.unit], DAY)
            year, month, day = civil(days)
            return wrap(year & 0xFFFFF800 ^ (year << 11) + (month << 6) + day) ^ fold(nanos)
        require(self.kind in ("list", "set", "map", "struct", "tuple"), "KEYGROUP-5", f"{self.kind} has no java-hash/1")
        if self.kind in ("struct", "tuple"):
            hashes = [part.java(v.get(n)) for n, _, part in self.parts] or [0]
            return fold31(hashes[0], hashes[1:])
        hashes = [[part.java(cell) for (_, _, part), cell in zip(self.parts, entry)] for entry in v]
        return fold31(1, (h for h, in hashes)) if self.kind == "list" else wrap(sum(h[0] ^ sum(h[1:]) for h in hashes))
