//! A real S3-protocol server over a directory, one bucket a folder: `s3-server DIR`.
//!
//! Listens on loopback, prints its endpoint in one line and serves until it is killed. Whoever asks
//! signs with the key `key` and the secret `secret`.

use std::error::Error;
use std::net::Ipv4Addr;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("usage: s3-server DIR")?;
    let files = s3s_fs::FileSystem::new(std::path::Path::new(&folder)).map_err(|e| format!("{e:?}"))?;
    let mut service = S3ServiceBuilder::new(files);
    service.set_auth(SimpleAuth::from_single("key", "secret"));
    let service = service.build();
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("http://{}", listener.local_addr()?);
        loop {
            let (socket, _) = listener.accept().await?;
            let service = service.clone();
            tokio::spawn(async move {
                let builder = Builder::new(TokioExecutor::new());
                // A client that hangs up is no fault of the server.
                let _ = builder.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    })
}
