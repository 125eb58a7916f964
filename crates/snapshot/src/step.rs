use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Passes a named step of publication; a crash test can make the process die here.
///
/// With `ALLUVIUM_CRASH_AT=name` or `ALLUVIUM_CRASH_AT=name:n` in the environment, the process
/// aborts at the first or `n`-th pass of the step of that name. Steps of this crate are
/// `data-written`, `lists-written`, `manifest-written` and `claims-read`; the runtime adds
/// `before-notify` and `after-commit`. Unset, it costs one load.
pub fn step(name: &str) {
    let Some(plan) = PLAN.get_or_init(Plan::from_environment) else { return };
    if plan.name == name && plan.passes.fetch_add(1, Ordering::SeqCst) + 1 == plan.at {
        process::abort();
    }
}

static PLAN: OnceLock<Option<Plan>> = OnceLock::new();

#[derive(Debug)]
struct Plan {
    name: String,
    at: u64,
    passes: AtomicU64,
}

impl Plan {
    fn from_environment() -> Option<Self> {
        Plan::parse(&std::env::var("ALLUVIUM_CRASH_AT").ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let (name, at) = text.split_once(':').unwrap_or((text, "1"));
        Some(Plan { name: name.to_owned(), at: at.parse().ok()?, passes: AtomicU64::new(0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_names_a_step_and_a_pass() {
        let plan = |text| Plan::parse(text).map(|p| (p.name, p.at));
        assert_eq!(plan("lists-written"), Some(("lists-written".into(), 1)));
        assert_eq!(plan("lists-written:3"), Some(("lists-written".into(), 3)));
        assert_eq!(plan("lists-written:x"), None);
    }
}
