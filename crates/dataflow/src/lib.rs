//! The `dataflow` room.
