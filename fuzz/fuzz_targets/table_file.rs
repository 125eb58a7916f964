#![no_main]

use alluvium_testkit::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: fuzz::catch_panics(), |data: &[u8]| fuzz::table_file(data));
