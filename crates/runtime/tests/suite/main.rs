//! Jobs under both schedulers: exactly once, whatever is killed, restored or rescaled.

mod jobs;
mod savepoints;
mod seeded;
mod threads;
