//! Bugs planted on purpose, to prove that the model test finds such.
//!
//! A plan holds for the thread that made it, which under the seeded scheduler is the one that does
//! everything. Without debug assertions (profile `dist`) nothing of this is compiled in.

/// A bug that can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Sinks are told to commit before the manifest is written.
    CommitBeforeManifest,
    /// Records that arrive while barriers are being aligned are dropped.
    RecordLostInAlignment,
    /// Clears are not written to runs, so that entries of older runs come back.
    ClearForgetsOlderRuns,
}

/// Plants a bug on this thread, or removes it.
#[cfg(debug_assertions)]
pub fn plant(bug: Option<Bug>) {
    PLANTED.with(|planted| planted.set(bug));
}

#[cfg(debug_assertions)]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

#[cfg(debug_assertions)]
pub(crate) fn is_planted(bug: Bug) -> bool {
    PLANTED.with(|planted| planted.get() == Some(bug))
}

#[cfg(not(debug_assertions))]
pub(crate) fn is_planted(_: Bug) -> bool {
    false
}
