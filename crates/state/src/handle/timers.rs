use alluvium_model::TimeDomain;

use crate::memory::{TimerAccess, access};
use crate::{Request, StateHost};

/// Timers of both time domains. A timer is its key and its timestamp: registering one twice is
/// registering it once, and no value goes with it.
#[derive(Debug, Clone, Copy)]
pub struct Timers {
    event: usize,
    processing: usize,
}

impl Timers {
    pub(crate) fn new(event: usize, processing: usize) -> Self {
        Timers { event, processing }
    }

    /// Returns the slot of a time domain.
    pub fn slot(&self, domain: TimeDomain) -> usize {
        match domain {
            TimeDomain::Event => self.event,
            TimeDomain::Processing => self.processing,
        }
    }

    /// Registers a timer that fires when the watermark reaches a timestamp.
    pub fn register_event(&self, host: &mut dyn StateHost, timestamp: i64) {
        self.register(host, TimeDomain::Event, timestamp);
    }

    /// Deletes an event-time timer.
    pub fn delete_event(&self, host: &mut dyn StateHost, timestamp: i64) {
        self.delete(host, TimeDomain::Event, timestamp);
    }

    /// Registers a timer that fires when the clock reaches a timestamp.
    pub fn register_processing(&self, host: &mut dyn StateHost, timestamp: i64) {
        self.register(host, TimeDomain::Processing, timestamp);
    }

    /// Deletes a processing-time timer.
    pub fn delete_processing(&self, host: &mut dyn StateHost, timestamp: i64) {
        self.delete(host, TimeDomain::Processing, timestamp);
    }

    /// Registers a timer of the current key.
    pub fn register(&self, host: &mut dyn StateHost, domain: TimeDomain, timestamp: i64) {
        match host.native(self.slot(domain)) {
            Some(native) => access::<dyn TimerAccess>(native.table).register(native.at, timestamp),
            None => {
                host.exchange(self.slot(domain), Request::RegisterTimer { domain, timestamp });
            }
        }
    }

    /// Deletes a timer of the current key.
    pub fn delete(&self, host: &mut dyn StateHost, domain: TimeDomain, timestamp: i64) {
        match host.native(self.slot(domain)) {
            Some(native) => access::<dyn TimerAccess>(native.table).delete(native.at, timestamp),
            None => {
                host.exchange(self.slot(domain), Request::DeleteTimer { domain, timestamp });
            }
        }
    }
}
