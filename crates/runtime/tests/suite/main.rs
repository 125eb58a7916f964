//! Jobs under both schedulers: exactly once, whatever is killed, restored or rescaled.

mod concurrent;
mod jobs;
mod operator_state;
mod savepoints;
mod seeded;
mod threads;
