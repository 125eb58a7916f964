use std::collections::VecDeque;

use alluvium_env::Random;

use super::in_flight::{InFlight, Stage};
use super::{Coordinator, Phase};
use crate::Error;
use crate::config::RestartStrategy;
use crate::status::{JobState, TriggerStatus};

/// What a restart strategy remembers.
#[derive(Debug, Default)]
pub(super) struct RestartState {
    count: u32,
    /// Times of failures, oldest first.
    failures_ns: VecDeque<u64>,
    last_delay_ms: u64,
}

impl RestartState {
    /// Returns the delay in milliseconds before the next start; none when the job shall fail.
    fn next(&mut self, strategy: &RestartStrategy, now_ns: u64, random: &dyn Random) -> Option<u64> {
        let since_last_ns = self.failures_ns.back().map(|last| now_ns.saturating_sub(*last));
        self.failures_ns.push_back(now_ns);
        self.count += 1;
        match *strategy {
            RestartStrategy::None => None,
            RestartStrategy::FixedDelay { attempts, delay_ms } => {
                (self.count <= attempts).then_some(delay_ms)
            }
            RestartStrategy::ExponentialDelay { initial_ms, most_ms, reset_after_ms, jitter } => {
                let calm = since_last_ns.is_none_or(|ns| ns / 1_000_000 >= reset_after_ms);
                let doubled = self.last_delay_ms.saturating_mul(2).max(initial_ms);
                self.last_delay_ms = if calm { initial_ms } else { doubled.min(most_ms) };
                Some(jittered(self.last_delay_ms, jitter, random))
            }
            RestartStrategy::FailureRate { failures, per_ms, delay_ms } => {
                let span_ns = per_ms.saturating_mul(1_000_000);
                while self.failures_ns.front().is_some_and(|at| now_ns.saturating_sub(*at) > span_ns) {
                    self.failures_ns.pop_front();
                }
                (self.failures_ns.len() < failures as usize).then_some(delay_ms)
            }
        }
    }
}

fn jittered(delay_ms: u64, jitter: f64, random: &dyn Random) -> u64 {
    let spread = (delay_ms as f64 * jitter.clamp(0.0, 1.0)) as u64;
    (delay_ms + random.below(2 * spread + 1)).saturating_sub(spread)
}

impl Coordinator {
    /// Drops every task after a failure and restarts the job, or fails it.
    pub(super) fn failed(&mut self, error: Error) {
        let reason = error.chain();
        self.shared.board.change(|board| {
            board.status.failure = Some(reason.clone());
            board.status.failure_kind = Some(error.kind());
            board.status.refusal = error.refusal();
        });
        self.drop_tasks();
        let publishing = self.is_publishing();
        let others = self.in_flight.values().filter(|f| f.stage != Stage::Publishing);
        for id in others.map(InFlight::id).collect::<Vec<_>>() {
            self.forget(id, &format!("the job failed: {reason}"));
        }
        // What the tasks of this generation still send means nothing to the next.
        self.generation += 1;
        self.ending = None;
        if error.is_final() {
            return self.fail(&reason);
        }
        let now_ns = self.shared.env.clock.monotonic_ns();
        let random = &*self.shared.env.random;
        let Some(delay_ms) = self.restarts.next(&self.shared.config.restart, now_ns, random) else {
            return self.fail(&reason);
        };
        self.shared.board.change(|board| {
            board.status.state = JobState::Restarting;
            board.status.restarts += 1;
        });
        let until_ns = now_ns.saturating_add(delay_ms.saturating_mul(1_000_000));
        self.restart_at_ns = until_ns;
        self.phase = if publishing { Phase::Draining } else { Phase::WaitingToRestart { until_ns } };
    }

    fn fail(&mut self, reason: &str) {
        self.refuse_asked(reason);
        self.end(JobState::Failed);
    }

    /// Fails whatever is still asked for.
    pub(super) fn refuse_asked(&mut self, reason: &str) {
        for command in std::mem::take(&mut self.asked) {
            self.settle(command.trigger(), TriggerStatus::Failed { reason: reason.to_owned() });
        }
    }
}

#[cfg(test)]
mod tests {
    use alluvium_env::SeededRandom;

    use super::*;

    fn delays(strategy: RestartStrategy, at_ms: &[u64]) -> Vec<Option<u64>> {
        let (mut state, random) = (RestartState::default(), SeededRandom::new(1));
        at_ms.iter().map(|ms| state.next(&strategy, ms * 1_000_000, &random)).collect()
    }

    #[test]
    fn a_fixed_delay_ends_after_its_attempts() {
        let strategy = RestartStrategy::FixedDelay { attempts: 2, delay_ms: 5 };
        assert_eq!(delays(strategy, &[0, 1, 2]), [Some(5), Some(5), None]);
    }

    #[test]
    fn exponential_delays_double_and_start_over_after_calm() {
        let strategy = RestartStrategy::ExponentialDelay {
            initial_ms: 10,
            most_ms: 30,
            reset_after_ms: 1000,
            jitter: 0.0,
        };
        assert_eq!(delays(strategy, &[0, 1, 2, 3, 5000]), [Some(10), Some(20), Some(30), Some(30), Some(10)]);
    }

    #[test]
    fn a_failure_rate_forgets_old_failures() {
        let strategy = RestartStrategy::FailureRate { failures: 3, per_ms: 100, delay_ms: 1 };
        assert_eq!(delays(strategy, &[0, 10, 500, 510, 520]), [Some(1), Some(1), Some(1), Some(1), None]);
    }
}
