//! The verbs, one file each: arguments, and what they do.

pub(crate) mod browse;
pub(crate) mod cancel;
pub(crate) mod cat;
pub(crate) mod check;
pub(crate) mod checkpoint;
pub(crate) mod convert;
pub(crate) mod describe;
pub(crate) mod diff;
pub(crate) mod dispose;
pub(crate) mod explain;
pub(crate) mod get;
pub(crate) mod inspect;
pub(crate) mod list;
pub(crate) mod lock;
pub(crate) mod ls;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod savepoint;
pub(crate) mod stop;
pub(crate) mod verify;
