use anyhow::{Context, bail};

pub(crate) const USAGE: &str = "\
alluvium-bench [--keys N] [--small N] [--barriers N] [--rounds N] [--only counter|account]
                [--part updates|savepoints|pauses] [--dir DIR]

  --keys N       keys of the large state (5000000)
  --small N      keys of the small state that pauses are compared with (50000)
  --barriers N   barriers per state size (300)
  --rounds N     times that a savepoint, a restore and their limits are repeated; the best counts (2)
  --only NAME    only i64 -> i64 (counter) or only i64 -> struct (account)
  --part NAME    only updates, only savepoints (with restore, scan and increment), or only pauses
  --dir DIR      where files go, removed at the end (the system's temporary directory)";

/// What was asked on the command line.
pub(crate) struct Args {
    pub(crate) keys: u64,
    pub(crate) small: u64,
    pub(crate) barriers: usize,
    pub(crate) rounds: usize,
    only: Option<String>,
    part: Option<String>,
    pub(crate) dir: Option<String>,
}

impl Args {
    /// Reads the arguments; none when help was asked for.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> anyhow::Result<Option<Args>> {
        let (keys, small, barriers, rounds) = (5_000_000, 50_000, 300, 2);
        let mut args = Args { keys, small, barriers, rounds, only: None, part: None, dir: None };
        while let Some(word) = words.next() {
            if word == "--help" || word == "-h" {
                return Ok(None);
            }
            let value = words.next().with_context(|| format!("{word} needs a value\n\n{USAGE}"))?;
            let number = || value.replace('_', "").parse::<u64>().with_context(|| format!("{word} {value}"));
            match word.as_str() {
                "--keys" => args.keys = number()?.max(1000),
                "--small" => args.small = number()?.max(1000),
                "--barriers" => args.barriers = number()?.max(1) as usize,
                "--rounds" => args.rounds = number()?.max(1) as usize,
                "--only" if value == "counter" || value == "account" => args.only = Some(value),
                "--part" if ["updates", "savepoints", "pauses"].contains(&value.as_str()) => {
                    args.part = Some(value);
                }
                "--dir" => args.dir = Some(value),
                _ => bail!("unknown: {word} {value}\n\n{USAGE}"),
            }
        }
        Ok(Some(args))
    }

    pub(crate) fn has(&self, part: &str) -> bool {
        self.part.as_deref().is_none_or(|only| only == part)
    }

    pub(crate) fn runs(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == name)
    }
}
