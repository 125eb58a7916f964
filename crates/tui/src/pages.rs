use std::collections::VecDeque;

use alluvium_model::KeyGroup;

use crate::line::Item;

/// Lines in a page.
pub(crate) const PAGE_LINES: usize = 256;
/// Most pages kept; a page seen longest ago is forgotten first and read again when needed.
pub(crate) const PAGES_KEPT: usize = 8;

/// A position in a state: after this row.
pub type Cursor = (KeyGroup, Vec<u8>);

/// The pages of a state that have been read: where each starts, and the lines of the newest.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pages {
    known: Vec<Known>,
    /// Where the page behind the known ones starts.
    next: Next,
    /// Kept lines by page number, the one used last in front.
    kept: VecDeque<(usize, Vec<Item>)>,
}

#[derive(Debug, Clone)]
struct Known {
    after: Option<Cursor>,
    first_line: u64,
    lines: u64,
}

#[derive(Debug, Clone, Default)]
enum Next {
    #[default]
    Beginning,
    After(Cursor),
    End,
}

impl Pages {
    /// Holds lines that are all there is.
    pub(crate) fn whole(lines: Vec<Item>) -> Self {
        let mut pages = Pages::default();
        pages.put(0, lines, None);
        pages
    }

    /// Returns the number of lines known so far, and whether these are all.
    pub(crate) fn lines(&self) -> (u64, bool) {
        let known = self.known.last().map_or(0, |page| page.first_line + page.lines);
        (known, matches!(self.next, Next::End))
    }

    /// Returns a line if its page is kept.
    pub(crate) fn line(&self, number: u64) -> Option<&Item> {
        let page = self.page_of(number)?;
        let (_, lines) = self.kept.iter().find(|(kept, _)| *kept == page)?;
        lines.get((number - self.known.get(page)?.first_line) as usize)
    }

    /// Returns the number of the first page that has to be read to show lines `from..to`, and
    /// where it starts. Pages that are there count as used.
    pub(crate) fn missing(&mut self, from: u64, to: u64) -> Option<(usize, Option<Cursor>)> {
        let (known, _) = self.lines();
        let mut number = from;
        while number < to.min(known) {
            let page = self.page_of(number)?;
            if !self.touch(page) {
                return Some((page, self.known.get(page)?.after.clone()));
            }
            let entry = self.known.get(page)?;
            number = entry.first_line + entry.lines;
        }
        match &self.next {
            _ if to <= known => None,
            Next::End => None,
            Next::Beginning => Some((0, None)),
            Next::After(cursor) => Some((self.known.len(), Some(cursor.clone()))),
        }
    }

    /// Keeps the lines of a page that was read; `next` is where the one behind it starts.
    pub(crate) fn put(&mut self, page: usize, lines: Vec<Item>, next: Option<Cursor>) {
        if page == self.known.len() {
            let after = match std::mem::replace(&mut self.next, next.map_or(Next::End, Next::After)) {
                Next::After(cursor) => Some(cursor),
                Next::Beginning | Next::End => None,
            };
            let (first_line, _) = self.lines();
            self.known.push(Known { after, first_line, lines: lines.len() as u64 });
        }
        self.kept.retain(|(kept, _)| *kept != page);
        self.kept.push_front((page, lines));
        self.kept.truncate(PAGES_KEPT);
    }

    /// Returns how many lines page `page` must be read to, so that it is again what it was.
    pub(crate) fn size_of(&self, page: usize) -> usize {
        self.known.get(page).map_or(PAGE_LINES, |known| known.lines as usize)
    }

    fn page_of(&self, number: u64) -> Option<usize> {
        let after = self.known.partition_point(|page| page.first_line + page.lines <= number);
        (after < self.known.len()).then_some(after)
    }

    fn touch(&mut self, page: usize) -> bool {
        let Some(position) = self.kept.iter().position(|(kept, _)| *kept == page) else { return false };
        if let Some(entry) = self.kept.remove(position) {
            self.kept.push_front(entry);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(page: usize) -> Vec<Item> {
        (0..10).map(|i| Item::Damage(format!("{page}.{i}"))).collect()
    }

    fn filled(count: usize) -> Pages {
        let mut pages = Pages::default();
        for page in 0..count {
            assert_eq!(pages.missing(10 * page as u64, 10 * page as u64 + 1).map(|m| m.0), Some(page));
            let next = (page + 1 < count).then(|| (KeyGroup(page as u16), vec![]));
            pages.put(page, lines(page), next);
        }
        pages
    }

    #[test]
    fn memory_stays_bounded_and_forgotten_pages_are_read_again_from_their_start() {
        let mut pages = filled(20);
        assert_eq!(pages.kept.len(), PAGES_KEPT);
        assert_eq!(pages.lines(), (200, true));
        assert_eq!(pages.line(199), Some(&Item::Damage("19.9".into())));
        assert_eq!(pages.line(35), None);
        assert_eq!(pages.missing(35, 36), Some((3, Some((KeyGroup(2), vec![])))));
        assert_eq!(pages.size_of(3), 10);
        pages.put(3, lines(3), Some((KeyGroup(3), vec![])));
        assert_eq!(pages.line(35), Some(&Item::Damage("3.5".into())));
        assert_eq!(pages.lines(), (200, true));
    }

    #[test]
    fn nothing_is_missing_behind_the_end() {
        assert_eq!(filled(2).missing(10, 500), None);
        assert_eq!(Pages::whole(vec![]).missing(0, 5), None);
    }
}
