use std::sync::Arc;

use alluvium_dataflow::{AnyBatch, Batch};
use alluvium_env::SystemClock;

use super::*;
use crate::channel::Cause;
use crate::scheduler::{Bell, Scheduler, ThreadScheduler};

fn gate(channels: usize) -> (Gate, Vec<Arc<Channel>>) {
    let scheduler: Arc<dyn Scheduler> = ThreadScheduler::start(Arc::new(SystemClock::new()), 1, 1);
    let bell = || Bell::new(&scheduler, 0);
    let channels: Vec<_> = (0..channels).map(|_| Channel::new(8, bell(), bell())).collect();
    (Gate::new(channels.iter().cloned().enumerate().collect()), channels)
}

fn records(n: i64) -> Element {
    let mut batch = Batch::new();
    batch.push(n, n);
    Element::Batch(AnyBatch::new(batch))
}

fn barrier(checkpoint_id: u64) -> Element {
    Element::Barrier(Arc::new(Barrier { checkpoint_id, cause: Cause::Checkpoint, as_of_ms: 0 }))
}

/// Prints what arrives until nothing does.
fn drain(gate: &mut Gate) -> Vec<String> {
    let print = |arrival| match arrival {
        Arrival::Records { batch, .. } => format!("{}", batch.downcast::<i64>().records()[0]),
        Arrival::Watermark(ms) => format!("watermark {ms}"),
        Arrival::Aligned(barrier) => format!("barrier {}", barrier.checkpoint_id),
        Arrival::Ended => "end".to_owned(),
    };
    std::iter::from_fn(|| gate.next()).map(print).collect()
}

fn send(channel: &Channel, elements: impl IntoIterator<Item = Element>) {
    for element in elements {
        channel.push(element).unwrap();
    }
}

#[test]
fn a_channel_that_delivered_the_barrier_waits_for_the_others() {
    let (mut gate, channels) = gate(2);
    send(&channels[0], [records(1), barrier(1), records(2)]);
    assert_eq!(drain(&mut gate), ["1"]);
    send(&channels[1], [records(3)]);
    assert_eq!(drain(&mut gate), ["3"]);
    send(&channels[1], [barrier(1), records(4)]);
    let seen = drain(&mut gate);
    assert_eq!(seen[0], "barrier 1");
    assert_eq!(seen.len(), 3);
}

#[test]
fn an_aborted_barrier_blocks_nothing_and_its_rest_is_dropped() {
    let (mut gate, channels) = gate(2);
    send(&channels[0], [barrier(1), records(1)]);
    assert!(drain(&mut gate).is_empty());
    gate.abort(1);
    send(&channels[1], [barrier(1), records(2)]);
    let mut seen = drain(&mut gate);
    seen.sort();
    assert_eq!(seen, ["1", "2"]);
}

#[test]
fn aborting_a_newer_checkpoint_leaves_the_alignment_of_an_older_one() {
    let (mut gate, channels) = gate(2);
    send(&channels[0], [barrier(1), records(1), barrier(2), records(2)]);
    gate.abort(2);
    assert!(drain(&mut gate).is_empty());
    send(&channels[1], [barrier(1), barrier(2), barrier(3)]);
    assert_eq!(drain(&mut gate), ["barrier 1", "1", "2"]);
    send(&channels[0], [barrier(3)]);
    assert_eq!(drain(&mut gate), ["barrier 3"]);
}

#[test]
fn a_newer_barrier_overtakes_an_alignment_that_was_given_up() {
    let (mut gate, channels) = gate(2);
    send(&channels[0], [barrier(1)]);
    send(&channels[1], [barrier(2)]);
    assert!(drain(&mut gate).is_empty());
    send(&channels[0], [barrier(2)]);
    assert_eq!(drain(&mut gate), ["barrier 2"]);
}

#[test]
fn the_watermark_is_the_lowest_and_never_falls() {
    let (mut gate, channels) = gate(2);
    send(&channels[0], [Element::Watermark(10)]);
    assert!(drain(&mut gate).is_empty());
    send(&channels[1], [Element::Watermark(5), Element::Watermark(3), Element::Watermark(20)]);
    assert_eq!(drain(&mut gate), ["watermark 5", "watermark 10"]);
}

#[test]
fn barriers_pass_after_the_end_of_input() {
    let (mut gate, channels) = gate(2);
    send(&channels[0], [Element::End, barrier(1)]);
    send(&channels[1], [barrier(1), Element::End]);
    assert_eq!(drain(&mut gate), ["barrier 1", "end"]);
}
