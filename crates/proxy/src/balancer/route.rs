//! What becomes of a request: which rule, which group, which target. No sockets, no clock.

use std::net::SocketAddr;
use std::sync::Arc;

use enishi_fabric::balancer::{Kind, Stickiness, TargetVersion};

use super::answers::Answer;
use super::cookies::{self, Bond, Jar};
use super::forwarding::{MOST_FORWARDED, Rewritten, forwarded_addresses};
use super::http1::desync::Treatment;
use super::http1::{Name, Request, Version};
use super::login::{self, Callback, Gate, Refused, Signer};
use super::random::Random;
use super::redirect;
use super::rules::{Scratch, split_query};
use super::snapshot::{self, ForwardPlan, Group, ListenerPlan, Snapshot, Step, TargetPlan};

/// A request and where it came in.
pub struct Arrival<'a> {
    /// The request.
    pub request: Request<'a>,
    /// Who sent it.
    pub client: SocketAddr,
    /// At which port.
    pub port: u16,
    /// Whether over TLS.
    pub is_tls: bool,
    /// When, in milliseconds since 1970.
    pub now: i64,
}

/// What decisions need beside the configuration.
pub struct Means<'a> {
    /// Who decides.
    pub worker: usize,
    /// Reads cookies.
    pub jar: &'a Jar,
    /// Decides where anything goes.
    pub random: &'a mut Random,
    /// Room for rules.
    pub scratch: &'a mut Scratch,
    /// Signs what targets are told of users.
    pub signer: Option<&'a Signer>,
}

/// What was decided, and how.
pub struct Decided<'a> {
    /// What is done.
    pub outcome: Outcome<'a>,
    /// The index of the rule that matched, if any was looked for and matched.
    pub rule: Option<usize>,
    /// Whether the connections end with this request.
    pub is_once: bool,
}

/// What is done with a request.
pub enum Outcome<'a> {
    /// It is answered here.
    Answer(Answer, Because),
    /// It is sent to a target.
    Forward(Route<'a>),
    /// An identity provider sent it back, and has to be asked.
    Login(Callback<'a>),
}

/// Why a request is answered here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// A rule says so.
    Fixed,
    /// A rule sends the client elsewhere.
    Redirect,
    /// It cannot be forwarded.
    Error,
    /// A login is missing, or failed for this reason.
    Login(Option<&'static str>),
}

/// Where a request goes.
pub struct Route<'a> {
    /// The target group.
    pub group: &'a Arc<Group>,
    /// The target.
    pub target: &'a TargetPlan,
    /// For how many seconds the client stays with the group, if it does.
    pub group_seconds: Option<u32>,
    /// Whether the client came with a cookie that named the target.
    pub is_bound: bool,
    /// What the rule makes of the request.
    pub rewritten: Option<Rewritten>,
    /// What the target is told of the user, as lines.
    pub user: Vec<u8>,
}

impl<'a> Decided<'a> {
    fn error(status: u16, rule: Option<usize>) -> Self {
        Decided { outcome: Outcome::Answer(Answer::error(status), Because::Error), rule, is_once: false }
    }
}

