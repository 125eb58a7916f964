//! Values straight from their bytes into columns, without a value in between.
//!
//! A [`Plan`] is a serializer compiled for this: it appends a value to a [`Buffer`] if its stored form is
//! exactly the one that encoding the value gives, and the column can hold it. Everything else it leaves to
//! the slow path, which tells odd values from broken ones: a plan only has to be sure.

use alluvium_model::Value;

use super::basic::{Basic, float32_bits, float64_bits};
use super::collections::mask_bit;
use super::pojo::EXACTLY;
use super::{Codec, Decoder, Serializer};
use crate::bytes::Input;
use crate::columns::{Buffer, Data, Strings};

/// Longer values are left to the slow path, which accounts for their memory as a whole.
const BYTES_MAX: usize = 1 << 20;
/// Memory of a part that is decoded as a value.
const PART_BYTES_MAX: usize = 1 << 20;
/// Most parts of a value, and most of them that are decoded as values.
const NODES_MAX: usize = 4096;
const VALUES_MAX: usize = 32;

/// How to append values of a serializer to a column.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    step: Step<'a>,
}

#[derive(Debug)]
enum Step<'a> {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64 { flip: i64 },
    Float32,
    Float64,
    Char,
    Text { nullable: bool },
    Utf8,
    Bytes,
    Window,
    Fields(Vec<Step<'a>>),
    Pojo(Pojo<'a>),
    Row { mask: usize, kinds: usize, shows_kind: bool, fields: Vec<Step<'a>> },
    Value(&'a Serializer),
}

/// A POJO: fields of its own, and those that only subclasses have.
#[derive(Debug)]
struct Pojo<'a> {
    /// Fields in front, for the class of a subclass.
    before: usize,
    fields: Vec<Step<'a>>,
}

impl Serializer {
    /// Compiles the serializer.
    pub(crate) fn plan(&self) -> Plan<'_> {
        let mut size = (0, 0);
        let step = compile(self, &mut size);
        let (nodes, values) = size;
        let step = if nodes > NODES_MAX || values > VALUES_MAX { Step::Value(self) } else { step };
        Plan { step }
    }
}

fn compile<'a>(serializer: &'a Serializer, size: &mut (usize, usize)) -> Step<'a> {
    size.0 += 1;
    let mut all = |parts: &'a [Serializer]| parts.iter().map(|part| compile(part, size)).collect();
    match serializer.codec() {
        Codec::Basic(basic) => {
            if let Some(step) = basic_step(*basic) {
                return step;
            }
        }
        Codec::Same(inner) => return compile(inner, size),
        Codec::Fields(fields) => return Step::Fields(all(&fields.parts)),
        Codec::Row(row) => {
            let kinds = if row.kinds { 2 } else { 0 };
            let fields = all(&row.fields);
            return Step::Row { mask: row.least(), kinds, shows_kind: row.shows_kind, fields };
        }
        Codec::Pojo(pojo) => {
            let fields = pojo.own_fields().map(|field| compile(field, size)).collect();
            size.0 += pojo.width();
            return Step::Pojo(Pojo { before: pojo.class_fields(), fields });
        }
        _ => {}
    }
    size.1 += 1;
    Step::Value(serializer)
}

fn basic_step<'a>(basic: Basic) -> Option<Step<'a>> {
    Some(match basic {
        Basic::Bool => Step::Bool,
        Basic::Int8 => Step::Int8,
        Basic::Int16 => Step::Int16,
        Basic::Int32 => Step::Int32,
        Basic::Int64 => Step::Int64 { flip: 0 },
        Basic::SortedInt64 => Step::Int64 { flip: i64::MIN },
        Basic::Float32 => Step::Float32,
        Basic::Float64 => Step::Float64,
        Basic::Char => Step::Char,
        Basic::String => Step::Text { nullable: true },
        Basic::PlainString => Step::Text { nullable: false },
        Basic::Utf8 => Step::Utf8,
        Basic::Bytes => Step::Bytes,
        Basic::TimeWindow => Step::Window,
        _ => return None,
    })
}

