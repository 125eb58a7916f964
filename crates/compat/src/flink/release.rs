use serde::Deserialize;

use crate::contract::Engine;

/// What holds of a release of Flink: a version pack.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pack {
    /// First release of which it holds.
    release: String,
    /// Version of the metadata that it writes and the newest that it reads.
    pub(crate) metadata: u32,
    /// Version of Kryo.
    pub(crate) kryo: u64,
    /// Whether a time to live may be switched on or off.
    pub(crate) ttl_migration: bool,
}

impl Pack {
    /// Returns the pack of a side; none where its release is not known.
    pub(crate) fn of(engine: &Engine) -> Option<Pack> {
        let Engine::Flink { version } = engine else { return None };
        let release = number(version.as_deref()?)?;
        let packs = PACKS.iter().filter_map(|text| serde_json::from_str::<Pack>(text).ok());
        let known = packs.filter_map(|pack| Some((number(&pack.release)?, pack)));
        known.filter(|(first, _)| *first <= release).max_by_key(|(first, _)| *first).map(|(_, pack)| pack)
    }
}

/// Returns the major and the minor release that a text begins with.
pub(super) fn number(text: &str) -> Option<(u32, u32)> {
    let text = text.trim_start_matches("flink-");
    let mut parts = text.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next().unwrap_or_default().parse().unwrap_or(0)))
}

/// Returns the first and the last release that a text names: `2.3.0`, `1.18 to 1.20`, `2.1 or later`.
///
/// A snapshot does not hold the release that wrote it, but what only some releases write.
pub(super) fn range(text: &str) -> Option<((u32, u32), (u32, u32))> {
    let first = number(text)?;
    let last = text.split_once(" to ").or_else(|| text.split_once(" or "));
    let last = last.map_or(Some(first), |(_, last)| match last {
        "later" => Some((u32::MAX, u32::MAX)),
        last => number(last),
    });
    Some((first, last?))
}

const PACKS: [&str; 6] = [
    include_str!("../../packs/flink-1.2.json"),
    include_str!("../../packs/flink-1.3.json"),
    include_str!("../../packs/flink-1.11.json"),
    include_str!("../../packs/flink-1.16.json"),
    include_str!("../../packs/flink-2.0.json"),
    include_str!("../../packs/flink-2.1.json"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_a_range_of_releases() {
        assert_eq!(range("2.3.0"), Some(((2, 3), (2, 3))));
        assert_eq!(range("1.18 to 1.20"), Some(((1, 18), (1, 20))));
        assert_eq!(range("1.16 or 1.17"), Some(((1, 16), (1, 17))));
        assert!(range("2.1 or later").is_some_and(|(first, last)| first == (2, 1) && last > (2, 9)));
        assert_eq!(range("unknown"), None);
    }

    #[test]
    fn a_target_names_a_release() {
        assert_eq!(Engine::target("flink-2.3"), Some(Engine::Flink { version: Some("2.3".into()) }));
        assert_eq!(Engine::target("flink-2.3.0"), Some(Engine::Flink { version: Some("2.3.0".into()) }));
        assert!(
            ["flink", "flink-", "2.3", "flink-2.x", "spark-3"]
                .iter()
                .all(|text| Engine::target(text).is_none())
        );
    }

    #[test]
    fn a_release_takes_the_newest_pack_that_is_not_newer() {
        let pack = |version: &str| Pack::of(&Engine::Flink { version: Some(version.into()) });
        let seen = |version| pack(version).map(|pack| (pack.metadata, pack.kryo, pack.ttl_migration));
        assert_eq!(seen("1.20.5"), Some((4, 2, false)));
        assert_eq!(seen("1.18 to 1.20"), Some((4, 2, false)));
        assert_eq!(seen("1.7 to 1.10"), Some((2, 2, false)));
        assert_eq!(seen("flink-2.3"), Some((6, 5, true)));
        assert_eq!(seen("2.0"), Some((5, 5, true)));
        assert_eq!(seen("unknown"), None);
        assert!(PACKS.iter().all(|text| serde_json::from_str::<Pack>(text).is_ok()));
    }
}
