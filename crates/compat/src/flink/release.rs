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
