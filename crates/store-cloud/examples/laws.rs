//! The laws of a store, asked of a real server: `laws s3://BUCKET/PREFIX`, with the server and the credentials
//! in the environment as for the program. The prefix must be empty; another bucket, `nobody`, must not exist.

use alluvium_store::{Error, ObjectPath, Store, block_on};
use alluvium_store_cloud::CloudStore;

fn path(text: &str) -> ObjectPath {
    ObjectPath::new(text).expect("a path")
}

fn main() {
    let place = std::env::args().nth(1).expect("usage: laws s3://BUCKET/PREFIX");
    let open = |place: &str| CloudStore::open(place);
    let store = open(&place).unwrap();

    block_on(store.create(&path("objects/a"), b"hello".as_slice().into())).unwrap();
    assert_eq!(block_on(store.get(&path("objects/a"))).unwrap(), b"hello".as_slice());
    let ranges = block_on(store.get_ranges(&path("objects/a"), &[1..4, 2..2, 0..5])).unwrap();
    assert_eq!(ranges, [b"ell".as_slice(), b"", b"hello"]);
    assert_eq!(block_on(store.size(&path("objects/a"))).unwrap(), Some(5));

    let behind = block_on(store.get_ranges(&path("objects/a"), std::slice::from_ref(&(3..9))));
    assert!(matches!(behind, Err(Error::OutOfRange { size: 5, .. })), "{behind:?}");
    assert!(matches!(block_on(store.get(&path("objects/b"))), Err(Error::Missing { .. })));
    assert_eq!(block_on(store.size(&path("objects/b"))).unwrap(), None);

    let mut writer = block_on(store.writer(&path("objects/c"))).unwrap();
    block_on(writer.write(b"in ".as_slice().into())).unwrap();
    block_on(writer.write(b"pieces".as_slice().into())).unwrap();
    assert_eq!(block_on(store.size(&path("objects/c"))).unwrap(), None, "nothing shows before the end");
    block_on(writer.finish()).unwrap();
    assert_eq!(block_on(store.get(&path("objects/c"))).unwrap(), b"in pieces".as_slice());

    let listed = block_on(store.list("objects/")).unwrap();
    let names: Vec<_> = listed.iter().map(|entry| (entry.path.as_str(), entry.size)).collect();
    assert_eq!(names, [("objects/a", 5), ("objects/c", 9)]);
    assert_eq!(block_on(store.list("objects/c")).unwrap().len(), 1);

    block_on(store.delete(&path("objects/a"))).unwrap();
    block_on(store.delete(&path("objects/a"))).unwrap();
    assert_eq!(block_on(store.size(&path("objects/a"))).unwrap(), None);

    let wrong = open("s3://nobody/x").unwrap();
    assert!(block_on(wrong.get(&path("a"))).is_err());
    for place in ["s3://", "bucket/x", "https://bucket/x"] {
        assert!(open(place).is_err(), "{place}");
    }
    println!("{place}: created, read, ranged, sized, listed, written in pieces, deleted as the laws say");
}
