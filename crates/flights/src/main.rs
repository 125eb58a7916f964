//! The example job as a program: `flights describe` and `flights run`.

use std::process::ExitCode;

fn main() -> ExitCode {
    alluvium::main(alluvium_flights::job)
}
