//! Values straight into columns, beside the same values one by one.

use alluvium_model::{ElementType, Value, canonical, column};
use proptest::prelude::*;

use super::super::layouts::length_of;
use super::{Basic, Choices, Codec, Fields, Input, Serializer, encoded};
use crate::columns::Buffer;

/// Appends each of `cells` that the plan takes, and checks that it is what decoding and encoding say.
/// Returns which were taken.
fn taken(serializer: &Serializer, cells: &[Vec<u8>]) -> Vec<bool> {
    let ElementType { ty, nullable } = serializer.element_type();
    let (plan, mut buffer, mut kept) = (serializer.plan(), Buffer::new(&ty), Vec::new());
    let mut row = 0;
    let mut taken = Vec::new();
    for bytes in cells {
        if let Some(length) = length_of(serializer, bytes) {
            let mut input = Input::new(bytes);
            serializer.decode(&mut input).unwrap();
            assert_eq!(input.consumed(), length);
        }
        let slow = serializer.decode_whole(bytes);
        let is_taken = plan.append(bytes, nullable, &mut buffer).is_some();
        taken.push(is_taken);
        if !is_taken {
            buffer.truncate(row);
            continue;
        }
        let cell = slow.unwrap();
        assert_eq!(cell.raw, None, "{bytes:?}");
        assert!(column::holds(&cell.value, &ty) && (nullable || cell.value != Value::Null), "{cell:?}");
        let mut found = Vec::new();
        let found = buffer.canonical(row, &mut found).map(|()| found);
        assert_eq!(found, canonical::to_bytes(&cell.value, &ty).ok(), "{cell:?}");
        kept.push(cell.value);
        row += 1;
    }
    // Nulls where none may stand are refused by both.
    match (column::column_of(&kept, &ty), buffer.finish()) {
        (Ok(slow), Ok(fast)) => assert_eq!(&slow, &fast),
        (slow, fast) => assert_eq!(slow.is_ok(), fast.is_ok(), "{slow:?} {fast:?}"),
    }
    taken
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn columns_hold_what_values_hold(
        shape in prop::collection::vec(any::<u8>(), 0..60),
        rows in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..60), any::<(u16, u8, u8)>()), 0..12),
    ) {
        let serializer = Choices(shape.iter()).serializer(3);
        let ty = serializer.element_type();
        let mut cells = Vec::new();
        for (data, (at, flip, how)) in rows {
            let value = Choices(data.iter()).element(&ty);
            let Some(mut bytes) = encoded(&serializer, &value) else { continue };
            match how % 4 {
                0 if !bytes.is_empty() => {
                    let at = usize::from(at) % bytes.len();
                    bytes[at] ^= flip;
                }
                1 => bytes.extend([flip].iter().take(usize::from(how / 4 % 2))),
                2 => bytes.truncate(usize::from(at) % (bytes.len() + 1)),
                _ => {}
            }
            cells.push(bytes);
            cells.push(data);
        }
        taken(&serializer, &cells);
    }
}

#[test]
fn odd_forms_take_the_slow_path_and_common_ones_do_not() {
    let basic = |basic| Serializer::new("Test", Codec::Basic(basic));
    let check = |serializer: &Serializer, cells: &[&[u8]], want: &[bool]| {
        let cells: Vec<Vec<u8>> = cells.iter().map(|cell| cell.to_vec()).collect();
        assert_eq!(taken(serializer, &cells), want, "{serializer:?}");
    };
    let texts: [&[u8]; 9] = [
        b"\x00",
        b"\x01",
        b"\x03ab",
        b"\x02\xE9\x01",
        b"\x03\xBD\xB0\x03\x80\xBC\x03",
        b"\x02\x80\xB0\x03",
        b"\x83\x00ab",
        b"\x02\xE9\x81\x00",
        b"\x03abc",
    ];
    let common = [true, true, true, true, true, false, false, false, false];
    check(&basic(Basic::String), &texts, &common);
    check(&basic(Basic::Bool), &[&[0], &[1], &[2], &[]], &[true, true, false, false]);
    let numbers = [1.5f64.to_be_bytes(), f64::NAN.to_be_bytes(), (f64::NAN.to_bits() | 1).to_be_bytes()];
    check(&basic(Basic::Float64), &numbers.each_ref().map(|n| n.as_slice()), &[true, true, false]);
    check(&basic(Basic::Char), &[&[0, 97], &[0xD8, 0]], &[true, false]);
    let pair = Codec::Fields(Fields::tuple(vec![basic(Basic::Int32), basic(Basic::String)]));
    let pair = Serializer::new("Test", pair);
    check(&pair, &[&[0, 0, 0, 7, 2, b'x'], &[0, 0, 0, 7], &[0, 0, 0, 7, 0, 9]], &[true, false, false]);
}
