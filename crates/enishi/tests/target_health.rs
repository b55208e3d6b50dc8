//! Nodes of load balancers probe their targets, names follow what they find, and the user's own programs reach load balancers
//! through the endpoint.

mod harness;

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Instant;

use harness::site::{Site, aws};
use harness::until;

#[test]
fn names_follow_targets_that_fail_and_recover() {
    let mut site = Site::new();
    let (balancer, name) = site.balancer("web", "");
    let group = site.serve_by("web", &balancer, "TCP");
    let (_one, one_pid) = site.serve(0, "200 OK", "one");
    let (_two, two_pid) = site.serve(1, "200 OK", "two");
    for instance in [0, 1] {
        site.until_state(&group, instance, "healthy", "");
    }
    until("both zones answer", || site.answers(&name).len() == 2);
    let both = site.answers(&name);
    let zonal = site.answers(&format!("us-east-1a.{name}"));
    assert!(zonal.len() == 1 && zonal.is_subset(&both));

    // An alias that leads elsewhere while the load balancer is not well.
    let zone = site.daemon.create_zone("example.com", None).id;
    let alias = format!(
        "<AliasTarget><HostedZoneId>Z26RNL4JYFTOTI</HostedZoneId><DNSName>{name}</DNSName>\
         <EvaluateTargetHealth>true</EvaluateTargetHealth></AliasTarget>"
    );
    let spare = "<TTL>5</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.7</Value></ResourceRecord></ResourceRecords>";
    for (kind, leads) in [("PRIMARY", alias.as_str()), ("SECONDARY", spare)] {
        site.daemon.put_record_set(
            &zone,
            &format!(
                "<Name>www.example.com</Name><Type>A</Type><SetIdentifier>{kind}</SetIdentifier><Failover>{kind}</Failover>\
                 {leads}"
            ),
        );
    }
    assert_eq!(site.answers("www.example.com"), both);

    let (status, text) = site.through_endpoint("web.elb.localhost:4566");
    assert!(status == 200 && (text == "one" || text == "two"), "{status} {text}");
    let (status, text) = site.through_endpoint("web.81.elb.localhost");
    assert!(status == 404 && text.contains("no listener at port 81"), "{status} {text}");
    assert_eq!(site.through_endpoint("nobody.elb.localhost").0, 404);

    site.kill(0, &one_pid);
    let killed = Instant::now();
    site.until_state(&group, 0, "unhealthy", "Target.FailedHealthChecks");
    println!(
        "unhealthy with an interval of 5 s and a threshold of 2 after {:.2} s",
        killed.elapsed().as_secs_f64()
    );
    let other: BTreeSet<String> = both.difference(&zonal).cloned().collect();
    until("the other zone alone answers", || site.answers(&name) == other);
    assert_eq!(site.through_endpoint("web.elb.localhost"), (200, "two".to_owned()));

    site.kill(1, &two_pid);
    site.until_state(&group, 1, "unhealthy", "Target.FailedHealthChecks");
    until("all zones answer when none is healthy", || site.answers(&name) == both);
    until("the secondary answers", || {
        site.answers("www.example.com") == BTreeSet::from(["192.0.2.7".to_owned()])
    });

    // What is known outlives the daemon.
    site.daemon.kill_and_restart();
    assert_eq!(site.state(&group, 0), ("unhealthy".to_owned(), "Target.FailedHealthChecks".to_owned()));
    let _one = site.serve(0, "200 OK", "one");
    site.until_state(&group, 0, "healthy", "");
    until("its zone answers", || site.answers(&name) == zonal);
    until("the primary answers again", || site.answers("www.example.com") == zonal);
    let form =
        format!("Action=DeregisterTargets&TargetGroupArn={group}&Targets.member.1.Id={}", site.instances[0]);
    site.elb(&form);
    until("a target that drains counts no more", || site.answers(&name) == both);
}

#[test]
fn internal_load_balancers_answer_private_addresses_and_the_endpoint() {
    let site = Site::new();
    let (balancer, name) = site.balancer("inner", "&Type=application&Scheme=internal");
    let group = site.serve_by("inner", &balancer, "HTTP");
    let _one = site.serve(0, "200 OK", "one");
    let _two = site.serve(1, "503 Busy", "two");
    site.until_state(&group, 0, "healthy", "");
    site.until_state(&group, 1, "unhealthy", "Target.ResponseCodeMismatch");
    // With cross-zone load balancing every node has a healthy target.
    until("both zones answer", || site.answers(&name).len() == 2);
    assert!(site.answers(&name).iter().all(|address| address.starts_with("10.0.")));
    let label = name.split('.').next().expect("a label").to_uppercase();
    assert_eq!(site.through_endpoint(&format!("{label}.80.elb.localhost")), (200, "one".to_owned()));

    let (network, name) = site.balancer("flows", "&Scheme=internal");
    site.serve_by("flows", &network, "TCP");
    until("one zone answers", || site.answers(&name).len() == 1);
    assert!(site.answers(&name).iter().all(|address| address.starts_with("10.0.2.")));
    let (status, text) = site.through_endpoint("flows.elb.localhost");
    assert!(status == 501 && text.contains("keeps its clients' addresses"), "{status} {text}");
}

