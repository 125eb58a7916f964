//! The job against an independent recomputation of its output, on the real data.

use std::path::Path;

use alluvium::dataflow::{
    AnyBatch, Host, Instance, Job, MIN_TIME, Operator, Outputs, ReadStatus, SubtaskInfo,
};
use alluvium::env::Env;
use alluvium::model::{StateKind, TimeDomain};
use alluvium::state::{BackendOptions, KeyedBackend};
use alluvium_flights::{Options, Output, Variant, default_data, job_of, read_flights, reference};

/// Something that an operator is made to do.
type Act<'a> = &'a mut dyn FnMut(&mut dyn Operator, &mut Host<'_>);

/// A job in one thread with one subtask per operator and no checkpoint but the last.
struct Straight {
    job: Job,
    instances: Vec<Instance>,
    outputs: Vec<Outputs>,
}

impl Straight {
    fn new(job: Job) -> Self {
        let info = SubtaskInfo {
            subtask: 0,
            parallelism: 1,
            attempt: 1,
            owner: "a".into(),
            ids: Env::simulated(1).ids,
        };
        let mut instances: Vec<Instance> =
            job.nodes().iter().map(|node| (node.factory)(BackendOptions::default())).collect();
        instances.iter_mut().for_each(|instance| instance.operator.open(&info).unwrap());
        let outputs =
            job.nodes().iter().map(|node| Outputs::new(node.declared.outputs.iter().cloned())).collect();
        Straight { job, instances, outputs }
    }

    fn run(&mut self, budget: usize) {
        self.instances[0].operator.as_source().unwrap().start().unwrap();
        loop {
            let mut status = ReadStatus::Idle;
            self.drive(0, MIN_TIME, &mut |operator, host| {
                status = operator.as_source().unwrap().read(budget, host).unwrap();
            });
            let watermark_ms = self.instances[0].operator.as_source().unwrap().watermark_ms();
            for node in 0..self.instances.len() {
                self.drive(node, watermark_ms, &mut |operator, host| {
                    while !operator.fire(TimeDomain::Event, watermark_ms, 100, host).unwrap() {}
                });
            }
            if status == ReadStatus::End {
                return self.commit();
            }
        }
    }

    /// Lets an operator do something and takes what it writes to those behind it.
    fn drive(&mut self, node: usize, watermark_ms: i64, act: Act<'_>) {
        let Instance { operator, keyed } = &mut self.instances[node];
        let keyed: Option<&mut dyn KeyedBackend> = match keyed {
            Some(backend) => Some(&mut **backend),
            None => None,
        };
        let mut host = Host { keyed, outputs: &mut self.outputs[node], watermark_ms, now_ms: 0 };
        act(&mut **operator, &mut host);
        for (output, batch) in self.outputs[node].take() {
            let nodes = self.job.nodes().iter().enumerate();
            let readers: Vec<usize> = nodes
                .filter(|(_, reader)| reader.inputs.iter().any(|i| i.from == node && i.output == output))
                .map(|(i, _)| i)
                .collect();
            for reader in readers {
                let mut batch: Option<AnyBatch> = Some(batch.clone());
                self.drive(reader, watermark_ms, &mut |operator, host| {
                    operator.process_batch(batch.take().unwrap(), host).unwrap();
                });
            }
        }
    }

    fn commit(&mut self) {
        for instance in &mut self.instances {
            if let Some(sink) = instance.operator.as_sink() {
                sink.pre_commit(1).unwrap();
                sink.commit(1).unwrap();
            }
        }
    }
}

fn run(out: &Path, variant: Variant, budget: usize) -> Output {
    let options = Options { out: out.into(), variant, ..Options::default() };
    Straight::new(job_of(&options).unwrap()).run(budget);
    Output::committed(out).unwrap()
}

fn expected() -> Output {
    let flights = read_flights(&default_data()).unwrap();
    assert_eq!(flights.len(), 336_776);
    let (rotations, totals) = reference(&flights);
    let unknown: Vec<_> = flights.into_iter().filter(|f| f.tailnum.is_none()).collect();
    Output::of(&rotations, &totals, &unknown)
}

#[test]
fn output_is_that_of_the_reference_however_the_splits_interleave() {
    let expected = expected();
    assert_eq!(expected.unknown_aircraft.len(), 2512);
    for (budget, variant) in [(1000, Variant::Plain), (137, Variant::Compatible)] {
        let dir = tempfile::tempdir().unwrap();
        let output = run(dir.path(), variant, budget);
        assert_eq!(output.rotations.len(), expected.rotations.len());
        assert!(output == expected, "budget {budget}, {variant:?}");
    }
}

#[test]
fn stateful_operators_have_uids() {
    let job = job_of(&Options::default()).unwrap();
    for node in job.nodes() {
        assert_eq!(node.declared.is_stateful(), node.uid.is_some(), "{}", node.name);
    }
}

#[test]
fn states_are_those_of_the_description() {
    let description = job_of(&Options::default()).unwrap().describe(1);
    let aircraft =
        description.operators.iter().find(|o| o.uid.as_ref().is_some_and(|u| u.as_str() == "aircraft"));
    let states: Vec<(&str, StateKind)> =
        aircraft.unwrap().states.iter().map(|s| (s.name.as_str(), s.kind)).take(5).collect();
    assert_eq!(
        states,
        [
            ("position", StateKind::Value),
            ("visits", StateKind::Map),
            ("rotations", StateKind::List),
            ("open-rotation", StateKind::Value),
            ("buffered", StateKind::Map),
        ]
    );
}
