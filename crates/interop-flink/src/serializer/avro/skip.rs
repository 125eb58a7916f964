use super::super::decoder::Decoder;
use super::schema::{Node, Schema};
use super::{blocks, undefined};
use crate::Result;

/// Passes a value of a type that may hold itself.
pub(super) fn skip(schema: &Schema, place: usize, d: &mut Decoder<'_, '_>) -> Result<()> {
    d.deeper(|d| skip_node(schema, place, d))
}

fn skip_node(schema: &Schema, place: usize, d: &mut Decoder<'_, '_>) -> Result<()> {
    // Counts as work even where it takes no bytes.
    d.charge(1)?;
    let fixed = match schema.node(place).ok_or_else(|| undefined(d))? {
        Node::Null => 0,
        Node::Bool => 1,
        Node::Int(_) | Node::Float | Node::Enum(_) => 4,
        Node::Long(_) | Node::Double => 8,
        Node::Fixed { size, .. } => *size,
        Node::Bytes(_) | Node::Text => d.input.length("Avro bytes")?,
        Node::Record { fields, .. } => {
            return fields.iter().try_for_each(|(_, ty)| skip(schema, *ty, d));
        }
        Node::Union(branches) => {
            let position = d.input.i32("Avro union")?;
            let branch = usize::try_from(position).ok().and_then(|position| branches.get(position));
            let branch =
                branch.ok_or_else(|| d.input.malformed("Avro union", "one of its types", position))?;
            return skip(schema, *branch, d);
        }
        Node::Array(element) => return elements(schema, *element, false, d),
        Node::Map(value) => return elements(schema, *value, true, d),
    };
    d.input.take(fixed, "Avro value").map(drop)
}

fn elements(schema: &Schema, place: usize, keys: bool, d: &mut Decoder<'_, '_>) -> Result<()> {
    blocks(d, if keys { 4 } else { 0 }, 1, |d, count| {
        for _ in 0..count {
            if keys {
                d.input.bytes32("Avro string")?;
            }
            skip(schema, place, d)?;
        }
        Ok(())
    })
}
