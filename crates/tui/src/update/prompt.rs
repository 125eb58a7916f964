use alluvium_model::json;
use ratatui::crossterm::event::KeyCode;
use tui_input::InputRequest;

use crate::filter::Filter;
use crate::keymap::KeyPress;
use crate::msg::Effect;
use crate::state::{Asks, Note, State};

impl State {
    pub(super) fn type_key(&mut self, key: KeyPress) -> Vec<Effect> {
        match (key.code, key.ctrl) {
            (KeyCode::Esc, _) | (KeyCode::Char('c'), true) => self.prompt = None,
            (KeyCode::Enter, _) => return self.answer_prompt(),
            _ => {
                if let (Some(prompt), Some(request)) = (&mut self.prompt, request(key)) {
                    prompt.input.handle(request);
                }
            }
        }
        Vec::new()
    }

    fn answer_prompt(&mut self) -> Vec<Effect> {
        let Some(prompt) = self.prompt.take() else { return Vec::new() };
        let typed = prompt.input.value().to_owned();
        match prompt.asks {
            Asks::Filter => self.set_filter(Filter::parse(&typed)),
            Asks::Key => {
                let Some(ty) = self.shown_schema().and_then(|schema| schema.key.clone()) else {
                    return Vec::new();
                };
                match json::key_from_text(&typed, &ty) {
                    Ok(key) => self.look_up(typed, key),
                    Err(error) => {
                        self.note = Some(Note::Warns(format!("not a key of type {ty}: {error}")));
                        Vec::new()
                    }
                }
            }
        }
    }
}

fn request(key: KeyPress) -> Option<InputRequest> {
    Some(match (key.code, key.ctrl) {
        (KeyCode::Char('u'), true) => InputRequest::DeleteLine,
        (KeyCode::Char('w'), true) => InputRequest::DeletePrevWord,
        (KeyCode::Char('a'), true) | (KeyCode::Home, _) => InputRequest::GoToStart,
        (KeyCode::Char('e'), true) | (KeyCode::End, _) => InputRequest::GoToEnd,
        (KeyCode::Char(c), false) => InputRequest::InsertChar(c),
        (KeyCode::Backspace, _) => InputRequest::DeletePrevChar,
        (KeyCode::Delete, _) => InputRequest::DeleteNextChar,
        (KeyCode::Left, _) => InputRequest::GoToPrevChar,
        (KeyCode::Right, _) => InputRequest::GoToNextChar,
        _ => return None,
    })
}
