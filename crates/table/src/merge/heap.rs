use super::cursor::{Cursor, compare};

/// Runs by their next row: the smallest first, of equal rows the newest run.
#[derive(Default)]
pub(super) struct Heap {
    runs: Vec<usize>,
}

impl Heap {
    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Returns the run with the smallest row.
    pub(super) fn top(&self) -> Option<usize> {
        self.runs.first().copied()
    }

    /// Returns the run with the smallest row but for the top.
    pub(super) fn second(&self, cursors: &[Cursor]) -> Option<usize> {
        match (self.runs.get(1), self.runs.get(2)) {
            (Some(a), Some(b)) => Some(if before(*b, *a, cursors) { *b } else { *a }),
            (a, _) => a.copied(),
        }
    }

    pub(super) fn push(&mut self, run: usize, cursors: &[Cursor]) {
        self.runs.push(run);
        self.up(self.runs.len() - 1, cursors);
    }

    /// Restores the order after a run moved to a later row.
    pub(super) fn moved(&mut self, run: usize, cursors: &[Cursor]) {
        if let Some(at) = self.runs.iter().position(|r| *r == run) {
            self.down(at, cursors);
        }
    }

    /// Takes a run out, which may already be without rows.
    pub(super) fn remove(&mut self, run: usize, cursors: &[Cursor]) {
        if let Some(at) = self.runs.iter().position(|r| *r == run) {
            self.runs.swap_remove(at);
            if at < self.runs.len() {
                self.down(at, cursors);
                self.up(at, cursors);
            }
        }
    }

    fn up(&mut self, mut at: usize, cursors: &[Cursor]) {
        while at > 0 {
            let parent = (at - 1) / 2;
            if !self.less(at, parent, cursors) {
                return;
            }
            self.runs.swap(at, parent);
            at = parent;
        }
    }

    fn down(&mut self, mut at: usize, cursors: &[Cursor]) {
        loop {
            let mut least = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if self.less(child, least, cursors) {
                    least = child;
                }
            }
            if least == at {
                return;
            }
            self.runs.swap(at, least);
            at = least;
        }
    }

    fn less(&self, a: usize, b: usize, cursors: &[Cursor]) -> bool {
        match (self.runs.get(a), self.runs.get(b)) {
            (Some(a), Some(b)) => before(*a, *b, cursors),
            _ => false,
        }
    }
}

fn before(a: usize, b: usize, cursors: &[Cursor]) -> bool {
    match (cursors.get(a), cursors.get(b)) {
        (Some(a), Some(b)) => compare(a.head(), b.head()).then(b.sequence.cmp(&a.sequence)).is_lt(),
        _ => false,
    }
}
