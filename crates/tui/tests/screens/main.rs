//! What a person sees, as text and as a map of styles, and what the browser asks for.

mod fake;

use std::sync::Arc;

use alluvium_model::SnapshotSource;
use alluvium_tui::{Effect, KeyPress, Msg, Question, Screen, State, dump_screen, dump_styles};
use fake::{Fake, KEYS};

fn screen(keys: &str) -> String {
    dump_screen(Arc::new(Fake::new()), 100, 30, keys)
}

macro_rules! looks {
    ($name:ident, $keys:literal) => {
        #[test]
        fn $name() {
            insta::assert_snapshot!(stringify!($name), screen($keys));
        }
    };
}

looks!(overview_shows_operators_and_states, "");
looks!(overview_shows_types_and_skew_of_a_state, "j j j");
looks!(folded_operator_hides_its_states, "<enter>");
looks!(rows_are_a_table, "j j j <enter> j j");
looks!(last_row_is_read_page_by_page, "j j j <enter> G");
looks!(lists_are_one_line_each, "j j j j j <enter>");
looks!(text_from_a_snapshot_is_escaped, "j j j j <enter>");
looks!(operator_state_has_subtasks, "j <enter>");
looks!(timers_have_no_value, "j j j j j j <enter>");
looks!(filter_keeps_what_contains_the_text, "j j j <enter> / JFK <enter>");
looks!(filter_without_a_hit_says_so, "j j j <enter> / zzz <enter>");
looks!(key_is_looked_up, "j j j <enter> K N10156 <enter>");
looks!(missing_key_is_said, "j j j <enter> K N1 <enter>");
looks!(detail_is_a_typed_tree, "j j j <enter> K N10156 <enter> <enter>");
looks!(detail_turns_to_json, "j j j <enter> K N10156 <enter> <enter> t");
looks!(detail_turns_to_hex, "j j j <enter> K N10156 <enter> <enter> t t");
looks!(help_lists_the_keys_of_the_screen, "j j j <enter> ?");
looks!(prompt_shows_what_is_typed, "j j j <enter> / ^N10");

#[test]
fn styles_come_from_the_theme() {
    let source = || -> Arc<dyn SnapshotSource> { Arc::new(Fake::new()) };
    insta::assert_snapshot!("styles_of_the_overview", dump_styles(source(), 120, 16, "j j j"));
    insta::assert_snapshot!(
        "styles_of_filtered_rows",
        dump_styles(source(), 80, 14, "j j j <enter> / ^N100 <enter>")
    );
}

#[test]
fn wide_terminal_has_the_panel_at_the_side() {
    insta::assert_snapshot!(
        "overview_on_a_wide_terminal",
        dump_screen(Arc::new(Fake::new()), 120, 16, "j j j")
    );
}

#[test]
fn small_terminal_says_what_it_needs() {
    for (width, height) in [(59, 30), (100, 11), (1, 1), (20, 3)] {
        let text = dump_screen(Arc::new(Fake::new()), width, height, "j <enter>");
        assert!(
            "too small: 60 × 12 needed".starts_with(text.lines().next().unwrap().get(..1).unwrap_or("")),
            "{text}"
        );
    }
}

#[test]
fn damage_is_shown_in_its_place_and_reading_goes_on() {
    let mut source = Fake::new();
    source.damage_at = Some(5);
    let text = dump_screen(Arc::new(source), 100, 30, "j j j <enter>");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[8], " ⚠ object a1: block 7: digest differs (DIGEST-2)");
    assert!(lines[9].contains("N1"), "{text}");
}

#[test]
fn filters_invert_and_compare_whole_keys() {
    let count = |filter: &str| {
        let text = screen(&format!("j j j <enter> / {filter} <enter> G"));
        let status = text.lines().rev().nth(1).unwrap().to_owned();
        status.split(" of ").nth(1).unwrap_or("0").to_owned()
    };
    assert_eq!(count("^N101"), "100");
    assert_eq!(count("!^N101"), "900");
    assert_eq!(count("=N10156"), "1");
    assert_eq!(count("!=N10156"), "999");
}

