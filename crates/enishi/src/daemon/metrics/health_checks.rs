//! The metrics of Route 53's health checks, once a minute, in us-east-1 as at AWS.
//! [Monitoring health checks using CloudWatch](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/monitoring-health-checks.html)

use std::time::Duration;

use enishi_cloud::cloudwatch::metric::Summary;
use enishi_state::route53::HealthCheck;
use enishi_state::{Region, Scope};

use super::Metrics;
use crate::daemon::health::HealthChecks;
use crate::daemon::writer::Writer;

const MINUTE: Duration = Duration::from_secs(60);

/// Counts for as long as the daemon lives.
pub async fn count(metrics: Metrics, writer: Writer, health: HealthChecks) {
    loop {
        let world = writer.newest().load_full();
        for row in world.all::<HealthCheck>() {
            let scope = Scope { account: row.account.clone(), region: Region::us_east_1() };
            let dimensions = [("HealthCheckId", row.id.as_str())];
            let status = if health.is_healthy(row.id.as_str()) { 1.0 } else { 0.0 };
            let summary = Summary::of(status);
            metrics.record(&scope, "AWS/Route53", "HealthCheckStatus", &dimensions, "None", &summary);
        }
        tokio::time::sleep(MINUTE).await;
    }
}
