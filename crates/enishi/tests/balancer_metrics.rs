//! What goes through load balancers of all kinds is in CloudWatch, under AWS's names and dimensions.

mod harness;

use std::time::{SystemTime, UNIX_EPOCH};

use harness::first;
use harness::site::Site;
use serde_json::{Value, json};

/// A load balancer's metrics.
#[derive(Clone)]
struct Metrics<'a> {
    site: &'a Site,
    namespace: &'static str,
    dimensions: Vec<(&'static str, String)>,
}

impl Metrics<'_> {
    /// The same with one more dimension.
    fn with(&self, name: &'static str, value: &str) -> Self {
        let mut dimensions = self.dimensions.clone();
        dimensions.push((name, value.to_owned()));
        Metrics { site: self.site, namespace: self.namespace, dimensions }
    }

    fn points(&self, name: &str) -> Vec<Value> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
        let dimensions = self.dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value }));
        let input = json!({
            "Namespace": self.namespace, "MetricName": name, "Dimensions": dimensions.collect::<Vec<_>>(),
            "StartTime": now - 3600, "EndTime": now + 3600, "Period": 60,
            "Statistics": ["Sum", "SampleCount", "Maximum", "Minimum"],
        });
        let headers = [
            ("Content-Type", "application/x-amz-json-1.0"),
            ("X-Amz-Target", "GraniteServiceVersion20100801.GetMetricStatistics"),
        ];
        let answer = self.site.daemon.send("POST", "/", &headers, input.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        answer.json()["Datapoints"].as_array().cloned().unwrap_or_default()
    }

    fn total(&self, name: &str, statistic: &str) -> f64 {
        self.points(name).iter().filter_map(|point| point[statistic].as_f64()).sum()
    }

    fn sum(&self, name: &str) -> f64 {
        self.total(name, "Sum")
    }

    fn maximum(&self, name: &str) -> f64 {
        self.points(name).iter().filter_map(|point| point["Maximum"].as_f64()).fold(f64::NAN, f64::max)
    }
}

fn of<'a>(site: &'a Site, namespace: &'static str, arn: &str) -> Metrics<'a> {
    let id = arn.split_once(":loadbalancer/").expect("an ARN").1;
    Metrics { site, namespace, dimensions: vec![("LoadBalancer", id.to_owned())] }
}

fn group_id(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or_default()
}

#[test]
fn requests_through_an_application_load_balancer() {
    let site = Site::new();
    let (balancer, _) = site.balancer("web", "&Type=application");
    let group = site.serve_by("web", &balancer, "HTTP");
    let _one = site.serve(0, "200 OK", "one");
    site.until_state(&group, 0, "healthy", "");
    site.until_state(&group, 1, "unhealthy", "Target.FailedHealthChecks");
    for _ in 0..5 {
        assert_eq!(site.through_endpoint("web.elb.localhost"), (200, "one".to_owned()));
    }
    site.daemon.settle();
    let metrics = of(&site, "AWS/ApplicationELB", &balancer);
    for name in ["RequestCount", "NewConnectionCount"] {
        assert_eq!(metrics.sum(name), 5.0, "{name}");
    }
    let zones =
        ["us-east-1a", "us-east-1b"].map(|zone| metrics.with("AvailabilityZone", zone).sum("RequestCount"));
    assert_eq!(zones.iter().sum::<f64>(), 5.0, "{zones:?}");
    assert!(metrics.sum("ProcessedBytes") > 5.0 * 100.0);
    assert_eq!(metrics.sum("RuleEvaluations"), 0.0, "the default rule is not counted");
    assert_eq!(metrics.sum("HTTPCode_Target_2XX_Count"), 5.0);
    assert_eq!(metrics.total("TargetResponseTime", "SampleCount"), 5.0);
    let alone = Metrics { dimensions: vec![("TargetGroup", group_id(&group).to_owned())], ..metrics.clone() };
    assert_eq!(alone.sum("RequestCountPerTarget"), 5.0, "one target is healthy");
    let group = metrics.with("TargetGroup", group_id(&group));
    assert_eq!(group.sum("RequestCountPerTarget"), 5.0);
    assert_eq!(group.sum("HTTPCode_Target_2XX_Count"), 5.0);
    assert_eq!(group.sum("RequestCount"), 5.0);
    assert_eq!(group.total("TargetResponseTime", "SampleCount"), 5.0);
    let seconds = group.sum("TargetResponseTime") / 5.0;
    assert!(seconds > 0.0 && seconds < 5.0, "{seconds} s");
    assert_eq!((group.maximum("HealthyHostCount"), group.maximum("UnHealthyHostCount")), (1.0, 1.0));
    // Five connections in an hour: everything else is less.
    let units = metrics.sum("ConsumedLCUs");
    assert!((units - 5.0 / (25.0 * 3600.0)).abs() < 1e-9, "{units}");

    // What is counted once is not counted again, and the last requests of a load balancer that is deleted count too.
    assert_eq!(site.through_endpoint("web.elb.localhost").0, 200);
    site.elb(&format!("Action=DeleteLoadBalancer&LoadBalancerArn={balancer}"));
    harness::until("the last request is counted", || {
        site.daemon.settle();
        metrics.sum("RequestCount") == 6.0
    });
}

