//! Rules: what happens to a request.
//! [Listener rules](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html)

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::Cidr;

/// A rule: when all conditions hold, the action is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its ARN.
    pub arn: Arc<str>,
    /// Its priority, the lowest first; `None` is the default rule.
    pub priority: Option<u32>,
    /// All of them have to hold.
    pub conditions: Vec<Condition>,
    /// Who may go on.
    pub authenticate: Option<Arc<Authenticate>>,
    /// What is changed before a request is forwarded.
    pub rewrites: Vec<Rewrite>,
    /// What is done.
    pub action: Action,
}

/// A condition: one of its values has to match.
/// [Condition types](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// `host-header`, in any case of letters.
    Host(Vec<Pattern>),
    /// `path-pattern`, letters as they are; the query is not part of it.
    Path(Vec<Pattern>),
    /// `http-header`: values in any case of letters.
    Header {
        /// The header's name, in any case.
        name: Arc<str>,
        /// The values.
        values: Vec<Pattern>,
    },
    /// `http-request-method`, exactly.
    Method(Vec<Arc<str>>),
    /// `query-string`: a key, if one is named, and a value, in any case of letters.
    Query(Vec<(Option<Pattern>, Pattern)>),
    /// `source-ip`: the connection's client.
    Source(Vec<Cidr>),
}

/// What a text has to look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// `*` is any number of characters, `?` exactly one; `\` makes the next one plain.
    Wildcard(Arc<str>),
    /// A regular expression.
    Regex(Arc<str>),
}

/// What is done with a request.
/// [Rule action types](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It is sent to a target.
    Forward(Forward),
    /// The client is sent elsewhere.
    Redirect(Redirect),
    /// It is answered.
    Fixed(FixedResponse),
}

/// Which target groups get requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// Target groups by ARN, with their weights (0 to 999), in the user's order.
    pub groups: Vec<(Arc<str>, u16)>,
    /// For how many seconds a client stays with its target group, if it does.
    pub stickiness_seconds: Option<u32>,
}

/// Where a client is sent. `#{protocol}`, `#{host}`, `#{port}`, `#{path}`, `#{query}` stand for the request's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// `HTTP`, `HTTPS` or `#{protocol}`.
    pub protocol: Arc<str>,
    /// The host.
    pub host: Arc<str>,
    /// The port, `1` to `65535` or `#{port}`.
    pub port: Arc<str>,
    /// The absolute path.
    pub path: Arc<str>,
    /// The query, without `?`.
    pub query: Arc<str>,
    /// 301 or 302.
    pub status: u16,
}

/// An answer of the load balancer's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedResponse {
    /// 2xx, 4xx or 5xx.
    pub status: u16,
    /// The media type.
    pub content_type: Option<Arc<str>>,
    /// The body, at most 1,024 bytes.
    pub body: Arc<str>,
}

/// A change of a request before it is forwarded.
/// [Transforms](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-transforms.html)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rewrite {
    /// `host-header-rewrite`: a regular expression and what its match becomes.
    Host(Arc<str>, Arc<str>),
    /// `url-rewrite`: path and query.
    Url(Arc<str>, Arc<str>),
}

/// Who may go on.
/// [Authenticate users](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticate {
    /// The identity provider and this load balancer's account there.
    pub client: OidcClient,
    /// The cookie's name: `AWSELBAuthSessionCookie`.
    pub cookie: Arc<str>,
    /// What is asked for: `openid`.
    pub scope: Arc<str>,
    /// How long a login counts, in seconds.
    pub session_seconds: u64,
    /// Parameters for the authorization endpoint.
    pub extra: BTreeMap<Arc<str>, Arc<str>>,
    /// What becomes of a request without a login.
    pub otherwise: OnUnauthenticated,
}

/// An account at an OpenID provider.
#[derive(Clone, PartialEq, Eq)]
pub struct OidcClient {
    /// The issuer.
    pub issuer: Arc<str>,
    /// The authorization endpoint.
    pub authorization_endpoint: Arc<str>,
    /// The token endpoint.
    pub token_endpoint: Arc<str>,
    /// The user info endpoint.
    pub user_info_endpoint: Arc<str>,
    /// The client's id.
    pub client_id: Arc<str>,
    /// The client's secret. It is not shown.
    pub client_secret: Arc<str>,
}

impl fmt::Debug for OidcClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcClient").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// What becomes of a request without a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnauthenticated {
    /// It is refused: 401.
    Deny,
    /// It goes on without claims.
    Allow,
    /// The client is sent to the provider.
    Authenticate,
}
