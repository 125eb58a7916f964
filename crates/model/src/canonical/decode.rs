use super::{ABSENT, NEGATIVE, NOT_NEGATIVE, OPAQUE, POSITIVE, PRESENT, ZERO, int_width};
use crate::{ElementType, Error, LogicalType, Result, Side, Value, big};

/// Reads a value from the front of canonical bytes; returns it and the number of bytes it took.
///
/// Members of sets and maps come back in canonical order.
///
/// # Errors
/// [`Error::Malformed`] with the offset, for bytes that no value of the type has.
///
/// Spec: CANON-1 to CANON-21.
pub fn decode(bytes: &[u8], ty: &LogicalType) -> Result<(Value, usize)> {
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.value(ty)?;
    Ok((value, reader.at))
}

/// Reads a value from a place that may be null.
///
/// # Errors
/// As for [`decode`].
pub fn decode_element(bytes: &[u8], ty: &ElementType) -> Result<(Value, usize)> {
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.element(ty)?;
    Ok((value, reader.at))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self, ty: &LogicalType) -> Result<Value> {
        use LogicalType as T;
        if ty.allows_opaque_rows() && self.bytes.get(self.at) == Some(&OPAQUE) {
            return self.opaque();
        }
        Ok(match ty {
            T::Bool => match self.array::<1>()? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                [other] => return Err(self.malformed("CANON-2", format!("bool byte {other}"))),
            },
            T::Int8 | T::Int16 | T::Int32 | T::Int64 | T::Date | T::Time(_) | T::Timestamp { .. } => {
                Value::Int(self.int(int_width(ty).unwrap_or(8))?)
            }
            T::UInt8 => Value::UInt(u64::from(u8::from_be_bytes(self.array()?))),
            T::UInt16 => Value::UInt(u64::from(u16::from_be_bytes(self.array()?))),
            T::UInt32 => Value::UInt(u64::from(u32::from_be_bytes(self.array()?))),
            T::UInt64 => Value::UInt(u64::from_be_bytes(self.array()?)),
            T::Float32 => self.float32()?,
            T::Float64 => self.float64()?,
            T::String => match String::from_utf8(self.escaped()?) {
                Ok(text) => Value::String(text),
                Err(odd) => Value::Wtf8(odd.into_bytes()),
            },
            T::Bytes => Value::Bytes(self.escaped()?),
            T::Decimal { .. } => Value::Decimal((u128::from_be_bytes(self.array()?) ^ (1 << 127)) as i128),
            T::List(element) => {
                let mut values = Vec::new();
                while self.more()? {
                    values.push(self.element(element)?);
                }
                Value::List(values)
            }
            T::Set(element) => Value::List(self.sorted(|reader| reader.value(element))?),
            T::Map(key, value) => {
                Value::Map(self.sorted(|reader| Ok((reader.value(key)?, reader.element(value)?)))?)
            }
            T::Struct(fields) => {
                self.start()?;
                Value::Struct(fields.fields.iter().map(|f| self.element(&f.ty)).collect::<Result<_>>()?)
            }
            T::Tuple(types) => {
                self.start()?;
                Value::Struct(types.iter().map(|t| self.element(t)).collect::<Result<_>>()?)
            }
            T::Enum(symbols) => {
                let ordinal = u32::from_be_bytes(self.array()?);
                if ordinal as usize >= symbols.symbols.len() {
                    return Err(self.malformed("CANON-15", format!("symbol {ordinal}")));
                }
                Value::Enum(ordinal)
            }
            T::TimeWindow => Value::Window { start: self.int(8)?, end: self.int(8)? },
            T::BigInteger => self.big_integer()?,
            T::BigDecimal => self.big_decimal()?,
            T::Either(left, right) => {
                let side = match self.array::<1>()? {
                    [ABSENT] => Side::Left,
                    [PRESENT] => Side::Right,
                    [other] => return Err(self.malformed("CANON-21", format!("side {other:#04x}"))),
                };
                Value::Either(side, Box::new(self.element(side.of(left, right))?))
            }
            T::Opaque { .. } => return Err(self.malformed("CANON-17", "no opaque value".into())),
        })
    }

    fn element(&mut self, ty: &ElementType) -> Result<Value> {
        if !ty.nullable {
            return self.value(&ty.ty);
        }
        if self.more()? { self.value(&ty.ty) } else { Ok(Value::Null) }
    }

    fn more(&mut self) -> Result<bool> {
        match self.array::<1>()? {
            [ABSENT] => Ok(false),
            [PRESENT] => Ok(true),
            [other] => Err(self.malformed("CANON-10", format!("marker {other:#04x}"))),
        }
    }

    fn start(&mut self) -> Result<()> {
        match self.array::<1>()? {
            [PRESENT] => Ok(()),
            [other] => Err(self.malformed("CANON-14", format!("marker {other:#04x}"))),
        }
    }

    fn sorted<T>(&mut self, mut member: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut members = Vec::new();
        let mut last: Option<(usize, usize)> = None;
        while self.more()? {
            let start = self.at;
            members.push(member(self)?);
            let bytes = |(from, to): (usize, usize)| self.bytes.get(from..to).unwrap_or_default();
            if last.is_some_and(|previous| bytes(previous) >= bytes((start, self.at))) {
                return Err(self.malformed("CANON-12", "members out of order".into()));
            }
            last = Some((start, self.at));
        }
        Ok(members)
    }

    fn int(&mut self, width: u32) -> Result<i64> {
        let bytes = self.take(width as usize)?;
        let raw = bytes.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
        let shift = 64 - 8 * width;
        Ok(((raw << shift) ^ (1 << 63)) as i64 >> shift)
    }

    /// Takes bytes, inverted if they are of a negative number.
    fn signed(&mut self, len: usize, negative: bool) -> Result<Vec<u8>> {
        let invert = if negative { 0xFF } else { 0x00 };
        Ok(self.take(len)?.iter().map(|byte| byte ^ invert).collect())
    }

    fn big_integer(&mut self) -> Result<Value> {
        let negative = match self.array::<1>()? {
            [NEGATIVE] => true,
            [NOT_NEGATIVE] => false,
            [other] => return Err(self.malformed("CANON-19", format!("sign {other:#04x}"))),
        };
        let len = self.signed(4, negative)?.iter().fold(0, |n, byte| n << 8 | usize::from(*byte));
        let magnitude = self.signed(len, negative)?;
        let odd = |reader: &Self| reader.malformed("CANON-19", format!("a magnitude of {len} bytes"));
        if magnitude.first() == Some(&0) {
            return Err(odd(self));
        }
        Ok(Value::BigInteger(big::integer_text(negative, &magnitude).ok_or_else(|| odd(self))?))
    }

    fn big_decimal(&mut self) -> Result<Value> {
        let negative = match self.array::<1>()? {
            [NEGATIVE] => true,
            [POSITIVE] => false,
            [ZERO] => {
                let scale = self.int(4)?;
                return Ok(Value::BigDecimal { unscaled: "0".into(), scale: scale as i32 });
            }
            [other] => return Err(self.malformed("CANON-20", format!("sign {other:#04x}"))),
        };
        let point = self.signed(8, negative)?.iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
        let point = (point ^ (1 << 63)) as i64;
        let end = if negative { 0xFF } else { 0x00 };
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let len = rest.iter().position(|byte| *byte == end).ok_or_else(|| self.cut())?;
        let digits = self.signed(len, negative)?;
        self.at += 1;
        let scale = self.int(4)?;
        let odd = |reader: &Self| reader.malformed("CANON-20", format!("{len} digits, point at {point}"));
        let precision = point.checked_add(scale).and_then(|p| usize::try_from(p).ok());
        let precision = precision.filter(|p| *p >= len && *p < 2 * big::MAGNITUDE_BYTES_MAX * 10);
        let zeros = precision.ok_or_else(|| odd(self))? - len;
        let leading =
            String::from_utf8(digits).ok().filter(|d| !d.ends_with('0')).ok_or_else(|| odd(self))?;
        let sign = if negative { "-" } else { "" };
        let unscaled = format!("{sign}{leading}{}", "0".repeat(zeros));
        if leading.is_empty() || !big::is_integer(&unscaled) {
            return Err(odd(self));
        }
        Ok(Value::BigDecimal { unscaled, scale: scale as i32 })
    }

    fn float64(&mut self) -> Result<Value> {
        let ordered = u64::from_be_bytes(self.array()?);
        let value = f64::from_bits(if ordered >> 63 == 1 { ordered ^ (1 << 63) } else { !ordered });
        if value.is_nan() && value.to_bits() != 0x7FF8_0000_0000_0000 {
            return Err(self.malformed("CANON-5", "a NaN that is not the canonical one".into()));
        }
        Ok(Value::Float64(value))
    }

    fn float32(&mut self) -> Result<Value> {
        let ordered = u32::from_be_bytes(self.array()?);
        let value = f32::from_bits(if ordered >> 31 == 1 { ordered ^ (1 << 31) } else { !ordered });
        if value.is_nan() && value.to_bits() != 0x7FC0_0000 {
            return Err(self.malformed("CANON-5", "a NaN that is not the canonical one".into()));
        }
        Ok(Value::Float32(value))
    }

    fn opaque(&mut self) -> Result<Value> {
        self.at += 1;
        let len = u32::from_be_bytes(self.array()?) as usize;
        let name = self.take(len)?.to_vec();
        let serializer = String::from_utf8(name)
            .map_err(|_| self.malformed("CANON-17", "a serializer name that is no text".into()))?;
        Ok(Value::Opaque { serializer, bytes: self.escaped()? })
    }

    fn escaped(&mut self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let zero = rest.iter().position(|b| *b == 0).ok_or_else(|| self.cut())?;
            out.extend_from_slice(rest.get(..zero).unwrap_or_default());
            match rest.get(zero + 1) {
                Some(0x00) => {
                    self.at += zero + 2;
                    return Ok(out);
                }
                Some(0xFF) => {
                    out.push(0);
                    self.at += zero + 2;
                }
                Some(other) => return Err(self.malformed("CANON-6", format!("0x00 before {other:#04x}"))),
                None => return Err(self.cut()),
            }
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.take(N)?;
        <[u8; N]>::try_from(bytes).map_err(|_| self.cut())
    }

    fn take(&mut self, len: usize) -> Result<&[u8]> {
        let end =
            self.at.checked_add(len).filter(|end| *end <= self.bytes.len()).ok_or_else(|| self.cut())?;
        let bytes = self.bytes.get(self.at..end).unwrap_or_default();
        self.at = end;
        Ok(bytes)
    }

    fn cut(&self) -> Error {
        self.malformed("CANON-1", "the end of the bytes".into())
    }

    fn malformed(&self, rule: &'static str, found: String) -> Error {
        Error::Malformed { what: "canonical bytes", offset: self.at, found, rule }
    }
}
