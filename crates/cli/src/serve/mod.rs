//! `photonet serve`: the page, out of this program, with a model beside it.

mod page;

use crate::error::CliError;
use crate::output::say;
use clap::Args;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use page::Page;
use photonet_train::{find_model, load_model};
use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Options of `photonet serve`.
#[derive(Debug, Args)]
pub struct ServeOptions {
    /// Model file, or the folder it is in; without one the page asks for a model.
    #[arg(short, long)]
    pub model: Option<PathBuf>,
    /// Port; 0 takes any free one.
    #[arg(short, long, default_value_t = 8010)]
    pub port: u16,
    /// Address to listen on. Browsers offer WebGPU only to https and to this machine itself.
    #[arg(long, default_value = "127.0.0.1")]
    pub host: IpAddr,
}

/// Runs the command, until it is interrupted.
pub fn run(options: &ServeOptions) -> Result<ExitCode, CliError> {
    let mut page = Page::embedded().ok_or_else(|| {
        CliError::Usage(
            "this photonet was built without the page: run `cargo xtask web` in the repository, then build it again"
                .into(),
        )
    })?;
    let mut shown = "none; the page takes one that is dropped on it".to_string();
    if let Some(path) = &options.model {
        let path = find_model(path)?;
        let model = load_model(&path)?;
        let bytes = std::fs::read(&path)
            .map_err(|error| CliError::Usage(format!("cannot read the model {}: {error}", path.display())))?;
        shown = format!("{} ({})", path.display(), model.architecture);
        page = page.with_model(Bytes::from(bytes));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(SocketAddr::new(options.host, options.port), page, &shown))
}

async fn serve(address: SocketAddr, page: Page, model: &str) -> Result<ExitCode, CliError> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        let advice = match error.kind() {
            ErrorKind::AddrInUse => {
                "another program uses this port: choose one with --port, or 0 for any free one"
            }
            ErrorKind::PermissionDenied => "ports below 1024 are the system's: choose one with --port",
            _ => "choose an address of this machine with --host, and a port with --port",
        };
        CliError::Usage(format!("cannot listen on {address}: {error}; {advice}"))
    })?;
    say(format_args!("page   http://{}/", listener.local_addr()?))?;
    say(format_args!("model  {model}"))?;
    say("Photos are classified inside the browser and are sent nowhere. Ctrl-C ends this.")?;
    let page = Arc::new(page);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // Such as too many open files: it passes.
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let page = page.clone();
        tokio::spawn(async move {
            let answer = service_fn(move |request: Request<Incoming>| {
                let response: Response<_> =
                    page.answer(request.method(), request.uri().path(), request.headers());
                async move { Ok::<_, Infallible>(response) }
            });
            // A browser that goes away in the middle is nobody's error.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}
