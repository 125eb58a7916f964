//! Keys and values: the same in every run, in no order.

use alluvium_derive::State;
use alluvium_model::typed::StateType;

mod alluvium {
    pub(crate) use alluvium_model as model;
}

/// What a state holds per key.
pub(crate) trait Workload: 'static {
    type Value: StateType;

    /// Returns the first value of a key.
    fn first(number: u64) -> Self::Value;

    /// Changes a value as a record would.
    fn change(value: &mut Self::Value, record: u64);
}

/// A count per key.
pub(crate) struct Counter;

impl Workload for Counter {
    type Value = i64;

    fn first(number: u64) -> i64 {
        (mix(number) % 1_000) as i64
    }

    fn change(value: &mut i64, record: u64) {
        *value += 1 + (record & 7) as i64;
    }
}

/// An account per key.
pub(crate) struct Account;

/// The six fields of an account.
#[derive(State, Clone)]
#[state(crate = "alluvium")]
pub(crate) struct AccountState {
    payments: i64,
    last_ms: i64,
    balance: f64,
    city: String,
    active: bool,
    limit: Option<i64>,
}

impl Workload for Account {
    type Value = AccountState;

    fn first(number: u64) -> AccountState {
        let random = mix(number ^ 0x5DEE_CE66);
        AccountState {
            payments: (random % 1_000) as i64,
            last_ms: 1_700_000_000_000 + (random >> 32) as i64,
            balance: (random % 1_000_000) as f64 / 100.0,
            city: format!("city-{:04}", random % 2_000),
            active: !random.is_multiple_of(5),
            limit: (!random.is_multiple_of(10)).then_some((random >> 20) as i64 % 10_000),
        }
    }

    fn change(value: &mut AccountState, record: u64) {
        value.payments += 1;
        value.last_ms += (record & 0xFFFF) as i64;
        value.balance += (record & 0xFF) as f64 / 4.0;
    }
}

/// Returns the key of a number below the number of keys: 64 bits without any order.
pub(crate) fn key_of(number: u64) -> i64 {
    mix(number) as i64
}

/// Returns a number that looks random; two numbers never give the same.
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Returns the number of the key that a record is for, evenly spread.
pub(crate) fn pick(record: u64, keys: u64) -> u64 {
    mix(record ^ 0xA076_1D64_78BD_642F) % keys
}