#[test]
fn flows_through_a_network_load_balancer() {
    let site = Site::new();
    let (balancer, _) = site.balancer("flows", "");
    let group = site.serve_by("flows", &balancer, "TCP");
    let servers = [site.serve(0, "200 OK", "one"), site.serve(1, "200 OK", "two")];
    assert_eq!(servers.len(), 2);
    [0, 1].iter().for_each(|instance| site.until_state(&group, *instance, "healthy", ""));
    for _ in 0..4 {
        assert_eq!(site.through_endpoint("flows.elb.localhost").0, 200);
    }
    site.daemon.settle();
    let metrics = of(&site, "AWS/NetworkELB", &balancer);
    for name in ["NewFlowCount", "NewFlowCount_TCP"] {
        assert_eq!(metrics.sum(name), 4.0, "{name}");
    }
    let zones =
        ["us-east-1a", "us-east-1b"].map(|zone| metrics.with("AvailabilityZone", zone).sum("NewFlowCount"));
    assert_eq!(zones.iter().sum::<f64>(), 4.0, "{zones:?}");
    let (bytes, packets) = (metrics.sum("ProcessedBytes"), metrics.sum("ProcessedPackets"));
    assert_eq!(bytes, metrics.sum("ProcessedBytes_TCP"));
    assert!(
        bytes > 4.0 * 300.0 && packets >= 4.0 * 7.0 && bytes > 40.0 * packets,
        "{bytes} bytes, {packets} packets"
    );
    assert_eq!(metrics.sum("TCP_ELB_Reset_Count"), 0.0);
    assert!(metrics.maximum("ActiveFlowCount") >= 0.0, "it is always reported");
    assert!(metrics.points("NewFlowCount_UDP").is_empty() && metrics.points("RequestCount").is_empty());
    let group = metrics.with("TargetGroup", group_id(&group)).with("AvailabilityZone", "us-east-1b");
    assert_eq!(group.maximum("HealthyHostCount"), 1.0);
    let units = metrics.sum("ConsumedLCUs");
    let expected = f64::max(4.0 / (800.0 * 3600.0), bytes / 1e9);
    assert!((units - expected).abs() < 1e-9, "{units}, {expected}");
    assert_eq!(units, metrics.sum("ConsumedLCUs_TCP"));
}

#[test]
fn requests_through_a_classic_load_balancer() {
    let site = Site::new();
    let call = |form: &str| {
        let answer = site.daemon.ec2(&format!("{form}&Version=2012-06-01"));
        assert_eq!(answer.status, 200, "{form}: {}", answer.text());
        answer.text()
    };
    call(&format!(
        "Action=CreateLoadBalancer&LoadBalancerName=old&Listeners.member.1.Protocol=HTTP&Listeners.member.1.LoadBalancerPort=80\
         &Listeners.member.1.InstancePort=80&Subnets.member.1={}&SecurityGroups.member.1={}",
        site.subnets[0], site.group
    ));
    call(
        "Action=ConfigureHealthCheck&LoadBalancerName=old&HealthCheck.Target=TCP:80&HealthCheck.Interval=5&HealthCheck.Timeout=2\
         &HealthCheck.HealthyThreshold=2&HealthCheck.UnhealthyThreshold=2",
    );
    let _one = site.serve(0, "200 OK", "one");
    let instance = &site.instances[0];
    call(&format!(
        "Action=RegisterInstancesWithLoadBalancer&LoadBalancerName=old&Instances.member.1.InstanceId={instance}"
    ));
    harness::until("the instance is in service", || {
        first(&call("Action=DescribeInstanceHealth&LoadBalancerName=old"), "State") == "InService"
    });
    // Said is not yet in force, and a Classic Load Balancer does not fail open meanwhile.
    site.daemon.settle();
    for _ in 0..3 {
        assert_eq!(site.through_endpoint("old.elb.localhost"), (200, "one".to_owned()));
    }
    site.daemon.settle();
    let metrics = Metrics {
        site: &site,
        namespace: "AWS/ELB",
        dimensions: vec![("LoadBalancerName", "old".to_owned())],
    };
    assert_eq!((metrics.sum("RequestCount"), metrics.sum("HTTPCode_Backend_2XX")), (3.0, 3.0));
    assert_eq!(metrics.with("AvailabilityZone", "us-east-1a").sum("RequestCount"), 3.0);
    assert_eq!(metrics.total("Latency", "SampleCount"), 3.0);
    assert_eq!(metrics.maximum("HealthyHostCount"), 1.0);
}
