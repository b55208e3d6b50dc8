//! Listeners of bytes: TCP, and TLS that ends here.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use enishi_fabric::balancer::{Kind, TargetProtocol};
use tokio::time::Instant;

use super::buffer::Buffer;
use super::client::idle;
use super::local::Local;
use super::log::Client;
use super::stream::{Io, Patience, Stream};
use super::target::connect;
use super::timer::Timer;
use super::tunnel;
use crate::balancer::counters::{GroupMetric, Metric};
use crate::balancer::http1::Verdict;
use crate::balancer::proxy_protocol;
use crate::balancer::record::{Record, RequestKind};
use crate::balancer::snapshot::Step;

/// Serves a client until its connection ends.
pub(super) async fn serve(local: Rc<Local>, client: Client, stream: Stream) {
    let began = Instant::now();
    let live = local.live();
    let Some(listener) = live.snapshot.listeners.get(&client.port) else { return };
    let Some(Step::Forward(plan)) = listener.steps.last() else { return };
    let is_classic = live.snapshot.balancer.kind == Kind::Classic;
    let limit = if is_classic {
        idle(&live)
    } else {
        Duration::from_secs(u64::from(listener.listener.attributes.tcp_idle_timeout_seconds.max(1)))
    };
    let chosen = {
        let random = &mut local.worker.random.borrow_mut();
        let now = i64::try_from(local.worker.micros(began) / 1000).unwrap_or_default();
        plan.group(random.number())
            .and_then(|group| Some((group, group.choose(local.worker.index, now, random)?)))
    };
    let client_io = Io::new(stream);
    let timer = Timer::new(limit);
    let patience = Patience { timer: &timer, limit };
    let Some((group, target)) = chosen else { return client_io.abandon() };
    let counters = &group.state.counters;
    // A Network Load Balancer lets connections go on, unless `deregistration_delay.connection_termination.enabled`.
    let ends = is_classic || group.config.terminate_on_deregistration;
    let ends_with = ends.then_some(&*target.state);
    counters.add(local.worker.index, GroupMetric::RequestCount, 1);
    target.state.in_flight.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    if client.tls.is_some() {
        local.count(Metric::NewTlsConnections, 1);
        local.count(Metric::ActiveTlsConnections, 1);
    }
    let is_tls = matches!(group.config.protocol, TargetProtocol::Tls | TargetProtocol::Https);
    let seen = match client.address {
        SocketAddr::V4(address) if group.config.preserve_client_ip => Some(address),
        _ => None,
    };
    let connected = connect(&local, target.address, seen, is_tls, false).await;
    let connected_at = Instant::now();
    let mut moved = (0, 0);
    match connected {
        Err(_) => {
            counters.add(local.worker.index, GroupMetric::TargetConnectionErrorCount, 1);
            client_io.abandon();
        }
        Ok(stream) => {
            let target_io = Io::new(stream);
            let header = group
                .config
                .proxy_protocol
                .map(|version| proxy_protocol::header(version, client.address, client.local));
            let is_told = match &header {
                None => true,
                Some(header) => target_io.write([header, b"", b""], patience).await.is_ok(),
            };
            if is_told {
                let buffer = || Buffer::new(local.worker.buffers.clone());
                let (mut up, mut down) = (buffer(), buffer());
                let (client, target) = ((&client_io, &mut up), (&target_io, &mut down));
                moved = tunnel::tunnel(client, target, patience, ends_with).await;
            }
        }
    }
    target.state.in_flight.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
    local.count(Metric::RequestCount, 1);
    local.count(Metric::ProcessedBytes, moved.0 + moved.1);
    if client.tls.is_some() {
        local.count(Metric::ActiveTlsConnections, u64::MAX);
        local.count(Metric::TlsBytes, moved.0 + moved.1);
    }
    if live.snapshot.balancer.attributes.access_logs.is_some() && is_classic {
        let tls = client.tls.as_deref();
        let waited = u64::try_from((connected_at - began).as_micros()).ok();
        local.shared.records.record(&Record {
            kind: if tls.is_some() { RequestKind::Ssl } else { RequestKind::Tcp },
            created: local.worker.micros(began),
            answered: local.worker.micros(Instant::now()),
            balancer: &live.snapshot.balancer.id,
            client: client.address,
            target: Some(target.address),
            request_micros: waited,
            target_micros: Some(0),
            response_micros: Some(0),
            status: 0,
            target_status: None,
            received: moved.0,
            sent: moved.1,
            method: b"",
            url: b"",
            version: "",
            user_agent: b"",
            cipher: tls.map(|tls| tls.cipher),
            tls_version: tls.map(|tls| tls.version),
            group: None,
            trace: b"",
            server_name: None,
            certificate: None,
            priority: None,
            actions: "",
            redirect: None,
            error: None,
            verdict: Verdict::default(),
            connection: "",
        });
    }
}
