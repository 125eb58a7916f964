use super::moved;
use crate::keymap::Action;
use crate::msg::Effect;
use crate::state::{Form, State};
use crate::view::detail_lines;

impl State {
    pub(super) fn act_on_detail(&mut self, action: Action) -> Vec<Effect> {
        let screen_lines = self.body_lines();
        let count = self.detail_count();
        let Some(detail) = &mut self.detail else { return Vec::new() };
        if action == Action::CycleForm {
            detail.top = 0;
            detail.form = match detail.form {
                Form::Typed => Form::Json,
                Form::Json => Form::Hex,
                Form::Hex => Form::Typed,
            };
        } else if let Some(to) = moved(action, detail.top as u64, count as u64, screen_lines) {
            detail.top = to as usize;
        }
        Vec::new()
    }

    /// The last line stays at the bottom.
    pub(super) fn detail_in_view(&mut self) {
        let last = self.detail_count().saturating_sub(self.body_lines());
        if let Some(detail) = &mut self.detail {
            detail.top = detail.top.min(last);
        }
    }

    fn detail_count(&self) -> usize {
        match (&self.detail, self.shown_schema()) {
            (Some(detail), Some(schema)) => detail_lines(detail, schema).len(),
            _ => 0,
        }
    }
}
