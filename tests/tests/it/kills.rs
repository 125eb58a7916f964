//! Fifty hard kills of the real process at random points and at every named step of publication.
//!
//! `ALLUVIUM_KILLS` sets another number of kills, `ALLUVIUM_SEED` another seed.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use alluvium_flights::Output;
use alluvium_model::spec;
use alluvium_testkit::mutate::Numbers;

use crate::process::{Flights, Sandbox, Worker, until};

/// Thousands of flights of a series.
const BLOCKS: usize = 40;
/// Rows a second, so that a series takes a dozen kills.
const RATE: u64 = 20_000;
/// Kills after which a series is left to finish.
const KILLS_OF_SERIES: usize = 13;

/// The steps between data, block lists, manifest, claims and commit, and how often each is passed
/// within a few checkpoints.
const STEPS: [(&str, usize); 7] = [
    ("data-written", 4),
    ("lists-written", 4),
    ("manifest-written", 4),
    ("claims-read", 4),
    ("before-notify", 4),
    ("before-commit", 12),
    ("after-commit", 12),
];

#[test]
fn fifty_hard_kills_leave_the_output_of_an_undisturbed_run() {
    spec!("PUB-1", "PUB-2", "FENCE-1", "COLLECT-5");
    let wanted = number("ALLUVIUM_KILLS").unwrap_or(50) as usize;
    let seed = number("ALLUVIUM_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("seed {seed}");
    let began = Instant::now();
    let expected = Sandbox::new().undisturbed(BLOCKS);
    let mut numbers = Numbers::new(seed);
    let mut kills = Kills::default();
    while kills.count < wanted {
        kills.series += 1;
        let most = KILLS_OF_SERIES.min(wanted - kills.count);
        series(&mut numbers, &mut kills, most, &expected);
    }
    println!(
        "{} hard kills in {} series, {} of them after a checkpoint of the killed attempt, in {:.1} s: {:?}",
        kills.count,
        kills.series,
        kills.after_checkpoint,
        began.elapsed().as_secs_f64(),
        kills.at
    );
    for (step, _) in STEPS {
        assert!(wanted < 50 || kills.at.contains_key(step), "never killed at {step}");
    }
}

/// What was killed.
#[derive(Default)]
struct Kills {
    count: usize,
    series: usize,
    after_checkpoint: usize,
    at: BTreeMap<&'static str, usize>,
    /// The next step to die at; they take turns.
    next_step: usize,
}

/// Kills one job again and again, lets it finish, and compares.
fn series(numbers: &mut Numbers, kills: &mut Kills, most: usize, expected: &Output) {
    let sandbox = Sandbox::new();
    for kill in 0..most {
        let parallelism = (1 + numbers.below(3)).to_string();
        let flags = ["-s", "latest", "-p", &parallelism, "--checkpoint-interval", "100ms", "--retain", "2"];
        let mut job = Flights {
            root: "root",
            out: "out",
            flags: &flags,
            blocks: BLOCKS,
            rate: Some(RATE),
            ..Flights::default()
        };
        // Every other kill is at a named step.
        let step = (kill % 2 == 1).then(|| STEPS[kills.next_step % STEPS.len()]);
        if let Some((name, passes)) = step {
            job.crash_at = Some(format!("{name}:{}", 1 + numbers.below(passes)));
        }
        let before = sandbox.manifests("root");
        let mut worker = sandbox.flights("worker", &job);
        let killed = match step {
            Some(_) => died_by_itself(&mut worker),
            None => killed_at_random(&sandbox, &mut worker, &before, numbers),
        };
        if !killed {
            break;
        }
        kills.count += 1;
        *kills.at.entry(step.map_or("random", |(name, _)| name)).or_default() += 1;
        kills.next_step += usize::from(step.is_some());
        kills.after_checkpoint += usize::from(sandbox.manifests("root") != before);
        every_manifest_is_whole(&sandbox);
    }
    let last = Flights {
        root: "root",
        out: "out",
        flags: &["-s", "latest", "-p", "2", "--checkpoint-interval", "100ms"],
        blocks: BLOCKS,
        ..Flights::default()
    };
    sandbox.flights("worker", &last).finish();
    assert!(sandbox.output("out") == *expected, "series {}: the output differs", kills.series);
    let left = sandbox.hidden("out");
    assert!(left.is_empty(), "series {}: left behind by killed attempts: {left:?}", kills.series);
    sandbox.alluvium(&["verify", "root"]).exits(0);
}

/// Waits for a crash at a step; false if the job came to its end before.
fn died_by_itself(worker: &mut Worker) -> bool {
    let status = worker.ends();
    assert!(status.success() || status.code().is_none(), "{status}\n{}", worker.log());
    !status.success()
}

/// Kills some time after the start, or after a checkpoint; false if the job ended before.
fn killed_at_random(
    sandbox: &Sandbox,
    worker: &mut Worker,
    before: &[String],
    numbers: &mut Numbers,
) -> bool {
    if numbers.below(4) > 0 {
        // After a checkpoint of its own, there is work to lose and work to keep.
        until("a checkpoint completes", || {
            let new = sandbox.manifests("root").iter().any(|name| !before.contains(name));
            (new || worker.ended().is_some()).then_some(())
        });
    }
    std::thread::sleep(Duration::from_micros(numbers.below(300_000) as u64));
    if let Some(status) = worker.ended() {
        assert!(status.success(), "{status}\n{}", worker.log());
        return false;
    }
    worker.kill();
    true
}

/// Whatever was interrupted, a manifest that is there opens and all of it is sound.
fn every_manifest_is_whole(sandbox: &Sandbox) {
    for name in sandbox.manifests("root") {
        let path = sandbox.path("root/checkpoints").join(name);
        let snapshot = alluvium_snapshot::open_location(&path).unwrap();
        let mut damages = Vec::new();
        snapshot
            .verify(&mut |damage| {
                damages.push(damage);
                ControlFlow::Continue(())
            })
            .unwrap();
        assert!(damages.is_empty(), "{}: {damages:?}", path.display());
    }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text}: a number is wanted")))
}
