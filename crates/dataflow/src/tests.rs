use alluvium_state::ValueState;

use crate::testing::{Collected, VecSource};
use crate::*;

struct Last {
    last: ValueState<i64>,
}

impl KeyedProcess for Last {
    type Key = i64;
    type In = i64;
    type Out = i64;

    fn process(&mut self, record: i64, ctx: &mut KeyedContext<'_, i64, i64>) -> OperatorResult {
        self.last.set(ctx, record);
        ctx.emit(record);
        Ok(())
    }
}

fn numbers(builder: &JobBuilder) -> Stream<i64> {
    builder.source(VecSource::of_splits(vec![vec![(1, 1)], vec![(2, 2)]]))
}

fn last(stream: &Stream<i64>) -> Stream<i64> {
    stream.key_by(|n| *n).process(|states: &mut Declare<i64>| Last { last: states.value("last") })
}

#[test]
fn a_description_names_operators_states_and_edges_without_running() {
    let builder = JobBuilder::new("job");
    let keyed = last(&numbers(&builder).uid("numbers").name("Numbers")).uid("last").parallelism(2);
    keyed.sink(Collected::new().sink()).uid("out");
    let description = builder.build().unwrap().describe(3);

    let operators: Vec<_> = description.operators.iter().map(|o| (o.role.as_str(), o.parallelism)).collect();
    assert_eq!(operators, [("source", 3), ("process", 2), ("sink", 3)]);
    let states: Vec<_> = description
        .operators
        .iter()
        .flat_map(|o| &o.states)
        .map(|s| (s.name.as_str(), s.kind.word()))
        .collect();
    assert_eq!(
        states,
        [
            ("source-positions", "operator-list"),
            ("last", "value"),
            ("pending-transactions", "pending-transactions")
        ]
    );
    let exchanges: Vec<_> = description.edges.iter().map(|e| e.exchange.as_str()).collect();
    assert_eq!(exchanges, ["hash", "forward"]);
}

#[test]
fn an_id_without_uid_follows_from_the_shape_before_it() {
    let build = |extra: bool| {
        let builder = JobBuilder::new("job");
        let stream = numbers(&builder);
        let stream = if extra { stream.map(|n| n + 1) } else { stream };
        last(&stream);
        let ids: Vec<_> = builder.build().unwrap().nodes().iter().map(|n| n.id).collect();
        *ids.last().unwrap()
    };
    assert_eq!(build(false), build(false));
    assert_ne!(build(false), build(true));
}

#[test]
fn one_uid_for_two_operators_is_refused() {
    let builder = JobBuilder::new("job");
    last(&numbers(&builder).uid("same")).uid("same");
    assert!(matches!(builder.build(), Err(Error::UidTwice { uid, .. }) if uid == "same"));
}

#[test]
fn a_side_output_must_be_declared() {
    let builder = JobBuilder::new("job");
    let stream = numbers(&builder);
    stream.side_output(&OutputTag::<i64>::new("late")).sink(Collected::new().sink());
    assert!(matches!(builder.build(), Err(Error::UnknownOutput { tag, .. }) if tag == "late"));
}

#[test]
fn a_job_without_source_is_refused() {
    assert!(matches!(JobBuilder::new("job").build(), Err(Error::NoSource { .. })));
}

#[test]
fn an_operator_is_found_by_uid_and_made_without_the_graph() {
    let builder = JobBuilder::new("job");
    last(&numbers(&builder)).uid("last");
    let job = builder.build().unwrap();
    let instance = (job.operator("last").unwrap().factory)(alluvium_state::BackendOptions::default());
    assert_eq!(instance.keyed.unwrap().schemas()[0].name, "last");
    assert!(matches!(job.operator("nobody"), Err(Error::UnknownOperator { .. })));
}

#[test]
fn a_sources_watermark_is_the_lowest_of_its_splits() {
    let builder = JobBuilder::new("job");
    builder.source(VecSource::of_splits(vec![vec![("a", 10), ("b", 30)], vec![("c", 20)]]));
    let job = builder.build().unwrap();
    let mut operator = (job.nodes()[0].factory)(alluvium_state::BackendOptions::default()).operator;
    let env = alluvium_env::Env::simulated(1);
    let info = SubtaskInfo { subtask: 0, parallelism: 1, attempt: 1, owner: "a".into(), ids: env.ids };
    operator.open(&info).unwrap();
    let mut outputs = Outputs::default();
    let mut seen = Vec::new();
    operator.as_source().unwrap().start().unwrap();
    loop {
        let mut host = Host { keyed: None, outputs: &mut outputs, watermark_ms: MIN_TIME, now_ms: 0 };
        let source = operator.as_source().unwrap();
        let status = source.read(1, &mut host).unwrap();
        seen.push(source.watermark_ms());
        if status == ReadStatus::End {
            break;
        }
    }
    assert_eq!(seen.first(), Some(&MIN_TIME));
    assert_eq!(seen, [MIN_TIME, 9, MAX_TIME, MAX_TIME]);
}
