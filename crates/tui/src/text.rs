//! Text on a screen: escaped, measured and cut by columns.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Returns text in which nothing can move the cursor, change direction or hide: control, bidi and
/// zero-width characters are written as escapes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_unsafe(c) => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
            c => out.push(c),
        }
    }
    out
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Returns the number of columns that text takes.
pub(crate) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// Returns text in exactly `columns` columns: filled with blanks, or cut with `…` at its end.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    let full = width(text);
    if full <= columns {
        return format!("{text}{}", " ".repeat(columns - full));
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = UnicodeWidthChar::width(c).unwrap_or(0);
        if used + wide + 1 > columns {
            break;
        }
        out.push(c);
        used += wide;
    }
    if columns > 0 {
        out.push('…');
        used += 1;
    }
    out + &" ".repeat(columns.saturating_sub(used))
}

/// As [`fit`], but text that is not cut stands at the right.
pub(crate) fn fit_right(text: &str, columns: usize) -> String {
    let full = width(text);
    if full < columns { format!("{}{text}", " ".repeat(columns - full)) } else { fit(text, columns) }
}

/// Returns a count with thin groups: `4,118,204`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Returns a number of bytes in decimal units: `8.9 GB`.
pub(crate) fn bytes(n: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let mut amount = n as f64;
    let mut unit = 0;
    while amount >= 999.5 && unit + 1 < units.len() {
        amount /= 1000.0;
        unit += 1;
    }
    match unit {
        0 => format!("{n} B"),
        _ if amount < 9.95 => format!("{amount:.1} {}", units[unit]),
        _ => format!("{amount:.0} {}", units[unit]),
    }
}

/// Returns bars of one column each, for `values` summed into at most `columns` of them.
///
/// A column with any value is never blank.
pub(crate) fn sparkline(values: &[u64], columns: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let columns = columns.min(values.len());
    let slots: Vec<u64> = (0..columns)
        .map(|c| values[c * values.len() / columns..(c + 1) * values.len() / columns].iter().sum())
        .collect();
    let max = slots.iter().copied().max().unwrap_or(0);
    let bar = |n: u64| match n {
        0 => ' ',
        n => BARS[((u128::from(n) * 8 - 1) / u128::from(max)).min(7) as usize],
    };
    slots.into_iter().map(bar).collect()
}

/// Returns lines of a hex view, 16 bytes each: offset, bytes, and the printable ASCII among them.
pub(crate) fn hex(bytes: &[u8]) -> Vec<String> {
    let line = |(i, chunk): (usize, &[u8])| {
        let pairs: Vec<String> = chunk.iter().map(|b| format!("{b:02x}")).collect();
        let ascii: String =
            chunk.iter().map(|b| if (0x20..0x7f).contains(b) { *b as char } else { '.' }).collect();
        format!("{:08x}  {}  {ascii}", i * 16, fit(&pairs.join(" "), 47))
    };
    bytes.chunks(16).enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_text_cannot_move_the_cursor_or_change_direction() {
        assert_eq!(escape("a\nb\u{1b}[2J\u{202e}c\u{200b}"), "a\\nb\\u{1b}[2J\\u{202e}c\\u{200b}");
        assert_eq!(escape("Zürich 東京"), "Zürich 東京");
    }

    #[test]
    fn fit_counts_columns_not_characters() {
        assert_eq!(fit("東京駅", 6), "東京駅");
        assert_eq!(fit("東京駅", 5), "東京…");
        assert_eq!(fit("東京駅", 4), "東… ");
        assert_eq!(fit("ab", 4), "ab  ");
        assert_eq!(fit_right("ab", 4), "  ab");
        assert_eq!(fit("ab", 0), "");
    }

    #[test]
    fn numbers_read_easily() {
        assert_eq!(count(4_118_204), "4,118,204");
        assert_eq!(count(12), "12");
        assert_eq!(
            (bytes(812), bytes(8_900_000_000), bytes(999_900)),
            ("812 B".into(), "8.9 GB".into(), "1.0 MB".into())
        );
    }

    #[test]
    fn sparkline_never_hides_a_value() {
        assert_eq!(sparkline(&[0, 1, 8, 1000], 4), " ▁▁█");
        assert_eq!(sparkline(&[1, 1, 4, 4], 2), "▂█");
        assert_eq!(sparkline(&[], 10), "");
    }
}
