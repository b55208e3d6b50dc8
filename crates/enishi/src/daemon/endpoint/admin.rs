//! What is not AWS: `/_enishi/…` for the command line, and the conventions that scripts for other local clouds rely on.
//!
//! | request | answer |
//! |---|---|
//! | `GET /_enishi/health`, `GET /_localstack/health` | services and their state |
//! | `POST /_enishi/reset`, `POST /_localstack/state/reset` | everything is gone, durably |
//! | `GET /_enishi/status` | how the daemon is |
//! | `GET /_enishi/settle` | as `status`, once nothing is pending any more; what load balancers counted up to then is in CloudWatch |
//! | `GET /_enishi/show?resource=` | resources, as text and as data |
//! | `GET /_enishi/trace?from=&to=&traffic=` | a packet's way, as text and as data |
//! | `GET /_enishi/dns?name=&type=&from=` | what a name is answered with, and why, as text and as data |
//! | `GET /_enishi/zone?zone=` | a hosted zone as a zone file |
//! | `POST /_enishi/zone?zone=&replace=` | the zone file in the body, into a hosted zone |
//! | `GET /_enishi/ca` | the certificate of the local certificate authority |
//! | `GET /_enishi/public-keys/KEY-ID` | the key by which targets know what load balancers tell them of users ([`super::public_keys`]) |
//! | `GET /_enishi/target?name=` | the namespace that `enishi exec` enters |
//! | `GET /_enishi/mail`, `?id=` | the registrar's mail: all, or one |
//! | `POST /_enishi/mail/confirm?id=` | the link in a mail is followed |
//! | `GET`, `POST /_enishi/domains/verify?token=` | where that link leads: a page that asks, and the answer |
//! | `POST /_enishi/down` | the daemon and all instances end |

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use enishi_cloud::route53domains::mail::VERIFY_PATH;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Answer, guard, names, show, whole, zone};
use crate::daemon::dns::Question;
use crate::daemon::{App, Stop, outbox};

/// How long `settle` waits at most.
const SETTLE: Duration = Duration::from_secs(30);

/// Why a request was refused: the status and a sentence.
pub type Refusal = (StatusCode, String);

/// Whether the path is one of ours.
pub fn owns(path: &str) -> bool {
    path.starts_with("/_enishi/") || path.starts_with("/_localstack/")
}

/// Answers one request.
pub async fn respond(app: &Arc<App>, head: &Parts, body: &Bytes) -> Answer {
    if guard::is_foreign_page(head) || !guard::is_local_name(head) {
        let text = "pages of other sites, and names that anybody can own, are refused here";
        return refuse((StatusCode::FORBIDDEN, text.to_owned()));
    }
    let path = head.uri.path();
    let result = match (head.method.as_str(), path) {
        ("GET" | "HEAD", "/_enishi/health" | "/_localstack/health") => Ok(health(app)),
        ("POST", "/_enishi/reset" | "/_localstack/state/reset") => reset(app).await,
        ("GET", "/_enishi/status") => Ok(data(&app.status())),
        ("GET", "/_enishi/settle") => Ok(settle(app).await),
        ("GET", "/_enishi/show") => shown(app, head),
        ("GET", "/_enishi/trace") => traced(app, head),
        ("GET", "/_enishi/dns") => explained(app, head),
        ("GET", "/_enishi/zone") => exported(app, head),
        ("POST", "/_enishi/zone") => imported(app, head, body).await,
        ("GET", "/_enishi/ca") => authority(app),
        ("GET", "/_enishi/target") => target(app, head),
        ("GET", "/_enishi/mail") => mail(app, head),
        ("POST", "/_enishi/mail/confirm") => confirm_mail(app, head).await,
        ("GET" | "HEAD" | "POST", VERIFY_PATH) => verify(app, head).await,
        ("POST", "/_enishi/down") => {
            app.stop(Stop::Everything);
            Ok(data(&json!({ "pid": std::process::id() })))
        }
        (_, known) if KNOWN.contains(&known) => {
            Err((StatusCode::METHOD_NOT_ALLOWED, format!("{} does not take {}", path, head.method)))
        }
        _ => Err((StatusCode::NOT_FOUND, format!("there is no {path}"))),
    };
    let mut answer = result.unwrap_or_else(refuse);
    if head.method == Method::HEAD {
        *answer.body_mut() = whole(Bytes::new());
    }
    answer
}

const KNOWN: [&str; 15] = [
    "/_enishi/health",
    "/_localstack/health",
    "/_enishi/reset",
    "/_localstack/state/reset",
    "/_enishi/status",
    "/_enishi/settle",
    "/_enishi/show",
    "/_enishi/trace",
    "/_enishi/dns",
    "/_enishi/zone",
    "/_enishi/ca",
    "/_enishi/target",
    "/_enishi/mail",
    "/_enishi/mail/confirm",
    VERIFY_PATH,
];

