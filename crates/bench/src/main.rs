//! Measures what the issues promise about speed, beside the limits of the same machine in the same run.
//!
//! Not a test: figures depend on the machine. See the README of this crate.

mod args;
mod data;
mod increment;
mod limits;
mod measure;
mod pause;
mod report;
mod savepoint;
mod scan;
mod suite;
mod update;
mod world;

use args::Args;
use data::{Account, Counter};
use report::Report;

fn main() -> anyhow::Result<()> {
    let Some(args) = Args::parse(std::env::args().skip(1))? else {
        println!("{}", args::USAGE);
        return Ok(());
    };
    println!(
        "{} keys, {} barriers; CPU time of one thread, best of {}",
        args.keys, args.barriers, args.rounds
    );
    if args.runs("counter") {
        let mut report = Report::new("i64 -> i64");
        suite::run::<Counter>(&args, &mut report)?;
        report.print();
    }
    if args.runs("account") {
        let mut report = Report::new("i64 -> struct of 6 fields");
        suite::run::<Account>(&args, &mut report)?;
        report.print();
    }
    Ok(())
}
