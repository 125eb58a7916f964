"""Prints what reader.py reads, and checks what it need not know to read: checks.py verify|states|cat SNAP [OP/STATE]

`verify` checks all that a Reader can see, `states` prints the names of the states, `cat` the live rows of one as
JSON lines, as `alluvium cat` does. A broken rule ends it with its id and code 3 (4 for a version, feature or type
that is not supported), wrong usage with 2."""
import base64, datetime, functools, json, re, sys
from decimal import Decimal
from struct import iter_unpack, pack

import pyarrow as pa

from reader import CANON, DAY, Broken, Opaque, Snapshot, bits, require, scaled

MASK = 2**32 - 1


def civil(days):
    """Year, month and day of a day since 1970-01-01, in any year."""
    era, of_era = divmod(days + 719162, 146097)
    day = datetime.date.fromordinal(of_era + 1)
    return day.year + 400 * era, day.month, day.day


def utf16(text):
    return text.encode("utf-16-be", "surrogatepass")


# JSON forms (chapter 3), of a value `v` of type `t`; of a nested one by the forms of its cells.
def same(t, v):
    return v


def text(t, v):
    return {"$utf16": utf16(v).hex()} if re.search("[\ud800-\udfff]", v) else v


def base(t, v):
    return base64.b64encode(v).decode()


def first(t, rows):
    return [row[0] for row in rows]


def named(t, row):
    return {n: v for n, v in zip(t.names, row) if v is not None or t.kind == "tuple" or n[0] != "$"}


def clock(nanos):
    seconds = nanos // 10**9
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{nanos % 10**9:09}"
    return re.sub(r"\.?(000)+$", "", text)


def time(t, v):
    return clock(v * t.nanos) if 0 <= v * t.nanos < DAY else v


def real(t, v):
    odd = "NaN" if v != v else "Infinity" if v > 0 else "-Infinity"
    return odd if v - v else v if t.width == 8 else float(pa.scalar(v, pa.float32()).cast(pa.utf8()).as_py())