impl Plan<'_> {
    /// Appends the value that bytes are as a whole; none if it takes the slow path, in which case a
    /// part of it may have been appended.
    #[inline]
    pub(crate) fn append(&self, bytes: &[u8], nullable: bool, buffer: &mut Buffer) -> Option<()> {
        if bytes.len() > BYTES_MAX {
            return None;
        }
        let mut rest = bytes;
        self.step.append(&mut rest, true, buffer)?;
        (rest.is_empty() && (nullable || !buffer.last_is_null())).then_some(())
    }
}

impl Step<'_> {
    fn append(&self, rest: &mut &[u8], last: bool, buffer: &mut Buffer) -> Option<()> {
        match (self, &mut buffer.data) {
            (Step::Int64 { flip }, Data::Int64(values)) => {
                values.push(i64::from_be_bytes(*take(rest)?) ^ flip);
            }
            (Step::Int32, Data::Int32(values)) => values.push(i32::from_be_bytes(*take(rest)?)),
            (Step::Int16, Data::Int16(values)) => values.push(i16::from_be_bytes(*take(rest)?)),
            (Step::Int8, Data::Int8(values)) => values.push(i8::from_be_bytes(*take(rest)?)),
            (Step::Bool, Data::Bool(values)) => values.push(flag(rest)?),
            (Step::Float32, Data::Float32(values)) => {
                let bits = u32::from_be_bytes(*take(rest)?);
                values.push(f32::from_bits(bits));
                if float32_bits(f32::from_bits(bits)) != bits {
                    return None;
                }
            }
            (Step::Float64, Data::Float64(values)) => {
                let bits = u64::from_be_bytes(*take(rest)?);
                values.push(f64::from_bits(bits));
                if float64_bits(f64::from_bits(bits)) != bits {
                    return None;
                }
            }
            (Step::Char, Data::Text(values)) => {
                let unit = u16::from_be_bytes(*take(rest)?);
                push_char(char::from_u32(unit.into())?, values);
                values.end()?;
            }
            (Step::Text { nullable }, Data::Text(values)) => match (varint(rest)?, nullable) {
                (0, true) => {
                    buffer.push_null();
                    return Some(());
                }
                (length, nullable) => text(rest, length - u32::from(*nullable), values)?,
            },
            (Step::Utf8, Data::Text(values)) => {
                values.bytes.extend_from_slice(std::str::from_utf8(sized(rest)?).ok()?.as_bytes());
                values.end()?;
            }
            (Step::Bytes, Data::Binary(values)) => {
                values.bytes.extend_from_slice(sized(rest)?);
                values.end()?;
            }
            (Step::Window, Data::Window(starts, ends)) => {
                starts.push(i64::from_be_bytes(*take(rest)?));
                ends.push(i64::from_be_bytes(*take(rest)?));
            }
            (Step::Fields(steps), Data::Struct(slots)) if steps.len() == slots.len() => {
                let end = steps.len();
                for ((step, slot), place) in steps.iter().zip(slots).zip(1..) {
                    step.append(rest, last && place == end, &mut slot.buffer)?;
                }
            }
            (Step::Pojo(pojo), Data::Struct(_)) => return pojo.append(rest, last, buffer),
            (Step::Row { .. }, Data::Struct(_)) => self.append_row(rest, last, buffer)?,
            (Step::Value(serializer), _) => return value(serializer, rest, last, buffer),
            _ => return None,
        }
        buffer.valid();
        Some(())
    }

    fn append_row(&self, rest: &mut &[u8], last: bool, buffer: &mut Buffer) -> Option<()> {
        let Step::Row { mask, kinds, shows_kind, fields } = self else { return None };
        let (mask, behind) = rest.split_at_checked(*mask)?;
        *rest = behind;
        let bits = kinds + fields.len();
        let mut others = (0..*kinds).chain(bits..8 * mask.len());
        // Rows of another kind than insert are rare.
        if others.any(|bit| mask_bit(mask, bit)) {
            return None;
        }
        let Data::Struct(slots) = &mut buffer.data else { return None };
        let (kind, slots) = slots.split_at_mut_checked(usize::from(*shows_kind))?;
        kind.iter_mut().for_each(|slot| slot.buffer.push_null());
        if slots.len() != fields.len() {
            return None;
        }
        for ((field, slot), place) in fields.iter().zip(slots).zip(0..) {
            match mask_bit(mask, kinds + place) {
                true => slot.buffer.push_null(),
                false => field.append_present(rest, last && place + 1 == fields.len(), &mut slot.buffer)?,
            }
        }
        Some(())
    }

    /// Appends a value behind a marker that says that it is there.
    #[inline]
    fn append_present(&self, rest: &mut &[u8], last: bool, buffer: &mut Buffer) -> Option<()> {
        self.append(rest, last, buffer)?;
        (!buffer.last_is_null()).then_some(())
    }
}

