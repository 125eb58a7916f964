use ratatui::style::{Color, Modifier, Style};

/// A line of text with what each part of it is.
pub(crate) type Inked = Vec<(Ink, String)>;

/// What a piece of text is; the theme says how that looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Plain,
    Title,
    Crumb,
    Head,
    Selected,
    Dim,
    Name,
    Kind,
    Bars,
    Chip,
    Key,
    Warn,
}

/// The one place of colours.
#[derive(Debug, Clone, Copy)]
pub struct Theme {
    colours: bool,
}

impl Theme {
    /// Sixteen-colour theme that reads on dark and on light terminals.
    pub fn colours() -> Self {
        Theme { colours: true }
    }

    /// Bold, reverse and dim only.
    pub fn mono() -> Self {
        Theme { colours: false }
    }

    /// Chooses by the value of `NO_COLOR`: any text that is not empty leaves colours out.
    pub fn from_no_color(no_color: Option<&str>) -> Self {
        Theme { colours: no_color.is_none_or(str::is_empty) }
    }

    pub(crate) fn style(&self, ink: Ink) -> Style {
        let (colour, modifier) = match ink {
            Ink::Plain => (None, Modifier::empty()),
            Ink::Title => (None, Modifier::REVERSED),
            Ink::Crumb => (None, Modifier::BOLD),
            Ink::Head => (None, Modifier::UNDERLINED),
            Ink::Selected => (None, Modifier::REVERSED.union(Modifier::BOLD)),
            Ink::Dim => (None, Modifier::DIM),
            Ink::Name => (Some(Color::Cyan), Modifier::empty()),
            Ink::Kind => (Some(Color::Magenta), Modifier::empty()),
            Ink::Bars => (Some(Color::Green), Modifier::empty()),
            Ink::Chip => (Some(Color::Yellow), Modifier::REVERSED),
            Ink::Key => (Some(Color::Blue), Modifier::BOLD),
            Ink::Warn => (Some(Color::Red), Modifier::BOLD),
        };
        let style = Style::new().add_modifier(modifier);
        colour.filter(|_| self.colours).map_or(style, |colour| style.fg(colour))
    }
}
