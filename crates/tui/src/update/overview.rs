use super::{in_view, moved};
use crate::keymap::Action;
use crate::msg::Effect;
use crate::state::{Node, State};

impl State {
    pub(super) fn act_on_overview(&mut self, action: Action) -> Vec<Effect> {
        let count = self.nodes().len() as u64;
        if let Some(to) = moved(action, self.selected as u64, count, self.body_lines()) {
            self.selected = to.min(count.saturating_sub(1)) as usize;
            return Vec::new();
        }
        match (action, self.node()) {
            (Action::Open, Some(Node::Operator(operator))) => self.fold_or_unfold(operator),
            (Action::Open, Some(Node::State(operator, table))) => self.open_rows(operator, table),
            (Action::NextSnapshot, _) if self.snapshots.len() > 1 => self.next_snapshot(),
            _ => {}
        }
        Vec::new()
    }

    fn fold_or_unfold(&mut self, operator: usize) {
        if !self.folded.remove(&operator) {
            self.folded.insert(operator);
        }
    }

    fn next_snapshot(&mut self) {
        self.current = (self.current + 1) % self.snapshots.len();
        self.selected = 0;
        self.folded.clear();
    }

    pub(super) fn overview_in_view(&mut self) {
        if self.rows.is_none() {
            self.top = in_view(self.top as u64, self.selected as u64, self.body_lines()) as usize;
        }
    }
}
