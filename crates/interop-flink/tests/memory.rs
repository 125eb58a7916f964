//! Bytes from outside take no more memory than their length allows.

#[expect(unreachable_pub, reason = "the file is a public module of the test kit")]
#[path = "../../testkit/src/allocation.rs"]
mod allocation;

use std::path::Path;

use alluvium_interop_flink::bytes::Input;
use alluvium_interop_flink::{java, metadata};

#[global_allocator]
static ALLOCATOR: allocation::Counting = allocation::Counting;

/// Returns the most bytes that reading took over all the variants of some bytes.
fn worst(bytes: &[u8], read: impl Fn(&[u8])) -> usize {
    let mut worst = 0;
    let mut changed = bytes.to_vec();
    for at in 0..bytes.len() {
        for value in [0x7F, 0xFF] {
            changed[at] = value;
            worst = worst.max(allocation::peak_of(|| read(&changed)).1);
        }
        changed[at] = bytes[at];
    }
    worst
}

#[test]
fn flipped_metadata_takes_at_most_forty_times_its_length() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/flink/metadata");
    for file in std::fs::read_dir(dir).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let worst = worst(&bytes, |bytes| drop(metadata::read(bytes)));
        assert!(worst <= 40 * bytes.len(), "{worst} for {}", bytes.len());
    }
}

#[test]
fn a_flood_of_finished_subtasks_takes_at_most_a_hundred_times_its_length() {
    let mut bytes = metadata::MAGIC.to_be_bytes().to_vec();
    bytes.extend([0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
    bytes.extend([0; 25]);
    bytes.extend(100_000_i32.to_be_bytes());
    bytes.resize(bytes.len() + 400_000, 0xFF);
    let (read, peak) = allocation::peak_of(|| metadata::read(&bytes).map(|metadata| metadata.operators));
    assert_eq!(read.unwrap()[0].subtasks.len(), 100_000);
    assert!(peak <= 100 * bytes.len(), "{peak}");
}

#[test]
fn java_streams_made_of_references_take_at_most_a_hundred_times_their_length() {
    // An array of objects, each of which is null or the array itself, or an empty string.
    let head: Vec<u8> = [
        &[0xAC, 0xED, 0, 5, 0x75, 0x72, 0, 19][..],
        b"[Ljava.lang.Object;",
        &[0x90, 0xCE, 0x58, 0x9F, 0x10, 0x73, 0x29, 0x6C, 2, 0, 0, 0x78, 0x70],
    ]
    .concat();
    for element in [&[0x70][..], &[0x71, 0, 0x7E, 0, 1], &[0x74, 0, 0]] {
        let count = 300_000;
        let stream = [&head[..], &u32::to_be_bytes(count), &element.repeat(count as usize)].concat();
        let (graph, peak) = allocation::peak_of(|| java::read(&mut Input::new(&stream)));
        assert_eq!(graph.unwrap().root().as_array().unwrap().len(), count as usize);
        assert!(peak <= 100 * stream.len(), "{peak} for {}", stream.len());
    }
}