/// Decides about a request.
pub fn decide<'a>(
    snapshot: &'a Snapshot,
    listener: &'a ListenerPlan,
    arrival: &Arrival<'_>,
    means: &mut Means<'_>,
) -> Decided<'a> {
    let request = &arrival.request;
    let treatment = request.head.verdict.under(snapshot.balancer.attributes.desync_mitigation);
    if treatment == Treatment::Block {
        return Decided::error(400, None);
    }
    let is_application = snapshot.balancer.kind == Kind::Application;
    // "The client used the TRACE method, which is not supported by Application Load Balancers."
    if is_application && request.method() == b"TRACE" {
        return Decided::error(405, None);
    }
    // "If the length of the method in the request exceeds 127 characters, the load balancer responds with an HTTP 405"
    if request.method().len() > 127 {
        return Decided::error(405, None);
    }
    if is_application && forwarded_addresses(request) > MOST_FORWARDED {
        return Decided::error(463, None);
    }
    if let Some(decided) = returned(listener, arrival) {
        return decided;
    }
    let rule = listener.rules.find(request, arrival.client.ip(), means.scratch);
    let Some((rule, step)) = rule.and_then(|rule| Some((rule, listener.steps.get(rule)?))) else {
        return Decided::error(503, None);
    };
    let seconds = u64::try_from(arrival.now).unwrap_or_default() / 1000;
    let login = listener.logins.get(rule).and_then(Option::as_ref);
    let gate = login.map(|login| login.gate(request, means.signer, seconds, means.random.nonce()));
    let user = match gate {
        None => Vec::new(),
        Some(Gate::Open(user)) => user,
        Some(Gate::Answer(answer)) => {
            let outcome = Outcome::Answer(answer, Because::Login(None));
            return Decided { outcome, rule: Some(rule), is_once: false };
        }
    };
    let outcome = match step {
        Step::Fixed(fixed) => Outcome::Answer(Answer::fixed(fixed), Because::Fixed),
        Step::Redirect(to) => {
            let location = redirect::location(to, request, arrival.is_tls, arrival.port);
            Outcome::Answer(Answer::redirect(to.status, &location), Because::Redirect)
        }
        Step::Forward(plan) => match forward(plan, arrival, means) {
            Ok(route) => Outcome::Forward(Route { user, ..route }),
            Err(status) => return Decided::error(status, Some(rule)),
        },
    };
    Decided { outcome, rule: Some(rule), is_once: treatment == Treatment::AllowOnce }
}

/// A request that an identity provider sent back.
fn returned<'a>(listener: &'a ListenerPlan, arrival: &Arrival<'_>) -> Option<Decided<'a>> {
    let (path, _) = split_query(arrival.request.path_and_query());
    let mut logins = listener.logins.iter().flatten().peekable();
    if path != login::CALLBACK || logins.peek().is_none() {
        return None;
    }
    let now = u64::try_from(arrival.now).unwrap_or_default() / 1000;
    let found = logins.find_map(|login| login.callback(&arrival.request, now));
    let outcome = match found.unwrap_or(Err(Refused { reason: "AuthInvalidStateParam", status: 401 })) {
        Ok(callback) => Outcome::Login(callback),
        Err(Refused { reason, status }) => {
            Outcome::Answer(Answer::error(status), Because::Login(Some(reason)))
        }
    };
    Some(Decided { outcome, rule: None, is_once: false })
}

fn forward<'a>(
    plan: &'a ForwardPlan,
    arrival: &Arrival<'_>,
    means: &mut Means<'_>,
) -> Result<Route<'a>, u16> {
    let group = bound_group(plan, arrival, means)
        .or_else(|| plan.group(means.random.number()))
        // "The target groups for the load balancer have no registered targets."
        .ok_or(503u16)?;
    if !speaks(&arrival.request, group.config.version) {
        return Err(464);
    }
    let bound = bound_target(group, arrival, means);
    let target = bound.or_else(|| group.choose(means.worker, arrival.now, means.random)).ok_or(503u16)?;
    let rewritten = plan.rewrites.apply(&arrival.request);
    let (group_seconds, is_bound) = (plan.stickiness_seconds, bound.is_some());
    Ok(Route { group, target, group_seconds, is_bound, rewritten, user: Vec::new() })
}

/// "The load balancer received an incoming request protocol that is incompatible with the version config of the target group
/// protocol": HTTP/1.1 for a group of HTTP/2 or gRPC, gRPC for a group of HTTP/1.1, anything but POST over HTTP/2 for gRPC.
fn speaks(request: &Request<'_>, version: TargetVersion) -> bool {
    let is_http2 = request.head.version == Version::Http2;
    match version {
        TargetVersion::Http1 => !(is_http2 && is_grpc(request)),
        TargetVersion::Http2 => is_http2,
        TargetVersion::Grpc => is_http2 && request.method() == b"POST",
    }
}

