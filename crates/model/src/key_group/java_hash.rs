use crate::{LogicalType, TimeUnit, Value, big};

const NANOS_PER_SECOND: i128 = 1_000_000_000;
const NANOS_PER_DAY: i128 = 86_400 * NANOS_PER_SECOND;

/// Returns whether keys of this type have a Java hash code that depends on the value alone.
pub(super) fn supports(ty: &LogicalType) -> bool {
    use LogicalType::*;
    match ty {
        Bool
        | Int8
        | Int16
        | Int32
        | Int64
        | Float32
        | Float64
        | String
        | Date
        | Time(_)
        | Timestamp { .. }
        | Decimal { .. }
        | BigInteger
        | BigDecimal => true,
        List(element) => supports(&element.ty),
        Set(element) => supports(element),
        Map(key, value) => supports(key) && supports(&value.ty),
        Tuple(fields) => fields.iter().all(|f| supports(&f.ty)),
        Struct(fields) => fields.fields.iter().all(|f| supports(&f.ty.ty)),
        UInt8 | UInt16 | UInt32 | UInt64 | Bytes | Enum(_) | Either(..) | TimeWindow | Opaque { .. } => false,
    }
}

/// Returns the Java hash code of a value, as the class to which Flink maps its type computes it.
///
/// A struct hashes as a Flink `Tuple` of its fields in id order. `None` for types that have no
/// stable one (unsigned integers, byte arrays, enums, windows, opaque).
///
/// Spec: KEYGROUP-5.
pub fn java_hash(value: &Value, ty: &LogicalType) -> Option<i32> {
    use LogicalType as T;
    Some(match (ty, value) {
        (_, Value::Null) => 0,
        (T::Bool, Value::Bool(v)) => {
            if *v {
                1231
            } else {
                1237
            }
        }
        (T::Int8 | T::Int16 | T::Int32, Value::Int(v)) => *v as i32,
        (T::Int64, Value::Int(v)) => fold(*v),
        (T::Float32, Value::Float32(v)) => {
            if v.is_nan() {
                0x7FC0_0000
            } else {
                v.to_bits() as i32
            }
        }
        (T::Float64, Value::Float64(v)) => {
            fold(if v.is_nan() { 0x7FF8_0000_0000_0000 } else { v.to_bits() as i64 })
        }
        (T::String, Value::String(v)) => {
            v.encode_utf16().fold(0i32, |h, unit| h.wrapping_mul(31).wrapping_add(i32::from(unit)))
        }
        (T::String, Value::Wtf8(v)) => {
            crate::json::utf16_units(v).fold(0i32, |h, unit| h.wrapping_mul(31).wrapping_add(i32::from(unit)))
        }
        (T::Date, Value::Int(days)) => local_date(*days),
        (T::Time(unit), Value::Int(v)) => fold((i128::from(*v) * nanos(*unit)) as i64),
        (T::Timestamp { unit, utc }, Value::Int(v)) => {
            let total = i128::from(*v) * nanos(*unit);
            if *utc {
                let seconds = total.div_euclid(NANOS_PER_SECOND) as i64;
                let rest = total.rem_euclid(NANOS_PER_SECOND) as i32;
                fold(seconds).wrapping_add(rest.wrapping_mul(51))
            } else {
                local_date(total.div_euclid(NANOS_PER_DAY) as i64)
                    ^ fold(total.rem_euclid(NANOS_PER_DAY) as i64)
            }
        }
        (T::Decimal { scale, .. }, Value::Decimal(v)) => {
            words(*v < 0, &v.unsigned_abs().to_be_bytes()).wrapping_mul(31).wrapping_add(i32::from(*scale))
        }
        (T::BigInteger, Value::BigInteger(v)) => big_integer(v)?,
        (T::BigDecimal, Value::BigDecimal { unscaled, scale }) => {
            big_integer(unscaled)?.wrapping_mul(31).wrapping_add(*scale)
        }
        (T::List(element), Value::List(values)) => {
            chain(1, values.iter().map(|v| java_hash(v, &element.ty)))?
        }
        (T::Set(element), Value::List(values)) => {
            values.iter().try_fold(0i32, |sum, v| Some(sum.wrapping_add(java_hash(v, element)?)))?
        }
        (T::Map(key_type, value_type), Value::Map(entries)) => {
            entries.iter().try_fold(0i32, |sum, (k, v)| {
                Some(sum.wrapping_add(java_hash(k, key_type)? ^ java_hash(v, &value_type.ty)?))
            })?
        }
        (T::Tuple(types), Value::Struct(values)) => {
            tuple(types.iter().zip(values).map(|(t, v)| java_hash(v, &t.ty)))?
        }
        (T::Struct(fields), Value::Struct(values)) => {
            tuple(fields.fields.iter().zip(values).map(|(f, v)| java_hash(v, &f.ty.ty)))?
        }
        _ => return None,
    })
}

