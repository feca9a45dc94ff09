//! `photonet serve` through the program and a plain connection.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};

use common::{program, run, says, train, workplace};

/// Whether the program was built after `cargo xtask web`.
fn has_page() -> bool {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/site/dist/index.html").is_file()
}

/// A serving program, ended with the test.
struct Server {
    child: Child,
    address: String,
    said: String,
}

impl Server {
    fn start(folder: &Path, arguments: &str) -> Self {
        let mut command = program(folder);
        command.args(["serve", "--port", "0"]).args(arguments.split_whitespace()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program can be started");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let said: Vec<String> = (0..3).map(|_| lines.next().expect("three lines").expect("text")).collect();
        let said = said.join("\n");
        let start = said.find("http://").expect("an address") + "http://".len();
        let address = said[start..].split('/').next().expect("a host").to_string();
        Self { child, address, said }
    }

    /// The head and the body of an answer.
    fn ask(&self, method: &str, path: &str) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address)
            .expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
        let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
        (head, answer[end..].to_vec())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which the test has noticed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_page_and_the_model_are_served_and_nothing_else() {
    let folder = workplace();
    let at = folder.path();
    if !has_page() {
        let message = run(at, "serve").failed();
        says(&message, &["without the page", "cargo xtask web"]);
        println!("skipped: the page is not built (cargo xtask web)");
        return;
    }
    train(at, "photos --epochs 1 --out made").ok();
    let server = Server::start(at, "--model made/best_model");
    says(&server.said, &["with 3 classes)", "model.safetensors", "127.0.0.1"]);
    assert_eq!(server.said.matches("3 classes").count(), 1, "{}", server.said);

    let (head, body) = server.ask("GET", "/");
    says(
        &head,
        &["200 ok", "text/html", "content-security-policy: default-src 'none'", "connect-src 'self'"],
    );
    says(&String::from_utf8_lossy(&body), &["<html", "Photonet"]);
    let (head, body) = server.ask("GET", "/model.safetensors");
    says(&head, &["200 ok", "etag", "no-cache"]);
    assert_eq!(body, std::fs::read(at.join("made/best_model/model.safetensors")).unwrap());
    let (head, body) = server.ask("HEAD", "/model.safetensors");
    says(&head, &["200 ok", "content-length"]);
    assert!(body.is_empty());
    for path in ["/nothing", "/../Cargo.toml", "/%2e%2e/Cargo.toml", "//etc/passwd"] {
        says(&server.ask("GET", path).0, &["404"]);
    }
    says(&server.ask("POST", "/").0, &["405", "allow: get, head"]);

    // A second one on the same port says which and what to do.
    let port = server.address.rsplit(':').next().unwrap();
    says(&run(at, &format!("serve --port {port}")).failed(), &[port, "--port"]);
}

#[test]
fn what_is_no_model_is_refused_before_serving() {
    if !has_page() {
        println!("skipped: the page is not built (cargo xtask web)");
        return;
    }
    let folder = workplace();
    std::fs::write(folder.path().join("other.safetensors"), "text").unwrap();
    says(&run(folder.path(), "serve --model other.safetensors").failed(), &["other.safetensors"]);
    says(&run(folder.path(), "serve --model missing").failed(), &["missing"]);
}