#[test]
fn command_line_equals_the_screen() {
    let line = |keys: &str| {
        let text = screen(&format!("{keys} !"));
        text.lines().rev().nth(1).unwrap().trim().to_owned()
    };
    assert_eq!(line(""), "alluvium inspect SNAP");
    assert_eq!(line("j <enter>"), "alluvium cat SNAP flights%2Fsource/source-positions");
    assert_eq!(line("j j j <enter> / ^N10 <enter>"), "alluvium cat SNAP aircraft/position --prefix N10");
    assert_eq!(line("j j j <enter> K N10156 <enter>"), "alluvium get SNAP aircraft/position N10156");
    assert_eq!(line("j j j <enter> K N10156 <enter> <enter>"), "alluvium get SNAP aircraft/position N10156");
}

#[test]
fn escape_goes_back_one_step_at_a_time() {
    let mut state = state();
    for word in ["j", "j", "j", "<enter>"] {
        press(&mut state, word);
    }
    assert_eq!(state.screen(), Screen::Rows);
    let cancel = press(&mut state, "<esc>");
    assert_eq!(cancel, [Effect::Cancel { ticket: 1 }]);
    assert_eq!(state.screen(), Screen::Rows);
    press(&mut state, "<esc>");
    assert_eq!(state.screen(), Screen::Overview);
    assert_eq!(press(&mut state, "q"), [Effect::Quit]);
}

#[test]
fn interrupt_stops_reading_first_and_leaves_second() {
    let mut state = state();
    for word in ["j", "j", "j", "<enter>"] {
        press(&mut state, word);
    }
    assert_eq!(press(&mut state, "C-c"), [Effect::Cancel { ticket: 1 }]);
    assert_eq!(press(&mut state, "C-c"), [Effect::Quit]);
}

#[test]
fn what_was_cancelled_is_not_read_on_by_itself() {
    let mut state = state();
    for word in ["j", "j", "j", "<enter>", "C-c"] {
        press(&mut state, word);
    }
    let next = Some((alluvium_model::KeyGroup(3), vec![1]));
    let answer = Msg::Page { ticket: 1, lines: vec![], next: next.clone(), cancelled: true };
    assert_eq!(state.update(answer), []);
    let [Effect::Ask { question: Question::Page { after, .. }, .. }] = &press(&mut state, "j")[..] else {
        panic!("a movement reads on");
    };
    assert_eq!(*after, next);
}

#[test]
fn answers_to_given_up_questions_are_ignored() {
    let mut state = state();
    for word in ["j", "j", "j", "<enter>", "/", "x", "<enter>"] {
        press(&mut state, word);
    }
    let late = Msg::Page {
        ticket: 1,
        lines: vec![alluvium_tui::Item::Damage("late".into())],
        next: None,
        cancelled: false,
    };
    assert_eq!(state.update(late), []);
    let effects = state.update(Msg::Page { ticket: 2, lines: vec![], next: None, cancelled: false });
    assert_eq!(effects, []);
}

#[test]
fn every_key_on_every_screen_is_safe() {
    const { assert!(KEYS > 3 * 256, "several pages") };
    let keys: Vec<String> =
        alluvium_tui::bindings().iter().map(|b| b.label.split(' ').next().unwrap().into()).collect();
    let source: Arc<dyn SnapshotSource> = Arc::new(Fake::new());
    for start in ["", "j j j <enter>", "j j j <enter> <enter>", "j j j j j <enter> G"] {
        for first in &keys {
            for second in ["j", "G", "<enter>", "t", "/", "K", "<esc>", "C-d"] {
                let first = match first.as_str() {
                    "Enter" => "<enter>",
                    "Esc" => "<esc>",
                    "Tab" => "<tab>",
                    "Ctrl-d" => "C-d",
                    "Ctrl-u" => "C-u",
                    "Ctrl-c" => "C-c",
                    other => other,
                };
                dump_screen(Arc::clone(&source), 60, 12, &format!("{start} {first} {second} k"));
            }
        }
    }
}

fn state() -> State {
    let source = Fake::new();
    State::new(vec![("SNAP".into(), Arc::new(source.describe().clone()))])
}

fn press(state: &mut State, word: &str) -> Vec<Effect> {
    let key = match word {
        "<enter>" => KeyPress::key(ratatui::crossterm::event::KeyCode::Enter),
        "<esc>" => KeyPress::key(ratatui::crossterm::event::KeyCode::Esc),
        "C-c" => KeyPress::ctrl('c'),
        word => KeyPress::char(word.chars().next().unwrap()),
    };
    state.update(Msg::Key(key))
}
