//! The `connectors` room.
