//! Every decision of the browser: a message in, a changed state and effects out.

mod detail;
mod overview;
mod prompt;
mod rows;

use alluvium_model::OperatorId;

use crate::cli_line::cli_line;
use crate::keymap::{Action, KeyPress, action};
use crate::msg::{Effect, Msg, Question};
use crate::state::{Note, Screen, State};

impl State {
    /// Takes one message; returns what has to be done outside, in order.
    pub fn update(&mut self, msg: Msg) -> Vec<Effect> {
        let mut effects = match msg {
            Msg::Key(key) => self.key(key),
            Msg::Resize { width, height } => {
                (self.width, self.height) = (width, height);
                Vec::new()
            }
            answer => self.answer(answer),
        };
        self.keep_in_view();
        effects.extend(self.read_what_is_missing());
        effects
    }

    fn key(&mut self, key: KeyPress) -> Vec<Effect> {
        self.note = None;
        if self.prompt.is_some() {
            return self.type_key(key);
        }
        if self.help {
            self.help = false;
            return if key == KeyPress::ctrl('c') { vec![Effect::Quit] } else { Vec::new() };
        }
        let Some(action) = action(key, self.screen()) else { return Vec::new() };
        self.act(action)
    }

    fn act(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Leave => return vec![Effect::Quit],
            Action::Help => self.help = true,
            Action::CommandLine => self.note = Some(Note::Says(cli_line(self))),
            Action::Interrupt => {
                return self.cancel().map_or_else(|| vec![Effect::Quit], |effect| vec![effect]);
            }
            Action::Escape => return self.escape(),
            Action::Back => return self.back(),
            other => {
                return match self.screen() {
                    Screen::Overview => self.act_on_overview(other),
                    Screen::Rows => self.act_on_rows(other),
                    Screen::Detail => self.act_on_detail(other),
                };
            }
        }
        Vec::new()
    }

    fn escape(&mut self) -> Vec<Effect> {
        if let Some(cancel) = self.cancel() {
            return vec![cancel];
        }
        match self.screen() {
            Screen::Rows if self.rows_are_narrowed() => {
                self.show_all_rows();
                Vec::new()
            }
            Screen::Overview => Vec::new(),
            _ => self.back(),
        }
    }

    fn back(&mut self) -> Vec<Effect> {
        match self.screen() {
            Screen::Overview => vec![Effect::Quit],
            Screen::Detail => {
                self.detail = None;
                Vec::new()
            }
            Screen::Rows => {
                let cancel = self.cancel();
                self.rows = None;
                cancel.into_iter().collect()
            }
        }
    }

    fn answer(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Page { ticket, lines, next, cancelled } => self.page_read(ticket, lines, next, cancelled),
            Msg::Progress { ticket, rows } => {
                if let Some(task) = self.task(ticket) {
                    task.rows = rows;
                }
            }
            Msg::Found { ticket, lines } => self.key_found(ticket, lines),
            Msg::Failed { ticket, message } => {
                if self.task(ticket).is_some() {
                    self.stop_reading();
                    self.note = Some(Note::Warns(message));
                }
            }
            Msg::Key(_) | Msg::Resize { .. } => {}
        }
        Vec::new()
    }

    fn keep_in_view(&mut self) {
        self.overview_in_view();
        self.rows_in_view();
        self.detail_in_view();
    }

    /// Makes the effect of asking a question about a state, with a new ticket.
    fn ask(&mut self, operator: OperatorId, state: String, question: Question) -> (u64, Effect) {
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        (ticket, Effect::Ask { ticket, snapshot: self.current, operator, state, question })
    }
}

/// Returns the first line drawn so that `selected` is among `lines` lines, moving as little as can be.
fn in_view(top: u64, selected: u64, lines: usize) -> u64 {
    let lines = lines as u64;
    top.clamp((selected + 1).saturating_sub(lines), selected)
}

/// Returns where a movement leads among `count` lines; none if the action is no movement.
fn moved(action: Action, from: u64, count: u64, screen_lines: usize) -> Option<u64> {
    let half = (screen_lines as u64 / 2).max(1);
    Some(match action {
        Action::Down => from + 1,
        Action::Up => from.saturating_sub(1),
        Action::HalfDown => from + half,
        Action::HalfUp => from.saturating_sub(half),
        Action::Top => 0,
        Action::Bottom => count.saturating_sub(1),
        _ => return None,
    })
}