impl Pojo<'_> {
    fn append(&self, rest: &mut &[u8], last: bool, buffer: &mut Buffer) -> Option<()> {
        let [kind] = *take(rest)?;
        if kind == super::pojo::NULL {
            buffer.push_null();
            return Some(());
        }
        let Data::Struct(slots) = &mut buffer.data else { return None };
        let (before, slots) = slots.split_at_mut_checked(self.before)?;
        let (slots, behind) = slots.split_at_mut_checked(self.fields.len())?;
        if kind != EXACTLY {
            return None;
        }
        before.iter_mut().chain(behind).for_each(|slot| slot.buffer.push_null());
        for ((field, slot), place) in self.fields.iter().zip(slots).zip(1..) {
            match flag(rest)? {
                true => slot.buffer.push_null(),
                false => field.append_present(rest, last && place == self.fields.len(), &mut slot.buffer)?,
            }
        }
        buffer.valid();
        Some(())
    }
}

/// Appends what has no plan of its own.
fn value(serializer: &Serializer, rest: &mut &[u8], last: bool, buffer: &mut Buffer) -> Option<()> {
    let mut input = Input::new(rest);
    let mut decoder = Decoder::within(&mut input, last, PART_BYTES_MAX);
    let value: Value = serializer.part(&mut decoder).ok()?;
    if !decoder.is_exact() || !decoder.is_typed() {
        return None;
    }
    let behind = input.consumed();
    *rest = rest.get(behind..)?;
    buffer.push_value(value)
}

#[inline]
fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (bytes, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(bytes)
}

/// Reads a byte that is 0 or 1.
#[inline]
fn flag(rest: &mut &[u8]) -> Option<bool> {
    match take(rest)? {
        [0] => Some(false),
        [1] => Some(true),
        _ => None,
    }
}

fn sized<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = i32::from_be_bytes(*take(rest)?);
    let (bytes, behind) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = behind;
    Some(bytes)
}

/// Reads 7 bits per byte, low bits first, in as few bytes as there can be.
#[inline]
fn varint(rest: &mut &[u8]) -> Option<u32> {
    let mut value = 0u32;
    for shift in [0, 7, 14] {
        let [byte] = *take(rest)?;
        value |= u32::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return (shift == 0 || byte != 0).then_some(value);
        }
    }
    // A text of 2,097,152 units, or a unit past the last.
    None
}

/// Appends text of so many UTF-16 units.
#[inline]
fn text(rest: &mut &[u8], length: u32, values: &mut Strings) -> Option<()> {
    let (least, behind) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    if least.is_ascii() {
        values.bytes.extend_from_slice(least);
        *rest = behind;
        return values.end();
    }
    let mut left = length;
    while let Some(after) = left.checked_sub(1) {
        left = after;
        let mut point = varint(rest)?;
        if (0xD800..0xDC00).contains(&point) {
            left = left.checked_sub(1)?;
            let low = varint(rest).filter(|low| (0xDC00..0xE000).contains(low))?;
            point = 0x1_0000 + ((point & 0x3FF) << 10) + (low & 0x3FF);
        } else if point > 0xFFFF {
            return None;
        }
        push_char(char::from_u32(point)?, values);
    }
    values.end()
}

fn push_char(char: char, values: &mut Strings) {
    values.bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
}
