//! Timers in raw keyed state (`InternalTimerServiceSerializationProxy`).

use alluvium_model::TimeDomain;

use super::entry::Entry;
use super::shape::next;
use crate::bytes::Input;
use crate::serializer::{self, Context, Form, Serializer};
use crate::{Error, Result};

/// Stands in front of the version of a blob that was once without one.
const POST_VERSIONED: [u8; 4] = [0xF1, 0xCD, 0x85, 0x9F];

/// A timer service of one key group.
#[derive(Debug)]
pub(crate) struct Service {
    /// Its name, such as `user-timers`.
    pub(crate) name: String,
    /// Serializer of keys.
    pub(crate) key: Serializer,
    /// Serializer of namespaces.
    pub(crate) namespace: Serializer,
}

/// What takes the timers of a key group. Services come before their timers.
pub(crate) trait TimerSink {
    /// Takes a service, whether or not it has timers.
    fn service(&mut self, service: &Service);

    /// Takes a timer of the last service.
    fn timer(&mut self, domain: TimeDomain, entry: Entry<'_>);
}

/// Returns whether a key group of raw keyed state holds timers. Before 1.4 nothing marks them, so that
/// `unmarked` has them tried.
pub(crate) fn is_timers(bytes: &[u8], unmarked: bool, context: &Context) -> bool {
    struct Nobody;
    impl TimerSink for Nobody {
        fn service(&mut self, _: &Service) {}
        fn timer(&mut self, _: TimeDomain, _: Entry<'_>) {}
    }
    bytes.starts_with(&POST_VERSIONED)
        || (unmarked && walk(&mut Input::new(bytes), context, &mut Nobody).is_ok())
}

/// Gives out the timers of one key group.
///
/// # Errors
/// [`Error::Unsupported`] for another version; [`Error::Undecodable`] behind the last timer that could
/// be read; [`Error::Truncated`] and [`Error::Malformed`].
pub(crate) fn walk(input: &mut Input<'_>, context: &Context, sink: &mut dyn TimerSink) -> Result<()> {
    let version = if input.rest().starts_with(&POST_VERSIONED) {
        input.take(POST_VERSIONED.len(), "timers identifier")?;
        input.i32("timers version")?
    } else {
        0
    };
    let services = input.count(2, "number of timer services")?;
    for _ in 0..services {
        let service = read_service(input, version, context)?;
        sink.service(&service);
        for domain in [TimeDomain::Event, TimeDomain::Processing] {
            walk_domain(input, &service, domain, sink)?;
        }
    }
    Ok(())
}

fn read_service(input: &mut Input<'_>, version: i32, context: &Context) -> Result<Service> {
    let name = input.utf("timer service")?;
    let offset = input.offset();
    let (key, namespace) = match version {
        0 => {
            let mut read = || serializer::read_snapshot(input, Form::Object, context);
            (read()?, read()?)
        }
        1 => {
            let mut two = serializer::read_block(input, context)?.into_iter();
            let missing = input.malformed("timer serializers", "a key and a namespace", "fewer");
            two.next().zip(two.next()).ok_or(missing)?
        }
        2 => {
            let mut read = || serializer::read_snapshot(input, Form::Versioned, context);
            (read()?, read()?)
        }
        other => {
            let what = format!("version {other}");
            return Err(Error::Unsupported { section: "raw keyed timers", offset, what });
        }
    };
    Ok(Service { name, key: key.serializer, namespace: namespace.serializer })
}

fn walk_domain(
    input: &mut Input<'_>,
    service: &Service,
    domain: TimeDomain,
    sink: &mut dyn TimerSink,
) -> Result<()> {
    let count = input.count(8, "number of timers")?;
    for done in 0..count {
        let offset = input.offset();
        let mut read = || {
            let key = next(&service.key, input)?;
            let namespace = next(&service.namespace, input)?;
            let position = input.i64("timer timestamp")?;
            Ok(Entry { key, namespace, position, offset, ..Entry::default() })
        };
        match read() {
            Ok(entry) => sink.timer(domain, entry),
            Err(cause) => {
                let (entry, entries) = (done as u64, count as u64);
                let left = (input.offset() + input.left() as u64).saturating_sub(offset);
                return Err(Error::Undecodable { entry, entries, offset, left, cause: Box::new(cause) });
            }
        }
    }
    Ok(())
}
