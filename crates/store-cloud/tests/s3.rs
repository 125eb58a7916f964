//! What only a server of our own making shows.

use alluvium_store::{Error, ObjectPath, Store, block_on};
use alluvium_store_cloud::CloudStore;

fn path(text: &str) -> ObjectPath {
    ObjectPath::new(text).unwrap()
}

/// Create-if-absent is what publication rests on. A server that ignores the condition is told apart.
#[test]
fn create_asks_the_server_to_refuse_an_object_that_exists() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut head = vec![0; 8192];
        let read = socket.read(&mut head).unwrap();
        socket.write_all(b"HTTP/1.1 412 Precondition Failed\r\ncontent-length: 0\r\n\r\n").unwrap();
        String::from_utf8_lossy(&head[..read]).to_lowercase()
    });
    let store = CloudStore::open_at("s3://bucket/x", &format!("http://{address}"), "key", "secret").unwrap();
    let answer = block_on(store.create(&path("a"), b"x".as_slice().into()));
    assert!(matches!(answer, Err(Error::Exists { .. })), "{answer:?}");
    assert!(server.join().unwrap().contains("if-none-match: *"));
}
