use ratatui::Frame;
use ratatui::layout::Rect;

use super::{Ink, Inked, Theme, put};
use crate::keymap::bindings;
use crate::state::State;
use crate::text::fit;

pub(super) fn draw(state: &State, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let mut lines = vec![vec![(Ink::Head, fit(" keys on this screen; any key closes", area.width.into()))]];
    lines.extend(bindings().iter().filter(|b| b.screens.contains(&state.screen())).map(|binding| -> Inked {
        vec![(Ink::Key, fit(&format!(" {}", binding.label), 10)), (Ink::Plain, binding.help.into())]
    }));
    put(frame, theme, area, &lines);
}
