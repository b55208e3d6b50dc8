//! The public key of logins, where AWS has it: `https://public-keys.auth.elb.REGION.amazonaws.com/KEY-ID`, on the simulated internet.
//! [Signature verification](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html#user-claims-encoding)
//!
//! Targets verify with it what they are told of users. What answers is an engine like those of load balancers, with one rule; its
//! certificate is the local authority's, whom targets have to trust (`enishi ca`). It is there while any load balancer logs users in:
//! meanwhile nobody else on the internet can have port 443 of all its addresses.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use enishi_fabric::NamespaceName;
use enishi_fabric::balancer::{
    Action, AlpnPolicy, Attributes, Balancer, Certificate, Condition, FixedResponse, Kind, Listener,
    ListenerAttributes, ListenerProtocol, MutualAuthentication, Pattern, PrivateKey, Rule, Tls,
};
use enishi_kernel::Backend;
use enishi_plan::{LOGIN_KEYS, login_key_names};
use enishi_proxy::balancer::record::{Record, RecordSink};
use enishi_proxy::balancer::serve::{Node, Setup, Workers};
use enishi_state::Timestamp;

use super::login_key::PublicKey;
use super::{Means, bind, vouching};
use crate::daemon::certificates::Signed;
use crate::daemon::reconcile::{KeptNamespaces, inside};

const NAME: &str = "public-keys";
const PORT: u16 = 443;

/// What serves the key, until it is dropped.
pub(super) struct PublicKeys {
    _engine: Node,
    /// How long its certificate is valid.
    until: Timestamp,
}

/// Takes no records.
struct Unrecorded;

impl RecordSink for Unrecorded {
    fn record(&self, _: &Record<'_>) {}
}

impl PublicKeys {
    /// Serves on the internet, which has to be there.
    ///
    /// # Errors
    /// There is no key or no authority, or the address cannot be bound.
    pub(super) fn start(
        workers: &Workers,
        means: &Means,
        now: Timestamp,
        backend: &mut Backend<KeptNamespaces>,
    ) -> anyhow::Result<Self> {
        let signed = means.authority.server(login_key_names().collect(), now)?;
        let until = signed.not_after;
        let config = balancer(means.login_key.get()?.public(), signed);
        let internet = NamespaceName::internet();
        let engine = Node::start(
            workers,
            Setup {
                config: Arc::new(ArcSwap::from_pointee(config)),
                zone: "".into(),
                address: LOGIN_KEYS,
                connector: Arc::new(means.connector(&internet)),
                records: Arc::new(Unrecorded),
                secret: means.secret.of(NAME),
                signer: None,
                authorities: vouching(&means.authority),
            },
        );
        let listener: io::Result<_> = inside(&internet, backend, || bind(LOGIN_KEYS, PORT));
        engine.listen(PORT, listener?)?;
        Ok(PublicKeys { _engine: engine, until })
    }

    /// Whether it can go on as it is.
    pub(super) fn is_valid(&self, now: Timestamp) -> bool {
        now < self.until
    }
}

/// `GET /KEY-ID` answers the key, everything else that there is none.
fn balancer(key: &PublicKey, signed: Signed) -> Balancer {
    let answer = |status, content_type: &str, body: &str| {
        let content_type = Some(content_type.into());
        Action::Fixed(FixedResponse { status, content_type, body: body.into() })
    };
    let rule = |priority, conditions, action| {
        let (arn, rewrites) = (NAME.into(), Vec::new());
        Arc::new(Rule { arn, priority, conditions, authenticate: None, rewrites, action })
    };
    let path = Condition::Path(vec![Pattern::Wildcard(format!("/{}", key.id).into())]);
    let rules = vec![
        rule(Some(1), vec![path], answer(200, "binary/octet-stream", &key.pem)),
        rule(None, Vec::new(), answer(404, "text/plain", "there is no such key\n")),
    ];
    let certificate = Certificate {
        arn: NAME.into(),
        names: login_key_names().map(Arc::from).collect(),
        chain: signed.chain.into(),
        key: PrivateKey(signed.key.into()),
    };
    let tls = Tls {
        policy: "ELBSecurityPolicy-TLS13-1-2-2021-06".into(),
        default: Arc::new(certificate),
        others: Vec::new(),
        alpn: AlpnPolicy::None,
        mutual: MutualAuthentication::Off,
    };
    let listener = Listener {
        arn: NAME.into(),
        port: PORT,
        protocol: ListenerProtocol::Https,
        tls: Some(Arc::new(tls)),
        rules,
        attributes: Arc::new(ListenerAttributes::default()),
    };
    Balancer {
        arn: NAME.into(),
        id: NAME.into(),
        account: "".into(),
        region: "".into(),
        vpc: "".into(),
        dns_name: "".into(),
        kind: Kind::Application,
        nodes: BTreeMap::new(),
        listeners: BTreeMap::from([(PORT, Arc::new(listener))]),
        target_groups: BTreeMap::new(),
        attributes: Arc::new(Attributes::default()),
    }
}
