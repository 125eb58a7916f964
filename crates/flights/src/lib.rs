//! The `flights` room.
