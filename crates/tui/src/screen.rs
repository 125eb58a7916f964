//! Screens as text: the browser driven by a key script, without a terminal.

use std::collections::VecDeque;
use std::sync::Arc;

use alluvium_model::SnapshotSource;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Style;

use crate::keymap::KeyPress;
use crate::msg::{Effect, Msg};
use crate::state::State;
use crate::view::{Theme, draw};
use crate::worker::Worker;

/// Returns the screen after a key script, as lines of text without trailing blanks.
///
/// `keys` are words between blanks: `j`, `C-d`, `<enter>`, `<esc>`, …; any other word is typed
/// character by character. Everything that a key starts is awaited before the next. The snapshot
/// is named `SNAP`.
pub fn dump_screen(source: Arc<dyn SnapshotSource>, width: u16, height: u16, keys: &str) -> String {
    let buffer = play(source, width, height, keys, &Theme::mono());
    lines(&buffer, |x, y| buffer[(x, y)].symbol().to_owned())
}

/// Returns the styles of the screen after a key script: a letter for each cell, `.` for plain, and
/// what the letters mean.
pub fn dump_styles(source: Arc<dyn SnapshotSource>, width: u16, height: u16, keys: &str) -> String {
    let buffer = play(source, width, height, keys, &Theme::colours());
    let mut styles: Vec<Style> = vec![plain(Style::reset())];
    let mut letter = |style: Style| {
        let style = plain(style);
        let position = styles.iter().position(|s| *s == style).unwrap_or_else(|| {
            styles.push(style);
            styles.len() - 1
        });
        if position == 0 { '.' } else { (b'a' + (position as u8 - 1) % 26) as char }
    };
    let map = lines(&buffer, |x, y| letter(buffer[(x, y)].style()).to_string());
    let legend = styles.iter().enumerate().skip(1);
    let legend = legend.map(|(i, s)| {
        let colour = s.fg.map_or("plain".into(), |c| format!("{c}").to_lowercase());
        format!("{} = {colour} {:?}\n", (b'a' + (i as u8 - 1) % 26) as char, s.add_modifier)
    });
    map + "\n" + &legend.collect::<String>()
}

/// A style without what says nothing.
fn plain(style: Style) -> Style {
    let fg = style.fg.filter(|c| *c != ratatui::style::Color::Reset);
    Style { fg, bg: None, underline_color: None, add_modifier: style.add_modifier, ..Style::default() }
}

fn play(source: Arc<dyn SnapshotSource>, width: u16, height: u16, keys: &str, theme: &Theme) -> Buffer {
    let mut state = State::new(vec![("SNAP".into(), Arc::new(source.describe().clone()))]);
    let worker = Worker::new(vec![source]);
    tell(&mut state, &worker, Msg::Resize { width, height });
    for key in keys.split_whitespace().flat_map(KeyPress::script) {
        tell(&mut state, &worker, Msg::Key(key));
    }
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test backend cannot fail");
    terminal.draw(|frame| draw(&state, theme, frame)).expect("a test backend cannot fail");
    terminal.backend().buffer().clone()
}

/// Gives the state a message, and the answers to all that it asks for.
fn tell(state: &mut State, worker: &Worker, msg: Msg) {
    let mut inbox = VecDeque::from([msg]);
    while let Some(msg) = inbox.pop_front() {
        for effect in state.update(msg) {
            match effect {
                Effect::Cancel { ticket } => worker.cancel(ticket),
                effect => worker.run(effect, &mut |msg| inbox.push_back(msg)),
            }
        }
    }
}

fn lines(buffer: &Buffer, mut cell: impl FnMut(u16, u16) -> String) -> String {
    let area = buffer.area;
    let mut out = String::new();
    for y in 0..area.height {
        let mut line = String::new();
        let mut x = 0;
        while x < area.width {
            let symbol = buffer[(x, y)].symbol();
            line += &cell(x, y);
            x += (crate::text::width(symbol).max(1)) as u16;
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}
