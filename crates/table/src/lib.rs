//! The `table` room.
