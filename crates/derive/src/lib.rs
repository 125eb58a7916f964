//! The `derive` room.
