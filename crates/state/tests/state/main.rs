//! State through its public interface.
#![allow(unreachable_pub)]

mod backend;
mod encoding;
mod layers;
mod operator;
mod oracle;
mod rows;
