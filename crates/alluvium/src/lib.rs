//! The `alluvium` room.
