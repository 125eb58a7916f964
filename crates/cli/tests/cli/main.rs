//! The binary from outside: what it prints, and with which exit code it ends.

mod bad_input;
mod gate;
mod jobs;
mod questions;
mod sandbox;
