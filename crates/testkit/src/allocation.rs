//! Bytes that a thread has allocated, for tests that bound memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The allocator of the system, with the bytes held and their peak counted per thread.
///
/// ```
/// use alluvium_testkit::allocation::{Counting, peak_of};
///
/// #[global_allocator]
/// static ALLOCATOR: Counting = Counting;
///
/// let (length, peak) = peak_of(|| vec![0u8; 1000].len());
/// assert!(length == 1000 && peak >= 1000);
/// ```
#[derive(Debug)]
pub struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// Runs code; returns its answer and by how many bytes at most this thread grew meanwhile.
///
/// Always 0 where [`Counting`] is not the allocator.
pub fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    PEAK.set(before);
    let answer = work();
    (answer, usize::try_from(PEAK.get() - before).unwrap_or(0))
}

fn count(bytes: isize) {
    let held = HELD.get() + bytes;
    HELD.set(held);
    PEAK.set(PEAK.get().max(held));
}

#[expect(unsafe_code, reason = "only the allocator sees every allocation; it passes all calls on")]
// SAFETY: every call goes to the system's allocator unchanged; counting touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(place, layout) }
    }
}
