//! Rules of listeners.
//! [Listener rules](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html)

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ListenerArn, TargetGroupArn};
use crate::id::name_id;
use crate::{Keys, Row, Scope};

name_id!(RuleArn, "a rule: `arn:…:listener-rule/app/NAME/ID/ID/ID`");

/// A rule of a listener. The default rule is no row: it is the listener's, with the listener's ARN in its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its ARN.
    pub arn: RuleArn,
    /// Account and region.
    pub scope: Scope,
    /// Its listener.
    pub listener: ListenerArn,
    /// Its place, 1 to 50,000; no two rules of a listener share one.
    pub priority: u32,
    /// All of them have to hold.
    pub conditions: Vec<Condition>,
    /// What is done, in order; the last one routes.
    pub actions: Vec<Action>,
    /// What is changed before a request is forwarded.
    pub rewrites: Vec<Rewrite>,
}

/// A condition; one of the values has to match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// `host-header`
    HostHeader {
        /// Wildcard patterns.
        values: Vec<String>,
        /// Regular expressions.
        regex: Vec<String>,
    },
    /// `path-pattern`
    PathPattern {
        /// Wildcard patterns.
        values: Vec<String>,
        /// Regular expressions.
        regex: Vec<String>,
    },
    /// `http-header`
    HttpHeader {
        /// The header's name.
        name: String,
        /// Wildcard patterns.
        values: Vec<String>,
        /// Regular expressions.
        regex: Vec<String>,
    },
    /// `http-request-method`
    HttpRequestMethod(Vec<String>),
    /// `query-string`: keys and values.
    QueryString(Vec<(Option<String>, String)>),
    /// `source-ip`: CIDR blocks.
    SourceIp(Vec<String>),
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// `forward`
    Forward(Forward),
    /// `redirect`
    Redirect(Redirect),
    /// `fixed-response`
    FixedResponse(FixedResponse),
    /// `authenticate-oidc`
    AuthenticateOidc(Authenticate),
}

impl Action {
    /// The target groups that it names.
    pub fn target_groups(&self) -> impl Iterator<Item = &TargetGroupArn> {
        let forward = match self {
            Action::Forward(forward) => Some(forward),
            _ => None,
        };
        forward.into_iter().flat_map(|forward| &forward.groups).map(|weighted| &weighted.target_group)
    }
}

/// To target groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// The target groups.
    pub groups: Vec<TargetGroupWeight>,
    /// For how many seconds clients stay with their target group, if that is switched on.
    pub stickiness_seconds: Option<u32>,
}

/// A target group of a forward action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetGroupWeight {
    /// The target group.
    pub target_group: TargetGroupArn,
    /// Its weight, 0 to 999; `None` as the user gave none: 1.
    pub weight: Option<u16>,
}

/// To another place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// `HTTP`, `HTTPS` or `#{protocol}`.
    pub protocol: String,
    /// The host.
    pub host: String,
    /// The port.
    pub port: String,
    /// The path.
    pub path: String,
    /// The query.
    pub query: String,
    /// 301 or 302.
    pub status: u16,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedResponse {
    /// The status.
    pub status: u16,
    /// The media type.
    pub content_type: Option<String>,
    /// The body.
    pub body: Option<String>,
}

/// A login at an OpenID provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authenticate {
    /// The issuer.
    pub issuer: String,
    /// The authorization endpoint.
    pub authorization_endpoint: String,
    /// The token endpoint.
    pub token_endpoint: String,
    /// The user info endpoint.
    pub user_info_endpoint: String,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: String,
    /// The cookie's name.
    pub session_cookie: String,
    /// What is asked for.
    pub scope: String,
    /// How long a login counts, in seconds.
    pub session_seconds: u64,
    /// Parameters for the authorization endpoint.
    pub extra: BTreeMap<String, String>,
    /// `deny`, `allow` or `authenticate`.
    pub on_unauthenticated: String,
}

/// A change of a request: a regular expression and what its match becomes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rewrite {
    /// `host-header-rewrite`
    HostHeader(String, String),
    /// `url-rewrite`
    Url(String, String),
}

impl Row for Rule {
    type Id = RuleArn;
    const TABLE: &'static str = "listener_rule";

    fn id(&self) -> RuleArn {
        self.arn.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        keys.add("listener", self.listener.as_str());
        for group in self.actions.iter().flat_map(Action::target_groups) {
            keys.add("target_group", group.as_str());
        }
    }
}
