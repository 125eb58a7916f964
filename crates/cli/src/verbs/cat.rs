use alluvium::failure::{self, Exit};
use alluvium_model::{ErrorKind, Role, SnapshotSource, StateSchema};
use alluvium_query::{Filter, key_groups_from_text};
use anyhow::{Context, Result};

use crate::open::Options;
use crate::output::Out;
use crate::progress::Progress;

/// Print the rows of a state.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Snapshot, ours or of Flink: a directory or s3:// URL, a manifest or _metadata, or the root of a job
    /// for its newest checkpoint.
    #[arg(value_name = "SNAP")]
    snapshot: String,
    /// Operator, by uid or id, and state: aircraft/position.
    #[arg(value_name = "OP/STATE")]
    state: String,
    /// Only this key: JSON of the key type; for a string, the text itself.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Only keys that begin with this text.
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    /// Only this key group, or an inclusive range: 0-15.
    #[arg(long, value_name = "GROUPS")]
    key_group: Option<String>,
    /// At most so many lines.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<Exit> {
    let progress = Progress::start(format!("reading {}", args.state));
    let source = progress.watch(crate::open::snapshot(&args.snapshot, &args.options)?);
    let target = alluvium_query::find(source.describe(), &args.state)?;
    let filter = Filter {
        key: args.key.clone(),
        prefix: args.prefix.clone(),
        key_groups: args.key_group.as_deref().map(key_groups_from_text).transpose()?,
        limit: args.limit,
        after: None,
    };
    let mut lines = alluvium_query::lines(&source, &target, &filter)?;
    let terminal = out.is_terminal();
    let mut records = out.records(&columns(&target.table.schema));
    let first = lines.next();
    // Lines on the terminal are progress enough.
    let mut progress = Some(progress).filter(|_| !terminal);
    let (mut damaged, mut kind) = (0_u64, ErrorKind::Corrupt);
    for line in first.into_iter().chain(lines) {
        match line {
            Ok(line) => records.push(line.json.as_object().cloned().unwrap_or_default())?,
            // A damaged part is reported; the source goes on behind it where it can.
            Err(error) if is_damage(error.kind()) && damaged < DAMAGES => {
                damaged += 1;
                kind = error.kind();
                drop(progress.take());
                eprint!("{}", failure::render(&anyhow::Error::new(error), kind));
            }
            Err(error) => return Err(error).with_context(|| format!("reading {}", args.state)),
        }
    }
    drop(progress);
    let printed = records.end()?;
    if damaged == 0 {
        return Ok(Exit::Clean);
    }
    eprintln!("{damaged} parts could not be read; `alluvium verify {}` names them", args.snapshot);
    Ok(if printed > 0 { Exit::Findings } else { Exit::of(kind) })
}

/// Returns the members that the lines of a state can have, in their order.
pub(crate) fn columns(schema: &StateSchema) -> Vec<&'static str> {
    let hidden = [Role::ListPos, Role::KeyRaw, Role::NamespaceRaw, Role::MapKeyRaw, Role::ValueRaw];
    schema.roles(false).into_iter().filter(|role| !hidden.contains(role)).map(Role::name).collect()
}

/// Whether an error concerns a part of a state, behind which the source may go on.
fn is_damage(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Corrupt | ErrorKind::Unsupported | ErrorKind::Missing)
}

/// After so many damaged parts one that cannot be skipped is assumed.
const DAMAGES: u64 = 1000;
