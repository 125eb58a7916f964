//! The one table of keys: it dispatches, and it prints the help and the footer.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::state::Screen;

/// A key with or without Ctrl.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPress {
    /// The key.
    pub code: KeyCode,
    /// Whether Ctrl was held.
    pub ctrl: bool,
}

impl KeyPress {
    /// A character without Ctrl.
    pub const fn char(c: char) -> Self {
        KeyPress { code: KeyCode::Char(c), ctrl: false }
    }

    /// A character with Ctrl.
    pub const fn ctrl(c: char) -> Self {
        KeyPress { code: KeyCode::Char(c), ctrl: true }
    }

    /// A named key without Ctrl.
    pub const fn key(code: KeyCode) -> Self {
        KeyPress { code, ctrl: false }
    }

    /// Reads a word of a key script: `j`, `C-d`, `<enter>`, `<esc>`, `<tab>`, `<down>`, ….
    pub(crate) fn script(word: &str) -> Vec<KeyPress> {
        let code = match word {
            "<enter>" => KeyCode::Enter,
            "<esc>" => KeyCode::Esc,
            "<tab>" => KeyCode::Tab,
            "<space>" => KeyCode::Char(' '),
            "<backspace>" => KeyCode::Backspace,
            "<up>" => KeyCode::Up,
            "<down>" => KeyCode::Down,
            "<left>" => KeyCode::Left,
            "<right>" => KeyCode::Right,
            "<home>" => KeyCode::Home,
            "<end>" => KeyCode::End,
            "<pageup>" => KeyCode::PageUp,
            "<pagedown>" => KeyCode::PageDown,
            other => {
                let held = other.strip_prefix("C-").and_then(|rest| rest.chars().next());
                return match held {
                    Some(c) => vec![KeyPress::ctrl(c)],
                    None => other.chars().map(KeyPress::char).collect(),
                };
            }
        };
        vec![KeyPress::key(code)]
    }
}

impl From<KeyEvent> for KeyPress {
    fn from(event: KeyEvent) -> Self {
        KeyPress { code: event.code, ctrl: event.modifiers.contains(KeyModifiers::CONTROL) }
    }
}

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// One line down.
    Down,
    /// One line up.
    Up,
    /// Half a screen down.
    HalfDown,
    /// Half a screen up.
    HalfUp,
    /// To the first line.
    Top,
    /// To the last line.
    Bottom,
    /// Open what is selected.
    Open,
    /// Back by one screen; leave at the first.
    Back,
    /// Cancel reading, then clear the filter, then back.
    Escape,
    /// Leave now.
    Leave,
    /// Cancel reading; leave when nothing is read.
    Interrupt,
    /// Type a filter.
    Filter,
    /// Type a key to look up.
    GoToKey,
    /// Typed, JSON, hex.
    CycleForm,
    /// Next snapshot.
    NextSnapshot,
    /// Show the equal command line.
    CommandLine,
    /// Show or hide the help.
    Help,
}

/// An entry of the key table.
#[derive(Debug)]
pub struct Binding {
    /// What it does.
    pub action: Action,
    /// Any of these keys.
    pub keys: &'static [KeyPress],
    /// How the keys are printed.
    pub label: &'static str,
    /// What it does, in words.
    pub help: &'static str,
    /// Screens where it does anything.
    pub screens: &'static [Screen],
    /// What it does in a word or two, for the footer; empty if the footer leaves it out.
    pub short: &'static str,
}

/// Returns the key table, in the order of the help.
pub fn bindings() -> &'static [Binding] {
    BINDINGS
}

/// Returns what a key does on a screen.
pub(crate) fn action(key: KeyPress, screen: Screen) -> Option<Action> {
    BINDINGS.iter().find(|b| b.screens.contains(&screen) && b.keys.contains(&key)).map(|b| b.action)
}

const ALL: &[Screen] = &[Screen::Overview, Screen::Rows, Screen::Detail];
const TABLES: &[Screen] = &[Screen::Overview, Screen::Rows];
const ROWS: &[Screen] = &[Screen::Rows];
const DETAIL: &[Screen] = &[Screen::Detail];

const fn named(code: KeyCode) -> KeyPress {
    KeyPress::key(code)
}

const fn binding(
    action: Action,
    keys: &'static [KeyPress],
    label: &'static str,
    help: &'static str,
    screens: &'static [Screen],
    short: &'static str,
) -> Binding {
    Binding { action, keys, label, help, screens, short }
}

const BINDINGS: &[Binding] = &[
    binding(
        Action::Open,
        &[named(KeyCode::Enter), KeyPress::char('l'), named(KeyCode::Right)],
        "Enter",
        "open what is selected; fold or unfold an operator",
        TABLES,
        "open",
    ),
    binding(
        Action::Filter,
        &[KeyPress::char('/')],
        "/",
        "filter: text, ^start of key, =whole key; ! before it inverts",
        ROWS,
        "filter",
    ),
    binding(Action::GoToKey, &[KeyPress::char('K')], "K", "look one key up", ROWS, "key"),
    binding(Action::CycleForm, &[KeyPress::char('t')], "t", "typed, JSON, hex", DETAIL, "typed/json/hex"),
    binding(
        Action::Escape,
        &[named(KeyCode::Esc)],
        "Esc",
        "stop reading; then clear the filter; then back",
        ALL,
        "stop, clear, back",
    ),
    binding(Action::Down, &[KeyPress::char('j'), named(KeyCode::Down)], "j ↓", "down", ALL, ""),
    binding(Action::Up, &[KeyPress::char('k'), named(KeyCode::Up)], "k ↑", "up", ALL, ""),
    binding(
        Action::HalfDown,
        &[KeyPress::ctrl('d'), named(KeyCode::PageDown)],
        "Ctrl-d",
        "half a screen down",
        ALL,
        "",
    ),
    binding(
        Action::HalfUp,
        &[KeyPress::ctrl('u'), named(KeyCode::PageUp)],
        "Ctrl-u",
        "half a screen up",
        ALL,
        "",
    ),
    binding(Action::Top, &[KeyPress::char('g'), named(KeyCode::Home)], "g", "to the first line", ALL, ""),
    binding(
        Action::Bottom,
        &[KeyPress::char('G'), named(KeyCode::End)],
        "G",
        "to the last line; reads up to there",
        ALL,
        "",
    ),
    binding(Action::NextSnapshot, &[named(KeyCode::Tab)], "Tab", "next snapshot", &[Screen::Overview], ""),
    binding(
        Action::CommandLine,
        &[KeyPress::char('!')],
        "!",
        "the command line that equals this screen",
        ALL,
        "command line",
    ),
    binding(Action::Help, &[KeyPress::char('?')], "?", "this help", ALL, "help"),
    binding(
        Action::Back,
        &[KeyPress::char('q'), KeyPress::char('h'), named(KeyCode::Left)],
        "q",
        "back; leave from the overview",
        ALL,
        "back",
    ),
    binding(Action::Leave, &[KeyPress::char('Q')], "Q", "leave", ALL, ""),
    binding(Action::Interrupt, &[KeyPress::ctrl('c')], "Ctrl-c", "stop reading, else leave", ALL, ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_on_one_screen() {
        for screen in [Screen::Overview, Screen::Rows, Screen::Detail] {
            let mut seen: Vec<KeyPress> = Vec::new();
            for key in BINDINGS.iter().filter(|b| b.screens.contains(&screen)).flat_map(|b| b.keys) {
                assert!(!seen.contains(key), "{key:?} on {screen:?}");
                seen.push(*key);
            }
        }
    }
}
