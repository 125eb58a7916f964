//! The `convert` room.
