//! The `state` room.
