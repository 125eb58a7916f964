use std::future::IntoFuture;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use alluvium_env::Env;
use tokio::sync::oneshot;

use crate::handlers::{self, App};
use crate::operations::Operations;
use crate::{Error, JobControl, Result};

/// The port of Flink's REST API; the first that is tried.
pub const DEFAULT_PORT: u16 = 8081;

/// Answers the REST API of one job on loopback until it is shut down.
///
/// **Owns** the listening socket, the thread that answers and the outcomes of asynchronous
/// operations. **Does not own** the job.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    operations: Arc<Operations>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts to answer for a job on 127.0.0.1: on `port` (0 for any), or without one on
    /// [`DEFAULT_PORT`] or the next free port above it.
    ///
    /// # Errors
    /// [`Error::Listen`] when the port is taken, or a hundred in a row.
    pub fn start(job: Arc<dyn JobControl>, env: Env, port: Option<u16>) -> Result<Self> {
        let listener = listen(port)?;
        listener.set_nonblocking(true).map_err(Error::Start)?;
        let address = listener.local_addr().map_err(Error::Start)?;
        let operations = Arc::new(Operations::default());
        let app = App { job, env, operations: Arc::clone(&operations) };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("rest")
            .enable_all()
            .build()
            .map_err(Error::Start)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = move || {
            runtime.block_on(serve(listener, app, stopped));
            // A savepoint that never ends must not keep the process.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("rest".into()).spawn(serve).map_err(Error::Start)?;
        Ok(Server { address, operations, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL under which it answers, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops answering, but first gives clients up to `grace` to fetch the outcomes of the
    /// operations that they began.
    pub fn shutdown(mut self, grace: Duration) {
        self.operations.wait_until_fetched(grace);
        self.end();
    }

    fn end(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

async fn serve(listener: TcpListener, app: App, stopped: oneshot::Receiver<()>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let answer = axum::serve(listener, handlers::router(app));
    // Not axum's graceful shutdown: a client that keeps its connection must not keep the process.
    // The pause lets the last answer leave.
    tokio::select! {
        _ = answer.into_future() => {}
        _ = stopped => tokio::time::sleep(Duration::from_millis(20)).await,
    }
}

fn listen(port: Option<u16>) -> Result<TcpListener> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    if let Some(port) = port {
        return bind(port).map_err(|cause| Error::Listen { port, cause });
    }
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for port in DEFAULT_PORT..DEFAULT_PORT + PORTS_TRIED {
        match bind(port) {
            Ok(listener) => return Ok(listener),
            Err(cause) => last = cause,
        }
    }
    Err(Error::Listen { port: DEFAULT_PORT, cause: last })
}

const PORTS_TRIED: u16 = 100;