/// Lets a load balancer log into the bucket `logs`, which only then may be written to.
fn log_requests(site: &Site, balancer: &str) {
    aws(&site.daemon, &["s3", "mb", "s3://logs"]);
    let enable = format!(
        "Action=ModifyLoadBalancerAttributes&LoadBalancerArn={balancer}&Attributes.member.1.Key=access_logs.s3.enabled\
         &Attributes.member.1.Value=true&Attributes.member.2.Key=access_logs.s3.bucket&Attributes.member.2.Value=logs\
         &Attributes.member.3.Key=access_logs.s3.prefix&Attributes.member.3.Value=web"
    );
    let refused = site.daemon.ec2(&format!("{enable}&Version=2015-12-01"));
    assert!(refused.text().contains("Access Denied for bucket: logs"), "{}", refused.text());
    let policy = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:PutObject",
        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        "Resource": "arn:aws:s3:::logs/web/AWSLogs/000000000000/*"}]}"#;
    aws(&site.daemon, &["s3api", "put-bucket-policy", "--bucket", "logs", "--policy", policy]);
    site.elb(&enable);
}

/// The keys in the bucket.
fn logged(site: &Site) -> Vec<String> {
    let list = ["s3api", "list-objects-v2", "--bucket", "logs", "--query", "Contents[].Key"];
    aws(&site.daemon, &list).split_whitespace().filter(|key| *key != "None").map(str::to_owned).collect()
}

/// The lines of one file.
fn log(site: &Site, key: &str) -> String {
    let file = site.daemon.data_dir().join("access.log.gz");
    aws(&site.daemon, &["s3", "cp", &format!("s3://logs/{key}"), &file.to_string_lossy()]);
    let log = Command::new("gzip").arg("-dc").arg(&file).output().expect("gzip runs");
    String::from_utf8_lossy(&log.stdout).into_owned()
}

/// "Elastic Load Balancing publishes a log file for each load balancer node"; a daemon that ends delivers what it has.
#[test]
fn requests_are_logged_into_the_users_bucket() {
    let mut site = Site::new();
    let (balancer, _) = site.balancer("web", "&Type=application");
    let group = site.serve_by("web", &balancer, "HTTP");
    let _one = site.serve(0, "200 OK", "one");
    site.until_state(&group, 0, "healthy", "");

    log_requests(&site, &balancer);
    assert_eq!(site.through_endpoint("web.elb.localhost"), (200, "one".to_owned()));

    site.daemon.terminate();
    site.daemon.restart();
    let keys = logged(&site);
    let [key] = keys.as_slice() else { panic!("one node was asked: {keys:?}") };
    let id = balancer.split_once(":loadbalancer/").expect("an ARN").1;
    assert!(key.starts_with("web/AWSLogs/000000000000/elasticloadbalancing/us-east-1/2"), "{key}");
    assert!(
        key.contains(&format!("_us-east-1_{}_", id.replace('/', "."))) && key.ends_with(".log.gz"),
        "{key}"
    );
    let log = log(&site, key);
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.starts_with("http ") && log.contains(&format!(" {id} 198.18.0.1:")), "{log}");
    assert!(
        log.contains(" 200 200 ") && log.contains("\"GET http://web.elb.localhost:80/ HTTP/1.1\""),
        "{log}"
    );
    assert!(log.contains(&format!(" {group} ")), "{log}");
}

/// The last lines of a load balancer that is deleted are delivered too.
#[test]
fn a_deleted_load_balancer_delivers_its_last_lines() {
    let site = Site::new();
    let (balancer, _) = site.balancer("web", "&Type=application");
    let group = site.serve_by("web", &balancer, "HTTP");
    let _one = site.serve(0, "200 OK", "one");
    site.until_state(&group, 0, "healthy", "");
    log_requests(&site, &balancer);
    assert_eq!(site.through_endpoint("web.elb.localhost"), (200, "one".to_owned()));
    site.elb(&format!("Action=DeleteLoadBalancer&LoadBalancerArn={balancer}"));
    until("the last lines are there", || !logged(&site).is_empty());
    let keys = logged(&site);
    let log = log(&site, &keys[0]);
    assert!(keys.len() == 1 && log.lines().count() == 1 && log.contains(" 200 200 "), "{keys:?} {log}");
}
