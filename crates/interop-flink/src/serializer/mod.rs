//! Flink's serializers, rebuilt from their snapshots: what state files say about their own types,
//! and the values behind it, both ways.
//!
//! [`read_snapshot`] reads a serializer snapshot and gives a [`Serializer`]: a tree compiled once per
//! state that decodes and encodes values without looking anything up again. Nothing is loaded by
//! name: what the snapshot's class is, this room knows or does not know.
//!
//! - A class that is not known is [`Error::Unsupported`], since snapshots have no length; inside a
//!   length-framed place it becomes an opaque serializer instead.
//! - **Typed where decoding is exactly invertible, opaque otherwise.** [`Serializer::decode_cell`] keeps
//!   the original bytes of a value whose stored form is legal but not the one that encoding gives;
//!   a value that cannot be typed is [`Value::Opaque`].
//!
//! ```
//! use alluvium_interop_flink::bytes::{Input, put_utf};
//! use alluvium_interop_flink::serializer::{Context, Form, read_snapshot};
//! use alluvium_model::{LogicalType, Value};
//!
//! let mut bytes = vec![0, 0, 0, 2];
//! let class = "org.apache.flink.api.common.typeutils.base.LongSerializer$LongSerializerSnapshot";
//! put_utf(class, "class", &mut bytes)?;
//! bytes.extend([0, 0, 0, 3]);
//! let long = read_snapshot(&mut Input::new(&bytes), Form::Proxy, &Context::default())?.serializer;
//! assert_eq!(long.element_type().ty, LogicalType::Int64);
//! assert_eq!(long.decode(&mut Input::new(&[0, 0, 0, 0, 0, 0, 0, 7]))?, Value::Int(7));
//! # Ok::<(), alluvium_interop_flink::Error>(())
//! ```

mod avro;
mod basic;
mod codec;
mod collections;
mod composite;
mod decoder;
mod describe;
mod extras;
mod known;
mod kryo;
mod layouts;
mod legacy;
mod names;
mod numbers;
mod plan;
mod pojo;
mod row;
mod snapshot;
mod stream;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod tree;
mod unite;

pub(crate) use plan::Plan;
pub use snapshot::{Context, Form, SerializerSnapshot, read_block, read_snapshot};
pub use tree::{Cell, Serializer};

use codec::Codec;
use decoder::Decoder;

/// Snapshots and values may be nested this deep.
pub const DEPTH_MAX: usize = 64;

/// Memory that one decoded value may take, in bytes.
pub const VALUE_BYTES_MAX: usize = 64 << 20;
