//! A real S3-protocol server in this process, over loopback.

use alluvium_store::{Error, ObjectPath, Store, block_on};
use alluvium_store_cloud::CloudStore;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;

/// Serves a directory, one bucket per folder; returns the endpoint.
fn serve(dir: &std::path::Path) -> String {
    let files = s3s_fs::FileSystem::new(dir).unwrap();
    let mut service = S3ServiceBuilder::new(files);
    service.set_auth(SimpleAuth::from_single("key", "secret"));
    let service = service.build();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let _ = Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(socket), service)
                        .await;
                });
            }
        });
    });
    format!("http://{address}")
}

fn path(text: &str) -> ObjectPath {
    ObjectPath::new(text).unwrap()
}

#[test]
fn a_bucket_keeps_the_laws_of_a_store() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("bucket")).unwrap();
    let endpoint = serve(dir.path());
    let open = |place| CloudStore::open_at(place, &endpoint, "key", "secret");
    let store = open("s3://bucket/jobs/one").unwrap();

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
