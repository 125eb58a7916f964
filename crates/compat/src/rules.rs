use crate::Severity;

/// A rule: its id never changes its meaning.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Family and number, for example `OPR001`.
    pub id: &'static str,
    /// Its name, for configuration files.
    pub name: &'static str,
    /// How much a finding weighs unless the finding says otherwise.
    pub severity: Severity,
    /// What it finds, on one line.
    pub title: &'static str,
    /// Its page: what it sees, why it matters, what to do. Markdown.
    pub page: &'static str,
}

/// Returns the rule of an id, in either case.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id.eq_ignore_ascii_case(id) || rule.name == id)
}

macro_rules! rules {
    ($($id:ident, $name:literal, $severity:ident, $title:literal;)+) => {
        $(pub(crate) static $id: Rule = Rule {
            id: stringify!($id),
            name: $name,
            severity: Severity::$severity,
            title: $title,
            page: include_str!(concat!("../pages/", stringify!($id), ".md")),
        };)+

        /// Every rule, by family.
        pub static RULES: &[&Rule] = &[$(&$id),+];
    };
}

rules! {
    UID001, "uid_missing", Warn, "an operator with state has no uid";
    OPR001, "operator_removed", Deny, "an operator with state is gone";
    OPR002, "operator_added", Info, "a new operator with state starts empty";
    OPR003, "operator_renamed", Deny, "an operator seems to have another uid";
    STA001, "state_added", Info, "a new state starts empty";
    STA002, "state_removed", Deny, "a state is gone";
    STA003, "state_kind_changed", Deny, "a state has another kind";
    KEY001, "key_type_changed", Deny, "the key of an operator has another type";
    KEY002, "key_placement_changed", Deny, "keys are placed by another key-group function";
    KEY003, "map_key_type_changed", Deny, "the key of a map has another type";
    NSP001, "namespace_type_changed", Deny, "the namespace of a state has another type";
    SCH001, "value_incompatible", Deny, "stored values cannot be read as the new type";
    SCH002, "value_migrated", Info, "stored values are changed while they are read";
    SCH003, "value_reconfigured", Info, "fields or symbols are found under other names or places";
    TTL001, "ttl_changed", Info, "the time to live of a state has changed";
    TTL002, "ttl_switched", Warn, "the time to live of a state was switched on or off";
    PAR001, "max_parallelism_changed", Deny, "the number of key groups has changed";
    PAR002, "parallelism_above_max", Deny, "more subtasks than key groups";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_page_that_begins_with_its_id() {
        for rule in RULES {
            assert!(rule.page.starts_with(&format!("# {} ", rule.id)), "{}", rule.id);
            assert!(rule.page.len() > 200, "{}", rule.id);
        }
    }

    #[test]
    fn rules_are_found_by_id_and_name() {
        assert_eq!(rule("opr001").map(|r| r.id), Some("OPR001"));
        assert_eq!(rule("uid_missing").map(|r| r.id), Some("UID001"));
        assert_eq!(rule("OPR999"), None);
    }
}
