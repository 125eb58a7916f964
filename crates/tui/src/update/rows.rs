use super::{in_view, moved};
use crate::filter::Filter;
use crate::keymap::Action;
use crate::line::Item;
use crate::msg::{Effect, Question};
use crate::pages::{Cursor, PAGE_LINES, Pages};
use crate::state::{Asks, Detail, Form, Note, Prompt, Rows, State, Task};

impl State {
    pub(super) fn open_rows(&mut self, operator: usize, table: usize) {
        self.rows = Some(Rows {
            operator,
            table,
            filter: Filter::default(),
            key: None,
            pages: Pages::default(),
            selected: 0,
            top: 0,
            wanted: None,
            task: None,
            paused: false,
        });
    }

    pub(super) fn act_on_rows(&mut self, action: Action) -> Vec<Effect> {
        let screen_lines = self.body_lines();
        let Some(rows) = &mut self.rows else { return Vec::new() };
        rows.paused = false;
        let (known, _) = rows.pages.lines();
        match action {
            Action::Bottom => rows.wanted = Some(u64::MAX),
            Action::Filter => {
                let input = rows.filter.typed().into();
                self.prompt = Some(Prompt { asks: Asks::Filter, input });
            }
            Action::GoToKey => return self.ask_for_key(),
            Action::Open => self.open_detail(),
            movement => {
                rows.wanted = moved(movement, rows.selected, known, screen_lines);
            }
        }
        self.go_to_wanted();
        Vec::new()
    }

    fn ask_for_key(&mut self) -> Vec<Effect> {
        let keyed = self.shown_schema().is_some_and(|schema| schema.key.is_some());
        if keyed {
            self.prompt = Some(Prompt { asks: Asks::Key, input: Default::default() });
        } else {
            self.note =
                Some(Note::Warns("operator state has no key to look up; filter with / instead".into()));
        }
        Vec::new()
    }

    fn open_detail(&mut self) {
        match self.selected_item() {
            Some(Item::Line(line)) => {
                self.detail = Some(Detail { line: line.clone(), form: Form::Typed, top: 0 });
            }
            Some(Item::Damage(text)) => self.note = Some(Note::Warns(text.clone())),
            None => {}
        }
    }

    /// Goes to the line asked for, or as far as lines are known; what lies behind is then read.
    fn go_to_wanted(&mut self) {
        let Some(rows) = &mut self.rows else { return };
        let Some(wanted) = rows.wanted else { return };
        let (known, whole) = rows.pages.lines();
        rows.selected = wanted.min(known.saturating_sub(1));
        if whole || wanted < known {
            rows.wanted = None;
        }
    }

    pub(super) fn rows_in_view(&mut self) {
        let lines = self.body_lines();
        if let (Some(rows), None) = (&mut self.rows, &self.detail) {
            rows.top = in_view(rows.top, rows.selected, lines);
        }
    }

    /// Asks for the first page that the screen needs and that is not there, one at a time.
    pub(super) fn read_what_is_missing(&mut self) -> Option<Effect> {
        let lines = self.body_lines() as u64;
        let rows = self.rows.as_mut().filter(|rows| rows.task.is_none() && !rows.paused)?;
        let shown = rows.top..rows.top + lines;
        let (page, after) = match rows.wanted {
            Some(wanted) => {
                let (known, _) = rows.pages.lines();
                rows.pages
                    .missing(known, wanted.saturating_add(1))
                    .or_else(|| rows.pages.missing(shown.start, shown.end))?
            }
            None => rows.pages.missing(shown.start, shown.end)?,
        };
        self.read_page(page, after)
    }

    fn read_page(&mut self, page: usize, after: Option<Cursor>) -> Option<Effect> {
        let (operator, table) = self.shown_table()?;
        let (operator, state) = (operator.id, table.schema.name.clone());
        let rows = self.rows.as_ref()?;
        let lines = rows.pages.size_of(page).min(PAGE_LINES);
        let question = Question::Page { after, lines, filter: rows.filter.clone() };
        let (ticket, effect) = self.ask(operator, state, question);
        self.rows.as_mut()?.task =
            Some(Task { ticket, page: Some(page), rows: 0, typed: None, cancelled: false });
        Some(effect)
    }

    /// Looks a key up that was typed and read.
    pub(super) fn look_up(&mut self, typed: String, key: alluvium_model::Value) -> Vec<Effect> {
        let Some((operator, table)) = self.shown_table() else { return Vec::new() };
        let (operator, state) = (operator.id, table.schema.name.clone());
        let mut effects: Vec<Effect> = self.cancel().into_iter().collect();
        let (ticket, effect) = self.ask(operator, state, Question::Key(key));
        if let Some(rows) = &mut self.rows {
            rows.task = Some(Task { ticket, page: None, rows: 0, typed: Some(typed), cancelled: false });
        }
        effects.push(effect);
        effects
    }

    pub(super) fn page_read(&mut self, ticket: u64, lines: Vec<Item>, next: Option<Cursor>, cancelled: bool) {
        let Some(page) = self.task(ticket).and_then(|task| task.page) else { return };
        let Some(rows) = &mut self.rows else { return };
        rows.task = None;
        rows.paused |= cancelled;
        rows.pages.put(page, lines, next);
        self.go_to_wanted();
    }

    pub(super) fn key_found(&mut self, ticket: u64, lines: Vec<Item>) {
        let Some(typed) = self.task(ticket).and_then(|task| task.typed.take()) else { return };
        let Some(rows) = &mut self.rows else { return };
        rows.task = None;
        if lines.is_empty() {
            self.note = Some(Note::Warns(format!("no row has the key {typed}")));
            return;
        }
        rows.key = Some(typed);
        self.narrow(Pages::whole(lines));
    }

    pub(super) fn set_filter(&mut self, filter: Filter) -> Vec<Effect> {
        let cancel = self.cancel();
        if let Some(rows) = &mut self.rows {
            rows.filter = filter;
            rows.key = None;
        }
        self.narrow(Pages::default());
        cancel.into_iter().collect()
    }

    fn narrow(&mut self, pages: Pages) {
        if let Some(rows) = &mut self.rows {
            (rows.pages, rows.selected, rows.top, rows.wanted, rows.paused) = (pages, 0, 0, None, false);
            rows.task = None;
        }
    }

    pub(super) fn rows_are_narrowed(&self) -> bool {
        self.rows.as_ref().is_some_and(|rows| rows.key.is_some() || !rows.filter.is_empty())
    }

    pub(super) fn show_all_rows(&mut self) {
        self.set_filter(Filter::default());
    }

    /// Returns the task of a ticket, unless it has been given up meanwhile.
    pub(super) fn task(&mut self, ticket: u64) -> Option<&mut Task> {
        self.rows.as_mut()?.task.as_mut().filter(|task| task.ticket == ticket)
    }

    /// Stops reading what is being read. What a page has so far is still taken when it arrives.
    pub(super) fn cancel(&mut self) -> Option<Effect> {
        let rows = self.rows.as_mut()?;
        let task = rows.task.as_mut().filter(|task| !task.cancelled)?;
        task.cancelled = true;
        let (ticket, has_pages) = (task.ticket, task.page.is_some());
        (rows.wanted, rows.paused) = (None, true);
        if !has_pages {
            rows.task = None;
        }
        Some(Effect::Cancel { ticket })
    }

    pub(super) fn stop_reading(&mut self) {
        if let Some(rows) = &mut self.rows {
            (rows.task, rows.wanted, rows.paused) = (None, None, true);
        }
    }
}
