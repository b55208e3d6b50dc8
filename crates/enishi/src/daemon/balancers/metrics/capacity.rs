//! Load balancer capacity units: what load balancers are paid by.
//! [Elastic Load Balancing pricing](https://aws.amazon.com/elasticloadbalancing/pricing/)
//!
//! "You are charged only on the dimension with the highest usage." A data point is the part of an hour's units that its minute
//! used, so that the sum over an hour is what that hour is charged with, as it is of `ReservedLCUs`.

/// What of a protocol's is one unit for an hour.
#[derive(Debug, Clone, Copy)]
pub struct Unit {
    new_per_second: f64,
    active: f64,
    bytes_per_hour: f64,
    rules_per_second: f64,
}

const GIGABYTE: f64 = 1e9;
const HOUR: f64 = 3600.0;

/// "25 new connections per second, 3,000 active connections per minute, 1 GB per hour for Amazon EC2 instances, containers, and IP
/// addresses as targets, 1,000 rule evaluations per second"
pub const APPLICATION: Unit =
    Unit { new_per_second: 25.0, active: 3000.0, bytes_per_hour: GIGABYTE, rules_per_second: 1000.0 };
/// "800 new TCP connections per second, 100,000 active TCP connections (sampled per minute), 1 GB per hour"
pub const TCP: Unit = network(800.0, 100_000.0);
/// "400 new UDP flows per second, 50,000 active UDP flows (sampled per minute), 1 GB per hour"
pub const UDP: Unit = network(400.0, 50_000.0);
/// "50 new TLS connections or flows per second, 3,000 active TLS connections or flows (sampled per minute), 1 GB per hour"
pub const TLS: Unit = network(50.0, 3000.0);

const fn network(new_per_second: f64, active: f64) -> Unit {
    Unit { new_per_second, active, bytes_per_hour: GIGABYTE, rules_per_second: f64::INFINITY }
}

/// What was used of a protocol in some seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Connections or flows that began.
    pub new: u64,
    /// Connections or flows that there were.
    pub active: u64,
    /// Bytes.
    pub bytes: u64,
    /// Rules that were looked at beyond those that are free.
    pub rules: u64,
}

impl Usage {
    /// Both together.
    pub fn add(&mut self, other: Usage) {
        self.new += other.new;
        self.active += other.active;
        self.bytes += other.bytes;
        self.rules += other.rules;
    }

    /// The capacity units of these seconds, as a part of an hour's.
    // Counts of a minute stay below 2^53.
    #[allow(clippy::cast_precision_loss)]
    pub fn consumed(&self, unit: Unit, seconds: f64) -> f64 {
        let dimensions = [
            self.new as f64 / (unit.new_per_second * HOUR),
            self.active as f64 / unit.active * seconds / HOUR,
            self.bytes as f64 / unit.bytes_per_hour,
            self.rules as f64 / (unit.rules_per_second * HOUR),
        ];
        dimensions.into_iter().fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the pricing page: "1 new connection per second, each lasting 2 minutes … 5 requests per second … 300 KB
    /// per second": 0.04, 0.04, 1.08 units.
    #[test]
    fn the_highest_dimension_counts() {
        let hour = Usage { new: 3600, active: 120, bytes: 1_080_000_000, rules: 0 };
        assert!((hour.consumed(APPLICATION, HOUR) - 1.08).abs() < 1e-9);
        let rules = Usage { rules: 250 * 3600, bytes: 0, ..hour };
        assert!((rules.consumed(APPLICATION, HOUR) - 0.25).abs() < 1e-9);
    }

    #[test]
    fn minutes_add_up_to_the_hour() {
        let minute = Usage { new: 60 * 400, active: 25_000, ..Usage::default() };
        assert!((60.0 * minute.consumed(UDP, 60.0) - 1.0).abs() < 1e-9);
        assert!((60.0 * minute.consumed(TCP, 60.0) - 0.5).abs() < 1e-9);
        assert!((60.0 * minute.consumed(TLS, 60.0) - 25_000.0 / 3000.0).abs() < 1e-9);
    }
}
