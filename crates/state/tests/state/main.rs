//! State through its public interface.

mod backend;
mod layers;
mod oracle;
mod operator;
mod rows;
