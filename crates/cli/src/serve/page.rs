//! What is answered for a path.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::response::Builder;
use hyper::{Method, Response, StatusCode};
use sha2::{Digest, Sha256};

include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// Where the page looks for its model.
const MODEL: &str = "model.safetensors";

/// Where the policy stands in the page: the server repeats it as a header.
const POLICY: &str = "http-equiv=\"Content-Security-Policy\"";

/// The files of the page, and a model.
pub struct Page {
    files: &'static [(&'static str, &'static [u8])],
    policy: Option<HeaderValue>,
    model: Option<(Bytes, HeaderValue)>,
}

impl Page {
    /// The page in this program; none where it was built without.
    pub fn embedded() -> Option<Self> {
        if FILES.is_empty() { None } else { Some(Self::of(FILES)) }
    }

    fn of(files: &'static [(&'static str, &'static [u8])]) -> Self {
        let index = files.iter().find(|(name, _)| *name == "index.html");
        let text = index.map(|(_, bytes)| String::from_utf8_lossy(bytes)).unwrap_or_default();
        // Framing can be forbidden in a header only.
        let policy = policy(&text).map(|p| format!("{p}; frame-ancestors 'none'"));
        Self { files, policy: policy.and_then(|p| HeaderValue::from_str(&p).ok()), model: None }
    }

    /// The same with a model.
    pub fn with_model(mut self, bytes: Bytes) -> Self {
        let hash = Sha256::digest(&bytes).iter().take(16).map(|b| format!("{b:02x}")).collect::<String>();
        let tag = HeaderValue::from_str(&format!("\"{hash}\""));
        self.model = tag.ok().map(|tag| (bytes, tag));
        self
    }

    /// The answer to a request.
    pub fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Response<Full<Bytes>> {
        if method != Method::GET && method != Method::HEAD {
            let refused = self.response(StatusCode::METHOD_NOT_ALLOWED, "text/plain");
            return finish(refused.header(header::ALLOW, "GET, HEAD"), method, "only GET is answered".into());
        }
        let name = path.trim_start_matches('/');
        if name == MODEL
            && let Some((bytes, tag)) = &self.model
        {
            if headers.get(header::IF_NONE_MATCH) == Some(tag) {
                let same = self.response(StatusCode::NOT_MODIFIED, "application/octet-stream");
                return finish(same.header(header::ETAG, tag), method, Bytes::new());
            }
            let found = self.response(StatusCode::OK, "application/octet-stream").header(header::ETAG, tag);
            return finish(found, method, bytes.clone());
        }
        let name = if name.is_empty() { "index.html" } else { name };
        match self.files.iter().find(|(file, _)| *file == name) {
            Some((_, bytes)) => {
                finish(self.response(StatusCode::OK, kind(name)), method, Bytes::from_static(bytes))
            }
            None => finish(
                self.response(StatusCode::NOT_FOUND, "text/plain"),
                method,
                "there is no such file".into(),
            ),
        }
    }

    fn response(&self, status: StatusCode, kind: &'static str) -> Builder {
        let mut builder = Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, kind)
            // Asked again each time: files and model change with the next training.
            .header(header::CACHE_CONTROL, "no-cache")
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .header(header::REFERRER_POLICY, "no-referrer");
        if let Some(policy) = &self.policy {
            builder = builder.header(header::CONTENT_SECURITY_POLICY, policy);
        }
        builder
    }
}

fn finish(builder: Builder, method: &Method, body: Bytes) -> Response<Full<Bytes>> {
    let builder = builder.header(header::CONTENT_LENGTH, body.len());
    let body = if method == Method::HEAD { Bytes::new() } else { body };
    // All parts are constants or checked values, so the builder has no error to give.
    builder.body(Full::new(body)).unwrap_or_default()
}

/// The policy that the page carries in its own head.
fn policy(index: &str) -> Option<&str> {
    let tag = &index[index.find(POLICY)?..];
    let start = tag.find("content=\"")? + "content=\"".len();
    let rest = &tag[start..];
    Some(&rest[..rest.find('"')?])
}

fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript",
        Some("css") => "text/css",
        Some("json") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        // Compiling while it downloads needs exactly this.
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: &[(&str, &[u8])] = &[
        ("assets/a.wasm", b"\0asm"),
        (
            "index.html",
            b"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; connect-src 'self'\">",
        ),
    ];

    fn get(page: &Page, path: &str) -> Response<Full<Bytes>> {
        page.answer(&Method::GET, path, &HeaderMap::new())
    }

    #[test]
    fn files_have_their_types_and_the_policy_of_the_page() {
        let page = Page::of(SITE);
        let index = get(&page, "/");
        assert_eq!(index.status(), StatusCode::OK);
        assert_eq!(index.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        let policy = "default-src 'none'; connect-src 'self'; frame-ancestors 'none'";
        assert_eq!(index.headers()[header::CONTENT_SECURITY_POLICY], policy);
        assert_eq!(get(&page, "/assets/a.wasm").headers()[header::CONTENT_TYPE], "application/wasm");
        for path in ["/nothing", "/../Cargo.toml", "/assets", "/model.safetensors"] {
            assert_eq!(get(&page, path).status(), StatusCode::NOT_FOUND, "{path}");
        }
        let posted = page.answer(&Method::POST, "/", &HeaderMap::new());
        assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[test]
    fn a_model_is_sent_once() {
        let page = Page::of(SITE).with_model(Bytes::from_static(b"weights"));
        let first = get(&page, "/model.safetensors");
        assert_eq!(first.headers()[header::CONTENT_LENGTH], "7");
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        let again = page.answer(&Method::GET, "/model.safetensors", &headers);
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let other = Page::of(SITE).with_model(Bytes::from_static(b"others"));
        assert_eq!(other.answer(&Method::GET, "/model.safetensors", &headers).status(), StatusCode::OK);
    }
}
