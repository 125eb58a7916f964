//! The layered in-memory backend.
//!
//! Each slot is a stack of layers over the key: active, frozen (at most two), base, and after
//! a restore the columnar rows at the bottom. A look-up in a layer is three-valued: present,
//! deleted, or unknown, when the next layer is asked. Only the active layer is ever written by operators; the
//! base changes only by absorbing the oldest frozen layer, once that is durable.
//!
//! A namespace other than void would be part of the key of a layer: `K` becomes a pair of key and
//! namespace there, and the sort key gets its bytes between key and entry.

mod backend;
mod canon;
mod cell;
mod columnar;
mod encode;
mod layers;
mod list;
mod map;
mod places;
mod slot;
mod timer;
mod value;
mod words;

pub(crate) use backend::backend;
pub(crate) use canon::ByCanon;
pub(crate) use list::{ListAccess, list};
pub(crate) use map::{MapAccess, map};
pub(crate) use slot::{Slot, SlotOptions, access};
pub(crate) use timer::{TimerAccess, timer};
pub(crate) use value::{ValueAccess, value};
