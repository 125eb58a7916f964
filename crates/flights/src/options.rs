use std::path::PathBuf;
use std::str::FromStr;

use alluvium::JobArgs;

use crate::Error;

/// What the job may be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The Parquet file.
    pub data: PathBuf,
    /// The directory of the output.
    pub out: PathBuf,
    /// Rows a second, for the whole job; as fast as it goes if none.
    pub rate: Option<u64>,
    /// Which version of the job.
    pub variant: Variant,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            data: default_data(),
            out: PathBuf::from("flights-out"),
            rate: None,
            variant: Variant::Plain,
        }
    }
}

impl Options {
    /// Reads the options of arguments.
    ///
    /// # Errors
    /// An argument that is none of the options, or its value.
    pub fn from_args(args: &JobArgs) -> Result<Self, Error> {
        refuse_unknown(args.values())?;
        let default = Options::default();
        let rate = args.parsed("rate")?;
        if rate == Some(0) {
            return Err("--rate 0: at least one row a second is wanted".into());
        }
        Ok(Options {
            data: args.option("data").map_or(default.data, PathBuf::from),
            out: args.option("out").map_or(default.out, PathBuf::from),
            rate,
            variant: args.parsed("variant")?.unwrap_or_default(),
        })
    }

    /// Returns the options as arguments that read back equal.
    pub fn to_args(&self) -> Vec<String> {
        let mut args =
            vec![format!("--data={}", self.data.display()), format!("--out={}", self.out.display())];
        args.extend(self.rate.map(|rate| format!("--rate={rate}")));
        if self.variant != Variant::Plain {
            args.push(format!("--variant={}", self.variant.name()));
        }
        args
    }
}

/// Returns where the data set is in a clone of the repository.
pub fn default_data() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/data/flights.parquet"))
}

/// A version of the job, to be checked against another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Variant {
    /// The job as it is.
    #[default]
    Plain,
    /// A later version that restores the state of the job: `position` has one more field, which
    /// may be null, and there is a new state, `longest-delay`.
    Compatible,
    /// A version that cannot restore it: the field `flights` of `position` has become narrower, and
    /// `totals` a value state.
    Incompatible,
}

impl Variant {
    /// Returns the name that the option `--variant` takes.
    pub fn name(self) -> &'static str {
        match self {
            Variant::Plain => "plain",
            Variant::Compatible => "compatible",
            Variant::Incompatible => "incompatible",
        }
    }
}

impl FromStr for Variant {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Variant::Plain, Variant::Compatible, Variant::Incompatible]
            .into_iter()
            .find(|variant| variant.name() == text)
            .ok_or("plain, compatible or incompatible is wanted")
    }
}

fn refuse_unknown(values: &[String]) -> Result<(), Error> {
    let mut values = values.iter();
    while let Some(value) = values.next() {
        let name = value.strip_prefix("--").unwrap_or_default();
        let (name, has_value) = name.split_once('=').map_or((name, false), |(name, _)| (name, true));
        if !["data", "out", "rate", "variant"].contains(&name) {
            return Err(format!(
                "{value}: one of --data PATH, --out DIR, --rate N, --variant NAME is wanted"
            )
            .into());
        }
        if !has_value && values.next().is_none() {
            return Err(format!("{value} lacks its value").into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_read_back_what_they_print() {
        let args = |text: &str| JobArgs::new(text.split_whitespace());
        for text in ["", "--rate 5 --out=x", "--data a.parquet --variant compatible"] {
            let options = Options::from_args(&args(text)).unwrap();
            assert_eq!(Options::from_args(&JobArgs::new(options.to_args())).unwrap(), options);
        }
        for text in ["--rate 0", "--rate x", "--speed 1", "extra", "--out", "--variant other"] {
            assert!(Options::from_args(&args(text)).is_err(), "{text}");
        }
    }
}
