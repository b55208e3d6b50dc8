//! The public key by which targets know what load balancers tell them of users.
//! [Signature verification](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html#user-claims-encoding)
//!
//! AWS has it at `https://public-keys.auth.elb.REGION.amazonaws.com/KEY-ID`, in PEM, and so has the simulated internet
//! (`balancers/public_keys.rs`). It is here for programs outside, for who names that host, and at
//! `/_enishi/public-keys/KEY-ID` for who does not. Anybody may know it, pages of other sites too.

use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};

use super::{Answer, guard, plain, whole};
use crate::daemon::App;
use crate::daemon::balancers::LoginKey;

const PATH: &str = "/_enishi/public-keys/";

/// The key that is asked for, if one is.
fn wanted(head: &Parts) -> Option<&str> {
    let path = head.uri.path();
    let at_amazon = || {
        let host = guard::host(head)?;
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let region = name.strip_prefix("public-keys.auth.elb.")?.strip_suffix(".amazonaws.com")?;
        path.strip_prefix('/').filter(|_| !region.is_empty() && !region.contains('.'))
    };
    path.strip_prefix(PATH).or_else(at_amazon)
}

/// Answers who asks for a key. `None`: it is another request.
pub fn respond(app: &App, head: &Parts) -> Option<Answer> {
    // Calls of the AWS APIs, which are many, are not looked at any further.
    let id = matches!(head.method, Method::GET | Method::HEAD).then(|| wanted(head)).flatten()?;
    let Some(key) = app.login_key.get().ok().map(LoginKey::public).filter(|key| key.id == id) else {
        return Some(plain(StatusCode::NOT_FOUND, "there is no such key"));
    };
    let text = if head.method == Method::HEAD { String::new() } else { key.pem.clone() };
    let mut answer = Response::new(whole(text));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("binary/octet-stream"));
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_asked_for_by_host_or_by_path() {
        let asked = |host: &str, path: &str| {
            let request = http::Request::get(path).header("host", host).body(()).expect("a request");
            wanted(&request.into_parts().0).map(str::to_owned)
        };
        assert_eq!(asked("localhost:4566", "/_enishi/public-keys/a-b").as_deref(), Some("a-b"));
        let host = "public-keys.auth.elb.eu-west-1.amazonaws.com";
        assert_eq!(asked(host, "/a-b").as_deref(), Some("a-b"));
        assert_eq!(asked(&format!("{host}:4566"), "/a-b").as_deref(), Some("a-b"));
        for other in
            ["public-keys.auth.elb.a.b.amazonaws.com", "public-keys.auth.elb..amazonaws.com", "localhost"]
        {
            assert_eq!(asked(other, "/a-b"), None, "{other}");
        }
    }
}
