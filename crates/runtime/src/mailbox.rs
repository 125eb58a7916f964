use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::scheduler::Bell;

/// Messages to one unit, which is woken for each.
pub(crate) struct Mailbox<T> {
    mail: Mutex<VecDeque<T>>,
    bell: Bell,
}

impl<T> Mailbox<T> {
    pub(crate) fn new(bell: Bell) -> Arc<Self> {
        Arc::new(Mailbox { mail: Mutex::new(VecDeque::new()), bell })
    }

    pub(crate) fn post(&self, message: T) {
        self.mail.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push_back(message);
        self.bell.ring();
    }

    pub(crate) fn take(&self) -> Option<T> {
        self.mail.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop_front()
    }
}