fn health(app: &App) -> Answer {
    let running = |service: &str| (service.to_owned(), json!("running"));
    let services: serde_json::Map<String, Value> =
        enishi_api::SERVICES.iter().map(|service| service.name).chain(["s3"]).map(running).collect();
    let status = app.status();
    data(&json!({
        "services": services,
        "edition": "enishi",
        "version": env!("CARGO_PKG_VERSION"),
        "durable": status.failure.is_none(),
        "network": status.network_errors.is_empty(),
    }))
}

fn authority(app: &App) -> Result<Answer, Refusal> {
    let certificate = app.authority.certificate();
    let certificate =
        certificate.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")))?;
    Ok(data(&json!({ "certificate": certificate })))
}

async fn reset(app: &App) -> Result<Answer, Refusal> {
    let refused = |fault: enishi_wire::Fault| (StatusCode::SERVICE_UNAVAILABLE, fault.to_string());
    let receipt = app.writer.reset().await.map_err(refused)?;
    app.logs.changed();
    app.objects.changed();
    Ok(data(&json!({ "generation": receipt.generation })))
}

async fn settle(app: &App) -> Answer {
    let settled = tokio::time::timeout(SETTLE, app.settled()).await.is_ok();
    let mut status = serde_json::to_value(app.status()).unwrap_or_default();
    if let Value::Object(status) = &mut status {
        status.insert("settled".to_owned(), Value::Bool(settled));
    }
    data(&status)
}

fn shown(app: &App, head: &Parts) -> Result<Answer, Refusal> {
    let world = app.writer.newest().load_full();
    Ok(data(&show::show(&world, parameter(head, "resource").as_deref())?))
}

fn traced(app: &App, head: &Parts) -> Result<Answer, Refusal> {
    let world = app.writer.newest().load_full();
    let (from, to, traffic) = (required(head, "from")?, required(head, "to")?, required(head, "traffic")?);
    Ok(data(&crate::daemon::trace::trace(&world, &from, &to, &traffic)?))
}

fn explained(app: &App, head: &Parts) -> Result<Answer, Refusal> {
    let world = app.writer.newest().load_full();
    let record_type = parameter(head, "type").unwrap_or_else(|| "A".to_owned());
    let (name, from) = (required(head, "name")?, parameter(head, "from"));
    let question = Question {
        name: &name,
        record_type: &record_type,
        from: from.as_deref(),
        host_dns: app.info.host_dns,
    };
    Ok(data(&app.names.explain(&world, &question)?))
}

fn exported(app: &App, head: &Parts) -> Result<Answer, Refusal> {
    let world = app.writer.newest().load_full();
    Ok(data(&zone::export(&world, &required(head, "zone")?)?))
}

async fn imported(app: &Arc<App>, head: &Parts, body: &Bytes) -> Result<Answer, Refusal> {
    let replace = parameter(head, "replace").is_some_and(|replace| replace == "true");
    Ok(data(&zone::import(app, &required(head, "zone")?, body, replace).await?))
}

fn target(app: &App, head: &Parts) -> Result<Answer, Refusal> {
    let world = app.writer.newest().load_full();
    let name = parameter(head, "name").unwrap_or_default();
    let target = names::target(&world, &name)?;
    Ok(data(&json!({ "target": target, "keeper": app.info.keeper_socket })))
}

/// How the client reaches this endpoint, which is where links must lead.
fn origin(app: &App, head: &Parts) -> String {
    let authority = guard::host(head).map_or_else(|| app.info.listen.to_string(), str::to_owned);
    format!("http://{authority}")
}

fn mail(app: &App, head: &Parts) -> Result<Answer, Refusal> {
    let world = app.writer.newest().load_full();
    let origin = origin(app, head);
    Ok(data(&match parameter(head, "id") {
        Some(id) => outbox::show(&world, &id, &origin)?,
        None => outbox::list(&world, &origin),
    }))
}

async fn confirm_mail(app: &Arc<App>, head: &Parts) -> Result<Answer, Refusal> {
    let id = parameter(head, "id");
    let id = id.ok_or_else(|| (StatusCode::BAD_REQUEST, "the parameter id is missing".to_owned()))?;
    Ok(data(&outbox::confirm(app, &id).await?))
}

async fn verify(app: &Arc<App>, head: &Parts) -> Result<Answer, Refusal> {
    let token = parameter(head, "token").unwrap_or_default();
    let page = match head.method {
        Method::POST => outbox::answer(app, &token).await?,
        _ => outbox::question(&app.writer.newest().load(), &token)?,
    };
    let mut answer = Response::new(whole(page));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    // The page needs nothing but its own button, and belongs in nobody's frame.
    let policy = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    // Not `no-referrer`: the button would then come from the origin `null`.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

fn required(head: &Parts, name: &str) -> Result<String, Refusal> {
    parameter(head, name).ok_or_else(|| (StatusCode::BAD_REQUEST, format!("the parameter {name} is missing")))
}

fn parameter(head: &Parts, name: &str) -> Option<String> {
    let query = head.uri.query()?;
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn data(value: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(value).unwrap_or_default();
    let mut answer = Response::new(whole(body));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn refuse((status, error): Refusal) -> Answer {
    let mut answer = data(&json!({ "error": error }));
    *answer.status_mut() = status;
    answer
}