/// `31 * r + h` over the fields, beginning with the first one's own hash.
fn tuple(mut fields: impl Iterator<Item = Option<i32>>) -> Option<i32> {
    match fields.next() {
        None => Some(0),
        Some(first) => chain(first?, fields),
    }
}

fn chain(start: i32, mut hashes: impl Iterator<Item = Option<i32>>) -> Option<i32> {
    hashes.try_fold(start, |r, h| Some(r.wrapping_mul(31).wrapping_add(h?)))
}

fn fold(v: i64) -> i32 {
    (v ^ ((v as u64) >> 32) as i64) as i32
}

fn nanos(unit: TimeUnit) -> i128 {
    match unit {
        TimeUnit::Milli => 1_000_000,
        TimeUnit::Micro => 1_000,
        TimeUnit::Nano => 1,
    }
}

/// `java.time.LocalDate.hashCode` of a day since 1970-01-01.
fn local_date(days: i64) -> i32 {
    // Civil date from days, after Howard Hinnant's published algorithm, in 64 bits.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let mp = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * mp + 2) / 5 + 1) as i32;
    let month = (if mp < 10 { mp + 3 } else { mp - 9 }) as i32;
    let year = (year_of_era + era * 400 + i64::from(month <= 2)) as i32;
    (year & !0x7FF) ^ year.wrapping_shl(11).wrapping_add(month << 6).wrapping_add(day)
}

fn big_integer(text: &str) -> Option<i32> {
    let (negative, magnitude) = big::integer_parts(text)?;
    Some(words(negative, &magnitude))
}

/// `java.math.BigInteger.hashCode`: 31 * h + word over the magnitude, times the sign.
fn words(negative: bool, magnitude: &[u8]) -> i32 {
    let words = magnitude.rchunks(4).rev().map(|w| w.iter().fold(0u32, |n, byte| n << 8 | u32::from(*byte)));
    let hash = words.skip_while(|word| *word == 0).fold(0u32, |h, word| h.wrapping_mul(31).wrapping_add(word))
        as i32;
    if negative { hash.wrapping_neg() } else { hash }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ElementType, MaxParallelism};

    fn check(ty: LogicalType, value: Value, hash: i32, of_128: u16) {
        assert!(supports(&ty));
        assert_eq!(java_hash(&value, &ty), Some(hash), "{ty}");
        let group = MaxParallelism::new(128).unwrap().key_group_of_hash(hash as u32);
        assert_eq!(group.0, of_128);
    }

    #[test]
    fn hash_codes_are_those_of_java() {
        check(LogicalType::Bool, Value::Bool(true), 1231, 77);
        check(LogicalType::Int16, Value::Int(-300), -300, 93);
        check(LogicalType::Int64, Value::Int(-1), 0, 94);
        check(LogicalType::Int64, Value::Int(1 << 40), 256, 54);
        check(LogicalType::Float32, Value::Float32(-0.0), i32::MIN, 108);
        check(LogicalType::Float64, Value::Float64(f64::NAN), 2_146_959_360, 41);
        check(LogicalType::String, Value::String("k1".into()), 3366, 19);
        check(LogicalType::String, Value::String("é中\u{1F600}".into()), 27_946_695, 88);
        check(LogicalType::Decimal { precision: 4, scale: 2 }, Value::Decimal(1250), 38752, 105);
        let wide = LogicalType::Decimal { precision: 30, scale: 1 };
        check(wide, Value::Decimal(-1_234_567_890_123_456_789_015), -494_185_873, 99);
        check(LogicalType::Date, Value::Int(19_782), 4_145_309, 30);
        check(LogicalType::Time(TimeUnit::Nano), Value::Int(3_723_000_000_004), -736_645_786, 55);
        let instant = LogicalType::Timestamp { unit: TimeUnit::Nano, utc: true };
        check(instant, Value::Int(1_700_000_000_000_000_123), 1_700_006_273, 42);
    }

    #[test]
    fn local_date_time_hashes_both_parts() {
        let ty = LogicalType::Timestamp { unit: TimeUnit::Nano, utc: false };
        let nanos = 19_782 * 86_400_000_000_000 + 3_723_000_000_004;
        check(ty, Value::Int(nanos), -735_515_141, 70);
    }

    #[test]
    fn composites_hash_as_in_java() {
        let required = ElementType::required;
        let pair = LogicalType::Tuple(vec![required(LogicalType::Int32), required(LogicalType::String)]);
        check(pair, Value::Struct(vec![Value::Int(1), Value::String("a".into())]), 128, 41);
        let triple = LogicalType::Tuple(vec![
            required(LogicalType::Int64),
            ElementType::nullable(LogicalType::String),
            required(LogicalType::Bool),
        ]);
        check(triple, Value::Struct(vec![Value::Int(1), Value::Null, Value::Bool(true)]), 2192, 6);
        let list = LogicalType::List(Box::new(required(LogicalType::Int32)));
        check(list, Value::List(vec![Value::Int(1), Value::Int(2)]), 994, 47);
    }
}
