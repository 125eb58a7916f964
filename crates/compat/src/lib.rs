//! The `compat` room.
