use std::cell::Cell;
use std::io::{IsTerminal, Write};

use super::worker::Checkpoint;
use crate::output;

/// Prints the tour: numbered steps, commands, answers.
pub(super) struct Screen {
    step: Cell<u32>,
    colour: bool,
}

impl Screen {
    pub(super) fn new() -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Screen { step: Cell::new(0), colour }
    }

    pub(super) fn step(&self, title: &str) {
        self.step.set(self.step.get() + 1);
        self.line(&format!("\n{}", self.bold(&format!("{}. {title}", self.step.get()))));
    }

    pub(super) fn command(&self, command: &str) {
        self.line(&format!("   {}", self.dim(&format!("$ {command}"))));
    }

    pub(super) fn answer(&self, answer: &str) {
        answer.lines().for_each(|line| self.line(&format!("   {line}")));
    }

    pub(super) fn say(&self, text: &str) {
        self.line(&format!("   {text}"));
    }

    pub(super) fn checkpoint(&self, checkpoint: &Checkpoint) {
        self.line(&format!(
            "   checkpoint {:>2}: {:>4} ms, {:>9} written, {:>9} referenced",
            checkpoint.id,
            checkpoint.duration_ms,
            output::bytes(checkpoint.bytes_written),
            output::bytes(checkpoint.bytes_referenced),
        ));
    }

    pub(super) fn held(&self, text: &str) {
        self.line(&format!("\n{}", self.bold(text)));
    }

    pub(super) fn next(&self, commands: &[String]) {
        self.line("\nLook around:");
        commands.iter().for_each(|command| self.line(&format!("   {command}")));
    }

    fn bold(&self, text: &str) -> String {
        if self.colour { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn dim(&self, text: &str) -> String {
        if self.colour { format!("\u{1b}[2m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// A reader who has gone is no reason to stop: the exit code still tells.
    fn line(&self, text: &str) {
        let mut stdout = std::io::stdout();
        let _ = writeln!(stdout, "{text}");
        let _ = stdout.flush();
    }
}
