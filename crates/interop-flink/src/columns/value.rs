use alluvium_model::{Value, column};

use super::{Buffer, Data};

impl Buffer {
    /// Appends a value of the type; none for one that the column does not hold, of which a part may
    /// then have been appended.
    pub(crate) fn push_value(&mut self, value: Value) -> Option<()> {
        if value == Value::Null {
            self.push_null();
            return Some(());
        }
        match (&mut self.data, value) {
            (Data::Bool(values), Value::Bool(value)) => values.push(value),
            (Data::Int8(values), Value::Int(value)) => values.push(i8::try_from(value).ok()?),
            (Data::Int16(values), Value::Int(value)) => values.push(i16::try_from(value).ok()?),
            (Data::Int32(values), Value::Int(value)) => values.push(i32::try_from(value).ok()?),
            (Data::Int64(values), Value::Int(value)) => values.push(value),
            (Data::Float32(values), Value::Float32(value)) => values.push(value),
            (Data::Float64(values), Value::Float64(value)) => values.push(value),
            (Data::Text(values), Value::String(value)) => {
                values.bytes.extend_from_slice(value.as_bytes());
                values.end()?;
            }
            (Data::Binary(values), Value::Bytes(value)) => {
                values.bytes.extend_from_slice(&value);
                values.end()?;
            }
            (Data::Window(starts, ends), Value::Window { start, end }) => {
                starts.push(start);
                ends.push(end);
            }
            (Data::Struct(slots), Value::Struct(parts)) if slots.len() == parts.len() => {
                for (slot, part) in slots.iter_mut().zip(parts) {
                    slot.buffer.push_value(part)?;
                }
            }
            (Data::Values(values), value) if column::holds(&value, &self.ty) => values.push(value),
            _ => return None,
        }
        self.valid();
        Some(())
    }
}
