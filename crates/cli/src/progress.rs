use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use alluvium_model::SnapshotSource;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output;
use crate::watched::Watched;

/// A sign of life on standard error while something takes long: only on a terminal, only after
/// 400 ms, gone when dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    rows: Arc<AtomicU64>,
    done: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Begins to say what is being done.
    pub(crate) fn start(what: impl Into<String>) -> Self {
        let rows = Arc::new(AtomicU64::new(0));
        if !std::io::stderr().is_terminal() {
            return Progress { rows, done: None, thread: None };
        }
        let (done, wait) = mpsc::channel();
        let (what, read) = (what.into(), Arc::clone(&rows));
        let show = move || {
            if wait.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let bar = ProgressBar::new_spinner().with_message(what.clone());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
                bar.set_style(style);
            }
            while wait.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                match read.load(Ordering::Relaxed) {
                    0 => {}
                    rows => bar.set_message(format!("{what}, {} rows read,", output::count(rows))),
                }
                bar.tick();
            }
            bar.finish_and_clear();
        };
        let thread = std::thread::Builder::new().name("progress".into()).spawn(show).ok();
        Progress { rows, done: Some(done), thread }
    }

    /// Shows the rows that are read from a snapshot.
    pub(crate) fn watch(&self, source: Box<dyn SnapshotSource>) -> Watched {
        Watched::new(source, &self.rows)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

const PATIENCE: Duration = Duration::from_millis(400);
const TICK: Duration = Duration::from_millis(100);
