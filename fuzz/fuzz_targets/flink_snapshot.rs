#![no_main]

use alluvium_testkit::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| fuzz::flink_snapshot(data));