def iso(t, v):
    """A date or instant as ISO 8601 writes it, its number where that cannot."""
    (year, month, day), rest = civil(v * t.nanos // DAY), v * t.nanos % DAY
    time = "" if t.kind == "date" else "T" + clock(rest) + "Z" * (t.kind == "timestamp")
    text = f"{year:04}" if 0 <= year <= 9999 else f"{year:+05}"
    return f"{text}-{month:02}-{day:02}{time}" if -262143 <= year <= 262142 else v


def plain(t, v):
    return format(Decimal(f"{scaled(t, v)[0]}E{-t.unit}"), "f")


def opaque(t, v):
    return {"$opaque": {"serializer": t.inner, "bytes": base(t, v)}}


JSON = {
    None: None, **dict.fromkeys(("bool", "int", "uint", "map", "enum", "big-integer", "big-decimal"), same),
    "float": real, "string": text, "bytes": base, "time": time, "decimal": plain, "opaque": opaque,
    **dict.fromkeys(("date", "timestamp", "local-timestamp"), iso), **dict.fromkeys(("list", "set"), first),
    **dict.fromkeys(("struct", "tuple", "time-window"), named), "either": lambda t, v: dict([v])}


def cat(snapshot, name):
    """Rows as `alluvium cat` prints them: a list is one line."""
    state, lines = snapshot.tables[name].state, {}
    shown = [(c, form) for c, form, _ in state.columns(True) if c != "list_pos" and c not in state.raw]
    lists = [c for c, _ in shown if c in ("value", "last_access") and state.kind == "list"]
    for number, (rows, i) in enumerate(snapshot.rows(name)):
        cells = {c: form.to(JSON, rows[c][i]) for c, form in shown}
        line = lines.setdefault(rows["scope"][i] if lists else number, cells | {c: [] for c in lists})
        for c in lists:
            line[c].append(cells[c])
    return [*lines.values()]


# Chapter 4: the key group of a key.
def rotl(n, by):
    return (n << by | n >> 32 - by) & MASK


def scramble(k):
    return rotl(k * 0xCC9E2D51 & MASK, 15) * 0x1B873593 & MASK


def murmur3(data):
    """murmur3-x86-32 with seed 0 (KEYGROUP-6); over the four bytes of a hash it begins KEYGROUP-3."""
    h, whole = 0, len(data) // 4 * 4
    for word, in iter_unpack("<I", data[:whole]):
        h = rotl(h ^ scramble(word), 13) * 5 + 0xE6546B64 & MASK
    h ^= scramble(int.from_bytes(data[whole:], "little")) ^ len(data)
    for by, times in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        h = (h ^ h >> by) * times & MASK
    return h


def mix(code):
    return min(c := murmur3(pack("<I", code & MASK)), 2**32 - c) % 2**31


def fold(n):
    return (n ^ n >> 32) & MASK


def fold31(h, units):
    return functools.reduce(lambda h, unit: 31 * h + unit & MASK, units, h)


def java_text(t, v):
    return fold31(0, [unit for unit, in iter_unpack(">H", utf16(v))])


def java_number(t, v):
    n, scale = scaled(t, v)
    words = abs(n).to_bytes((n.bit_length() + 31) // 32 * 4, "big")
    h = fold31(0, [word for word, in iter_unpack(">I", words)]) * (-1 if n < 0 else 1)
    return h if t.kind == "big-integer" else 31 * h + scale


def java_day(t, v):
    (year, month, day), rest = civil(v * t.nanos // DAY), v * t.nanos % DAY
    return (year & 0xFFFFF800 ^ (year << 11) + (month << 6) + day ^ fold(rest)) & MASK


JAVA = {  # java-hash/1 (KEYGROUP-5)
    None: 0, "bool": lambda t, v: 1231 if v else 1237, "int": lambda t, v: fold(v) if t.width == 8 else v,
    "float": lambda t, v: fold(bits(t, v)), "string": java_text, "date": java_day,
    "time": lambda t, v: fold(v * t.nanos),
    "timestamp": lambda t, v: fold(v * t.nanos // 10**9) + 51 * (v * t.nanos % 10**9), "local-timestamp": java_day,
    **dict.fromkeys(("decimal", "big-integer", "big-decimal"), java_number),
    "list": lambda t, rows: fold31(1, first(t, rows)), "set": lambda t, rows: sum(first(t, rows)),
    "map": lambda t, rows: sum([key ^ value for key, value in rows]),
    **dict.fromkeys(("struct", "tuple"), lambda t, row: fold31(0, row))}


class Checked(Snapshot):
    """A snapshot whose keys must lie in the key groups that their operator's function gives, where it is known."""
    def place(self, operator, state, rows):
        super().place(operator, state, rows)
        java, form = operator.key_group_function == "java-hash/1", state.types.get("key")
        if form is None or not java and operator.key_group_function != "canonical-bytes/1":  # KEYGROUP-7
            return
        known = {}
        for scope, key, group in zip(rows["scope"], rows["key"], rows["key_group"]):
            if scope in known or java and type(key) is Opaque:
                continue
            known[scope] = mix(form.to(JAVA, key) if java else murmur3(form.to(CANON, key))) % operator.max_parallelism
            require(f"a key of {state.name}", TABLE_5=known[scope] == group)


def verify(snapshot):
    """Reads and checks everything; says what there is."""
    objects = snapshot.body.objects
    for index in range(len(objects)):
        snapshot.read(index)
    count, borrowed = sum(len(snapshot.rows(name)) for name in snapshot.tables), sum(o.root > 0 for o in objects)
    borrows = f"; borrows {borrowed} objects: not relocatable (ROOT-3)" * (borrowed > 0)
    return f"{len(snapshot.tables)} tables, {count} rows{borrows}"


def main(verb="", place="", *names):
    try:
        snapshot = Checked(place) if verb in ("verify", "states", "cat") and len(names) == (verb == "cat") else None
        if snapshot is None or not {*names} <= {*snapshot.tables}:
            print(f"no state {names[0]} among {', '.join(snapshot.tables)}" if snapshot else __doc__, file=sys.stderr)
            return 2
        for line in cat(snapshot, *names) if names else snapshot.tables if verb == "states" else [verify(snapshot)]:
            print(line if type(line) is str else json.dumps(line, ensure_ascii=False, separators=(",", ":")))
    except Broken as e:
        print(e, file=sys.stderr)
        return 4 if e.rule in ("PRE-4", "FEAT-1", "TYPE-23") else 3
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
