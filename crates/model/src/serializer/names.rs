//! Short names of the serializers that most states have.

/// Returns the short name of a class, or the class.
pub(super) fn short(class: &str) -> &str {
    NAMES.iter().find(|(_, full)| *full == class).map_or(class, |(short, _)| short)
}

/// Returns the class of a short name, or the name.
pub(super) fn full(name: &str) -> &str {
    NAMES.iter().find(|(short, _)| *short == name).map_or(name, |(_, full)| full)
}

macro_rules! base {
    ($name:literal) => {
        concat!("org.apache.flink.api.common.typeutils.base.", $name)
    };
}
macro_rules! runtime {
    ($name:literal) => {
        concat!("org.apache.flink.api.java.typeutils.runtime.", $name)
    };
}
macro_rules! table {
    ($name:literal) => {
        concat!("org.apache.flink.table.runtime.typeutils.", $name)
    };
}

const NAMES: &[(&str, &str)] = &[
    ("boolean", base!("BooleanSerializer")),
    ("byte", base!("ByteSerializer")),
    ("short", base!("ShortSerializer")),
    ("int", base!("IntSerializer")),
    ("long", base!("LongSerializer")),
    ("float", base!("FloatSerializer")),
    ("double", base!("DoubleSerializer")),
    ("char", base!("CharSerializer")),
    ("string", base!("StringSerializer")),
    ("big-integer", base!("BigIntSerializer")),
    ("big-decimal", base!("BigDecSerializer")),
    ("date", base!("DateSerializer")),
    ("sql-date", base!("SqlDateSerializer")),
    ("sql-time", base!("SqlTimeSerializer")),
    ("sql-timestamp", base!("SqlTimestampSerializer")),
    ("instant", base!("InstantSerializer")),
    ("local-date", base!("LocalDateSerializer")),
    ("local-time", base!("LocalTimeSerializer")),
    ("local-date-time", base!("LocalDateTimeSerializer")),
    ("void", base!("VoidSerializer")),
    ("boolean[]", base!("array.BooleanPrimitiveArraySerializer")),
    ("byte[]", base!("array.BytePrimitiveArraySerializer")),
    ("short[]", base!("array.ShortPrimitiveArraySerializer")),
    ("int[]", base!("array.IntPrimitiveArraySerializer")),
    ("long[]", base!("array.LongPrimitiveArraySerializer")),
    ("float[]", base!("array.FloatPrimitiveArraySerializer")),
    ("double[]", base!("array.DoublePrimitiveArraySerializer")),
    ("char[]", base!("array.CharPrimitiveArraySerializer")),
    ("string[]", base!("array.StringArraySerializer")),
    ("list", base!("ListSerializer")),
    ("set", base!("SetSerializer")),
    ("map", base!("MapSerializer")),
    ("array", base!("GenericArraySerializer")),
    ("enum", base!("EnumSerializer")),
    ("tuple", runtime!("TupleSerializer")),
    ("pojo", runtime!("PojoSerializer")),
    ("row", runtime!("RowSerializer")),
    ("either", runtime!("EitherSerializer")),
    ("nullable", runtime!("NullableSerializer")),
    ("kryo", runtime!("kryo.KryoSerializer")),
    ("avro", "org.apache.flink.formats.avro.typeutils.AvroSerializer"),
    ("ttl", "org.apache.flink.runtime.state.ttl.TtlStateFactory$TtlSerializer"),
    ("timer", "org.apache.flink.streaming.api.operators.TimerSerializer"),
    ("void-namespace", "org.apache.flink.runtime.state.VoidNamespaceSerializer"),
    ("time-window", "org.apache.flink.streaming.api.windowing.windows.TimeWindow$Serializer"),
    ("global-window", "org.apache.flink.streaming.api.windowing.windows.GlobalWindow$Serializer"),
    ("row-data", table!("RowDataSerializer")),
    ("binary-row-data", table!("BinaryRowDataSerializer")),
    ("string-data", table!("StringDataSerializer")),
    ("decimal-data", table!("DecimalDataSerializer")),
    ("timestamp-data", table!("TimestampDataSerializer")),
    ("array-data", table!("ArrayDataSerializer")),
    ("map-data", table!("MapDataSerializer")),
];
