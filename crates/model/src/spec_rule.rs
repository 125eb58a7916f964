/// Cites a rule of the specification in a test that fails when the rule is broken.
///
/// The rule id must be a literal of the form `AREA-1`; `cargo xtask rules` compares the citations
/// with `format-spec/`.
///
/// ```
/// alluvium_model::spec!("MERGE-2");
/// ```
#[macro_export]
macro_rules! spec {
    ($($rule:literal),+ $(,)?) => {
        $(const _: () = assert!($crate::is_rule_id($rule));)+
    };
}

/// Returns whether a text has the form of a rule id: capitals, a hyphen, digits.
#[doc(hidden)]
pub const fn is_rule_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut i = 0;
    while i < bytes.len() && bytes[i].is_ascii_uppercase() {
        i += 1;
    }
    let letters = i;
    if letters == 0 || i >= bytes.len() || bytes[i] != b'-' {
        return false;
    }
    i += 1;
    let digits = i;
    while i < bytes.len() && bytes[i].is_ascii_digit() {
        i += 1;
    }
    i == bytes.len() && i > digits
}
