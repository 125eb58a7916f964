/// One row of keyed state, not yet decoded.
///
/// A list has one for every element, a map one for every map key, a timer one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Entry<'a> {
    /// The key; the whole composite key where `undivided`.
    pub(crate) key: &'a [u8],
    /// The namespace.
    pub(crate) namespace: &'a [u8],
    /// The key in a map.
    pub(crate) map_key: &'a [u8],
    /// Rank of a list element from 0, or the timestamp of a timer.
    pub(crate) position: i64,
    /// The value, with the time of last access in front where there is one; none for a null of a map
    /// and for timers.
    pub(crate) value: Option<&'a [u8]>,
    /// Whether key, namespace and map key could not be told apart.
    pub(crate) undivided: bool,
    /// Whether the value is this and all further elements of a list, which could not be told apart.
    pub(crate) whole_list: bool,
    /// Where it begins, in the stream or in its uncompressed key group.
    pub(crate) offset: u64,
}

/// What takes entries.
pub(crate) type Visit<'v> = &'v mut dyn FnMut(Entry<'_>);

/// What takes entries with the id of their state.
pub(crate) type VisitStates<'v> = &'v mut dyn FnMut(u16, Entry<'_>);
