//! Flows of Network Load Balancers: what the kernel forwards, and what user space relays.
//! [CloudWatch metrics for your Network Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html)
//!
//! Bytes that the kernel forwards count with the headers of IP and TCP, as at AWS; of what user space relays (TLS, Proxy Protocol)
//! only what is inside is known, and no packets.

use enishi_kernel::{FlowCounters, FlowReader, Flows};

use super::capacity::Usage;
use super::recorder::{Engine, Recorder};

/// The kernel's counters of a node, as they were the last time.
#[derive(Debug)]
pub struct NodeFlows {
    /// Away while it reads.
    reader: Option<FlowReader>,
    last: FlowCounters,
}

impl NodeFlows {
    /// Counts from now on: what was counted before belongs to whoever looked at the node before, perhaps another daemon.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub fn begin(mut reader: FlowReader) -> std::io::Result<Self> {
        let last = reader.read_without_active()?;
        Ok(NodeFlows { reader: Some(reader), last })
    }

    /// What was counted since the last time; of what is active, how much is.
    pub(super) async fn added(&mut self) -> Option<FlowCounters> {
        let mut reader = self.reader.take()?;
        // There may be very many flows.
        let read = tokio::task::spawn_blocking(move || (reader.read(), reader)).await;
        let (read, reader) = read.ok()?;
        self.reader = Some(reader);
        match read {
            Ok(now) => Some(since(std::mem::replace(&mut self.last, now), now)),
            Err(error) => {
                tracing::debug!(%error, "flows cannot be counted");
                None
            }
        }
    }
}

/// Counters that are less than they were began anew.
fn since(last: FlowCounters, now: FlowCounters) -> FlowCounters {
    let less = |last: u64, now: u64| now.checked_sub(last).unwrap_or(now);
    let flows = |last: Flows, now: Flows| Flows {
        new: less(last.new, now.new),
        active: now.active,
        packets: less(last.packets, now.packets),
        bytes: less(last.bytes, now.bytes),
    };
    FlowCounters {
        tcp: flows(last.tcp, now.tcp),
        udp: flows(last.udp, now.udp),
        client_resets: less(last.client_resets, now.client_resets),
        target_resets: less(last.target_resets, now.target_resets),
        own_resets: less(last.own_resets, now.own_resets),
    }
}

/// What a node counted, of all it does.
pub(super) struct Counted {
    pub(super) tcp: Usage,
    pub(super) udp: Usage,
    pub(super) tls: Usage,
    kernel: FlowCounters,
}

impl Counted {
    /// Both together: connections in user space that speak no TLS are TCP's.
    pub(super) fn new(engine: Engine, kernel: FlowCounters) -> Self {
        let usage =
            |flows: Flows| Usage { new: flows.new, active: flows.active, bytes: flows.bytes, rules: 0 };
        let mut tcp = usage(kernel.tcp);
        tcp.add(engine.without_tls());
        Counted { tcp, udp: usage(kernel.udp), tls: engine.tls, kernel }
    }

    /// Records it. "Always reported" are the sums; the protocols where "there is a nonzero value".
    pub(super) fn record(&self, recorder: &Recorder<'_>) {
        let protocols = [&self.tcp, &self.udp, &self.tls];
        let count = |name: &str, count| recorder.count(name, None, count);
        each("NewFlowCount", protocols.map(|usage| usage.new), count);
        each("ProcessedBytes", protocols.map(|usage| usage.bytes), count);
        each("ActiveFlowCount", protocols.map(|usage| usage.active), |name, count| {
            recorder.in_zone(name, count)
        });
        count("ProcessedPackets", self.kernel.tcp.packets + self.kernel.udp.packets);
        count("TCP_Client_Reset_Count", self.kernel.client_resets);
        count("TCP_Target_Reset_Count", self.kernel.target_resets);
        count("TCP_ELB_Reset_Count", self.kernel.own_resets);
    }
}

/// Records how many flows there are in all zones: one sample, of which the average is asked for.
pub(super) fn record_active(recorder: &Recorder<'_>, tcp: &Usage, udp: &Usage, tls: &Usage) {
    each("ActiveFlowCount", [tcp, udp, tls].map(|usage| usage.active), |name, count| {
        recorder.overall(name, count)
    });
}

/// The sum, and each protocol that has something.
fn each(name: &str, [tcp, udp, tls]: [u64; 3], record: impl Fn(&str, u64)) {
    record(name, tcp + udp + tls);
    for (protocol, count) in [("TCP", tcp), ("UDP", udp), ("TLS", tls)] {
        if count > 0 {
            record(&format!("{name}_{protocol}"), count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_was_made_anew_begins_at_nothing() {
        let counted = |new, bytes| FlowCounters {
            tcp: Flows { new, active: 1, packets: 2, bytes },
            own_resets: new,
            ..FlowCounters::default()
        };
        let grown = since(counted(3, 300), counted(5, 700));
        assert_eq!((grown.tcp.new, grown.tcp.bytes, grown.tcp.active, grown.own_resets), (2, 400, 1, 2));
        let anew = since(counted(5, 700), counted(1, 90));
        assert_eq!((anew.tcp.new, anew.tcp.bytes, anew.own_resets), (1, 90, 1));
    }
}
