//! How far a request follows RFC 7230, in AWS's classes.
//!
//! "Desync mitigation mode protects your application from issues due to HTTP Desync. The load balancer classifies each request
//! based on its threat level, allows safe requests, and then mitigates risk as specified by the mitigation mode that you specify."
//! ([Desync mitigation mode](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html#desync-mitigation-mode));
//! the reasons are those of the access log
//! ([Classification reasons](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html#classification-reasons)).
//!
//! | | compliant | acceptable | ambiguous | severe |
//! |---|---|---|---|---|
//! | monitor | allowed | allowed | allowed | allowed |
//! | defensive | allowed | allowed | allowed, connections are closed | blocked |
//! | strictest | allowed | blocked | blocked | blocked |
//!
//! Lines that end with LF alone are acceptable, as AWS says in [http-desync-guardian](https://github.com/aws/http-desync-guardian).
//!
//! What nobody could frame (a length that is no number, an unknown coding, a line without a colon) is refused in every mode.

use enishi_fabric::balancer::DesyncMitigation;

/// How dangerous a request is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// It follows the RFC.
    #[default]
    Compliant,
    /// It does not, and poses no known risk.
    Acceptable,
    /// Web servers and proxies may understand it differently.
    Ambiguous,
    /// It is very likely to be an attack.
    Severe,
}

/// Why a request is not compliant: the codes of the access log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // AWS's words, explained on the page above.
pub enum Reason {
    AmbiguousUri,
    BadContentLength,
    BadHeader,
    BadTransferEncoding,
    BadUri,
    BadMethod,
    BadVersion,
    BothTeClPresent,
    DuplicateContentLength,
    EmptyHeader,
    GetHeadZeroContentLength,
    MultipleContentLength,
    MultipleTransferEncodingChunked,
    NonCrLfLineTermination,
    NonCompliantHeader,
    NonCompliantVersion,
    SpaceInUri,
    SuspiciousHeader,
    UndefinedContentLengthSemantics,
    UndefinedTransferEncodingSemantics,
}

impl Reason {
    /// AWS's code.
    pub fn code(self) -> &'static str {
        match self {
            Reason::AmbiguousUri => "AmbiguousUri",
            Reason::BadContentLength => "BadContentLength",
            Reason::BadHeader => "BadHeader",
            Reason::BadTransferEncoding => "BadTransferEncoding",
            Reason::BadUri => "BadUri",
            Reason::BadMethod => "BadMethod",
            Reason::BadVersion => "BadVersion",
            Reason::BothTeClPresent => "BothTeClPresent",
            Reason::DuplicateContentLength => "DuplicateContentLength",
            Reason::EmptyHeader => "EmptyHeader",
            Reason::GetHeadZeroContentLength => "GetHeadZeroContentLength",
            Reason::MultipleContentLength => "MultipleContentLength",
            Reason::MultipleTransferEncodingChunked => "MultipleTransferEncodingChunked",
            Reason::NonCrLfLineTermination => "NonCrLfLineTermination",
            Reason::NonCompliantHeader => "NonCompliantHeader",
            Reason::NonCompliantVersion => "NonCompliantVersion",
            Reason::SpaceInUri => "SpaceInUri",
            Reason::SuspiciousHeader => "SuspiciousHeader",
            Reason::UndefinedContentLengthSemantics => "UndefinedContentLengthSemantics",
            Reason::UndefinedTransferEncodingSemantics => "UndefinedTransferEncodingSemantics",
        }
    }
}

/// What was found of a request: its worst tier, and the first reason for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The tier.
    pub tier: Tier,
    /// The reason, unless the request is compliant.
    pub reason: Option<Reason>,
}

impl Verdict {
    /// Something else was found.
    pub fn add(&mut self, tier: Tier, reason: Reason) {
        if tier > self.tier {
            *self = Verdict { tier, reason: Some(reason) };
        }
    }

    /// The tier as the access log writes it.
    pub fn classification(&self) -> Option<&'static str> {
        match self.tier {
            Tier::Compliant => None,
            Tier::Acceptable => Some("Acceptable"),
            Tier::Ambiguous => Some("Ambiguous"),
            Tier::Severe => Some("Severe"),
        }
    }

    /// What becomes of the request.
    pub fn under(&self, mode: DesyncMitigation) -> Treatment {
        match (mode, self.tier) {
            (_, Tier::Compliant) | (DesyncMitigation::Monitor, _) => Treatment::Allow,
            (DesyncMitigation::Strictest, _) | (_, Tier::Severe) => Treatment::Block,
            (DesyncMitigation::Defensive, Tier::Ambiguous) => Treatment::AllowOnce,
            (DesyncMitigation::Defensive, Tier::Acceptable) => Treatment::Allow,
        }
    }
}

/// What becomes of a classified request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// It is forwarded.
    Allow,
    /// It is forwarded, then the client's and the target's connection are closed.
    AllowOnce,
    /// It is answered 400, and the client's connection is closed.
    Block,
}