/// Whether a request is a gRPC call.
pub fn is_grpc(request: &Request<'_>) -> bool {
    request.head.version == Version::Http2
        && request.named(b"content-type").any(|value| value.starts_with(b"application/grpc"))
}

fn cookie<'a>(request: &Request<'a>, name: &str) -> Option<&'a [u8]> {
    request.values(Name::Cookie).find_map(|header| cookies::find(header, name.as_bytes()))
}

fn bond(kind: cookies::Kind, arrival: &Arrival<'_>, means: &Means<'_>) -> Option<Bond> {
    let value =
        cookie(&arrival.request, kind.name()).or_else(|| cookie(&arrival.request, kind.cors_name()?))?;
    means.jar.open(kind, value, u64::try_from(arrival.now).unwrap_or_default() / 1000)
}

fn bound_group<'a>(
    plan: &'a ForwardPlan,
    arrival: &Arrival<'_>,
    means: &Means<'_>,
) -> Option<&'a Arc<Group>> {
    plan.stickiness_seconds?;
    let bond = bond(cookies::Kind::Group, arrival, means)?;
    let groups = plan.groups.iter().map(|(group, _)| group);
    groups.into_iter().find(|group| group_key(group) == bond.key)
}

/// What stands for a group in cookies.
pub fn group_key(group: &Group) -> u64 {
    snapshot::key(&group.config.arn, "", 0)
}

fn bound_target<'a>(group: &'a Group, arrival: &Arrival<'_>, means: &Means<'_>) -> Option<&'a TargetPlan> {
    let kind = match group.config.stickiness.as_ref()? {
        Stickiness::LbCookie { .. } => lb_cookie(group),
        Stickiness::AppCookie { name, .. } => {
            // "clients have to send back both cookies to maintain stickiness"
            cookie(&arrival.request, name)?;
            if lb_cookie(group) == cookies::Kind::Classic {
                cookies::Kind::Classic
            } else {
                cookies::Kind::Application
            }
        }
        Stickiness::SourceIp | Stickiness::SourceIpDestIp => return None,
    };
    group.keyed(bond(kind, arrival, means)?.key)
}

/// The cookie of a load balancer of the group's kind.
fn lb_cookie(group: &Group) -> cookies::Kind {
    if group.kind == Kind::Classic { cookies::Kind::Classic } else { cookies::Kind::Target }
}

/// The `Set-Cookie` lines that go with a target's answer. `sets_cookie` says whether the answer sets a cookie of that name.
pub fn bonds(
    route: &Route<'_>,
    jar: &Jar,
    random: &mut Random,
    now: u64,
    is_tls: bool,
    sets_cookie: impl Fn(&str) -> bool,
) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut bind = |kind: cookies::Kind, key: u64, seconds: Option<u64>| {
        // A Classic Load Balancer's cookie may last as long as the browser runs.
        let until = seconds.map_or(u64::MAX, |seconds| now.saturating_add(seconds));
        if let Some(value) = jar.seal(kind, Bond { key, until }, random.nonce()) {
            cookies::set_cookie(&mut lines, kind, &value, seconds, now, is_tls);
        }
    };
    if let Some(seconds) = route.group_seconds {
        bind(cookies::Kind::Group, group_key(route.group), Some(u64::from(seconds)));
    }
    let kind = lb_cookie(route.group);
    let key = route.target.key;
    match &route.group.config.stickiness {
        // "resets the expiry of the cookies it generates after every request"; Classic sets its cookie once.
        Some(Stickiness::LbCookie { seconds }) if kind == cookies::Kind::Target || !route.is_bound => {
            bind(kind, key, seconds.map(u64::from));
        }
        Some(Stickiness::AppCookie { name, seconds })
            if sets_cookie(name) || (route.is_bound && kind == cookies::Kind::Target) =>
        {
            let kind = if kind == cookies::Kind::Classic { kind } else { cookies::Kind::Application };
            bind(kind, key, seconds.map(u64::from));
        }
        _ => {}
    }
    lines
}

#[cfg(test)]
mod tests;
