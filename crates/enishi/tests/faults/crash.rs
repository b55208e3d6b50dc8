//! `kill -9` of the daemon: what it has answered stays so, what it has not is made whole or not at all, and what runs
//! does not notice.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::lab::Lab;
use crate::harness::{Daemon, all, first, until};
use crate::stream::Stream;

const CLIENTS: usize = 6;

/// How long a connection may rest while the daemon dies and comes back. Both happen beside its path: this is about a
/// machine that does much else, not about us.
const LONGEST_GAP: Duration = Duration::from_secs(2);

/// Something that the daemon was told to remember: the answer to a question that must contain a text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Fact {
    question: String,
    text: String,
}

impl Fact {
    fn new(question: String, text: String) -> Self {
        Fact { question, text }
    }

    fn holds(&self, daemon: &Daemon, account: &str) -> bool {
        // A resource that is gone is asked for in vain.
        ask(daemon, account, &self.question)
            .expect("the daemon answers")
            .is_ok_and(|xml| xml.contains(&self.text))
    }
}

/// A client with an account of its own, and what it was told.
struct Client {
    account: String,
    holds: BTreeSet<Fact>,
    /// What was acknowledged to be gone.
    gone: BTreeSet<Fact>,
    kept: usize,
}

/// One call; `None` when the daemon is gone before it has answered.
fn ask(daemon: &Daemon, account: &str, form: &str) -> Option<Result<String, String>> {
    let credential = format!(
        "AWS4-HMAC-SHA256 Credential={account}/20260101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=00"
    );
    let body = format!("{form}&Version=2016-11-15");
    let headers = [("authorization", credential.as_str()), ("x-amz-date", "20260101T000000Z")];
    let answer = daemon.try_send("POST", "/", &headers, body.as_bytes())?;
    assert!(answer.status < 500, "{form}: {}", answer.text());
    Some(if answer.status == 200 { Ok(answer.text()) } else { Err(answer.text()) })
}

impl Client {
    fn new(number: usize) -> Self {
        let account = format!("{:012}", 210_000_000_000 + number);
        Client { account, holds: BTreeSet::new(), gone: BTreeSet::new(), kept: 0 }
    }

    /// Calls until the daemon is killed.
    fn run(&mut self, daemon: &Daemon, acknowledged: &AtomicUsize) {
        for round in 0.. {
            if self.round(daemon, round, acknowledged).is_none() {
                return;
            }
        }
    }

    fn call(&self, daemon: &Daemon, form: &str, acknowledged: &AtomicUsize) -> Option<String> {
        let xml = ask(daemon, &self.account, form)?.unwrap_or_else(|refusal| panic!("{form}: {refusal}"));
        acknowledged.fetch_add(1, Ordering::Relaxed);
        Some(xml)
    }

    /// Makes a VPC with a subnet, a tag, a group and a rule; most rounds remove it again.
    fn round(&mut self, daemon: &Daemon, round: usize, acknowledged: &AtomicUsize) -> Option<()> {
        let call = |client: &Self, form: &str| client.call(daemon, form, acknowledged);
        let cidr = format!("10.{}.0.0/16", round % 250);
        let vpc = first(&call(self, &format!("Action=CreateVpc&CidrBlock={cidr}"))?, "vpcId");
        let of_vpc =
            Fact::new(format!("Action=DescribeVpcs&VpcId.1={vpc}"), format!("<cidrBlock>{cidr}</cidrBlock>"));
        self.holds.insert(of_vpc.clone());
        let subnet = format!("Action=CreateSubnet&VpcId={vpc}&CidrBlock={}", cidr.replace("/16", "/24"));
        let subnet = first(&call(self, &subnet)?, "subnetId");
        let question = format!("Action=DescribeSubnets&SubnetId.1={subnet}");
        let of_subnet = Fact::new(question, format!("<vpcId>{vpc}</vpcId>"));
        self.holds.insert(of_subnet.clone());
        call(self, &format!("Action=CreateTags&ResourceId.1={subnet}&Tag.1.Key=round&Tag.1.Value=r{round}"))?;
        let question = format!("Action=DescribeTags&Filter.1.Name=resource-id&Filter.1.Value.1={subnet}");
        let of_tag = Fact::new(question, format!("<value>r{round}</value>"));
        self.holds.insert(of_tag.clone());
        let group = format!("Action=CreateSecurityGroup&GroupName=g&GroupDescription=g&VpcId={vpc}");
        let group = first(&call(self, &group)?, "groupId");
        let question = format!("Action=DescribeSecurityGroups&GroupId.1={group}");
        let of_group = Fact::new(question, format!("<vpcId>{vpc}</vpcId>"));
        self.holds.insert(of_group.clone());
        call(self, &permission("AuthorizeSecurityGroupIngress", &group, 4000))?;
        let question =
            format!("Action=DescribeSecurityGroupRules&Filter.1.Name=group-id&Filter.1.Value.1={group}");
        let of_rule = Fact::new(question, "<fromPort>4000</fromPort>".to_owned());
        self.holds.insert(of_rule.clone());
        // Two stay: more would meet the quota of VPCs.
        if self.kept < 2 {
            self.kept += 1;
            return Some(());
        }
        for (form, facts) in [
            (permission("RevokeSecurityGroupIngress", &group, 4000), vec![of_rule]),
            (format!("Action=DeleteSecurityGroup&GroupId={group}"), vec![of_group]),
            (format!("Action=DeleteSubnet&SubnetId={subnet}"), vec![of_subnet, of_tag]),
            (format!("Action=DeleteVpc&VpcId={vpc}"), vec![of_vpc]),
        ] {
            // While the answer is on its way, either is right.
            self.holds.retain(|fact| !facts.contains(fact));
            call(self, &form)?;
            self.gone.extend(facts);
        }
        Some(())
    }

    fn check(&self, daemon: &Daemon) {
        for fact in &self.holds {
            assert!(fact.holds(daemon, &self.account), "acknowledged and lost: {fact:?}");
        }
        for fact in &self.gone {
            assert!(!fact.holds(daemon, &self.account), "acknowledged to be gone, and there: {fact:?}");
        }
        self.check_that_all_is_whole(daemon);
    }

    /// Whatever exists, acknowledged or not, has what AWS makes with it.
    fn check_that_all_is_whole(&self, daemon: &Daemon) {
        let filtered = |action: &str, filters: &[(&str, &str)], element: &str| {
            let mut form = format!("Action={action}");
            for (n, (name, value)) in (1..).zip(filters) {
                form.push_str(&format!("&Filter.{n}.Name={name}&Filter.{n}.Value.1={value}"));
            }
            let xml = ask(daemon, &self.account, &form)
                .expect("an answer")
                .unwrap_or_else(|refusal| panic!("{refusal}"));
            all(&xml, element)
        };
        let vpcs = filtered("DescribeVpcs", &[], "vpcId");
        for vpc in &vpcs {
            let main = [("vpc-id", vpc.as_str()), ("association.main", "true")];
            assert_eq!(
                filtered("DescribeRouteTables", &main, "routeTableId").len(),
                1,
                "{vpc}: main route table"
            );
            let default = [("vpc-id", vpc.as_str()), ("default", "true")];
            assert_eq!(
                filtered("DescribeNetworkAcls", &default, "networkAclId").len(),
                1,
                "{vpc}: default ACL"
            );
            let default = [("vpc-id", vpc.as_str()), ("group-name", "default")];
            assert_eq!(
                filtered("DescribeSecurityGroups", &default, "groupId").len(),
                1,
                "{vpc}: default group"
            );
        }
        let subnets = filtered("DescribeSubnets", &[], "subnetId");
        for subnet in &subnets {
            let of_subnet = [("association.subnet-id", subnet.as_str())];
            assert_eq!(
                filtered("DescribeNetworkAcls", &of_subnet, "networkAclId").len(),
                1,
                "{subnet}: its ACL"
            );
        }
        let groups = filtered("DescribeSecurityGroups", &[], "groupId");
        assert!(filtered("DescribeSubnets", &[], "vpcId").is_subset(&vpcs), "a subnet without its VPC");
        assert!(filtered("DescribeSecurityGroups", &[], "vpcId").is_subset(&vpcs), "a group without its VPC");
        assert!(
            filtered("DescribeSecurityGroupRules", &[], "groupId").is_subset(&groups),
            "a rule without its group"
        );
        let tagged = filtered("DescribeTags", &[], "resourceId");
        assert!(tagged.iter().all(|id| subnets.contains(id)), "a tag without its resource: {tagged:?}");
    }
}

fn permission(action: &str, group: &str, port: u16) -> String {
    format!(
        "Action={action}&GroupId={group}&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort={port}\
         &IpPermissions.1.ToPort={port}&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8"
    )
}

/// Opens ports in a group whose rules packets obey, until the daemon is killed; answers the last that was acknowledged.
fn open_ports(daemon: &Daemon, group: &str, acknowledged: &AtomicUsize, from: &AtomicU16) -> BTreeSet<u16> {
    let mut open = BTreeSet::new();
    loop {
        let port = from.fetch_add(1, Ordering::Relaxed);
        match ask(daemon, "000000000000", &permission("AuthorizeSecurityGroupIngress", group, port)) {
            None => return open,
            Some(Err(refusal)) => panic!("{refusal}"),
            Some(Ok(_)) => open.insert(port),
        };
        acknowledged.fetch_add(1, Ordering::Relaxed);
        // The group's quota of rules is small; what is closed leaves room.
        let Some(oldest) = open.first().copied().filter(|_| open.len() > 20) else { continue };
        open.remove(&oldest);
        match ask(daemon, "000000000000", &permission("RevokeSecurityGroupIngress", group, oldest)) {
            None => return open,
            Some(answer) => drop(answer.unwrap_or_else(|refusal| panic!("{refusal}"))),
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_half_made() {
    let mut lab = Lab::new();
    let (web, web_ip) = lab.instance("web");
    let (app, _) = lab.instance("app");
    lab.daemon.settle();
    lab.permit("AuthorizeSecurityGroupIngress", 7);
    let stream = Stream::start(&lab, &app, &web, &web_ip, 7);
    let init = |daemon: &Daemon| {
        [&web, &app].map(|id| daemon.shell(id, "cut -d' ' -f22 /proc/1/stat; cat /proc/1/comm"))
    };
    let before = init(&lab.daemon);
    let mut earlier: Vec<Client> = Vec::new();
    for round in 1..=4 {
        let acknowledged = AtomicUsize::new(0);
        let daemon = &lab.daemon;
        // Accounts of their own: what was on its way when the daemon died counts against nobody's quota.
        let mut clients: Vec<Client> = (0..CLIENTS).map(|n| Client::new(100 * round + n)).collect();
        std::thread::scope(|scope| {
            for client in &mut clients {
                scope.spawn(|| client.run(daemon, &acknowledged));
            }
            // Not always at the same point of what goes on.
            until("enough was acknowledged", || acknowledged.load(Ordering::Relaxed) >= 70 + 37 * round);
            kill_now(daemon);
        });
        stream.flows();
        lab.daemon.kill_and_restart();
        lab.daemon.settle();
        stream.flows();
        earlier.append(&mut clients);
        earlier.iter().for_each(|client| client.check(&lab.daemon));
        assert_eq!(init(&lab.daemon), before, "the instances did not notice");
    }
    assert!(stream.longest_gap() < LONGEST_GAP, "the connection rested for {:?}", stream.longest_gap());
    assert!(stream.lines() > 500);
}

#[test]
fn rules_that_were_acknowledged_are_in_force_after_a_crash() {
    let mut lab = Lab::new();
    let (web, web_ip) = lab.instance("web");
    lab.instance("app");
    lab.daemon.settle();
    let next = AtomicU16::new(20_000);
    for _ in 0..3 {
        let acknowledged = AtomicUsize::new(0);
        let (daemon, group) = (&lab.daemon, &lab.network.group);
        let open = std::thread::scope(|scope| {
            let ports = scope.spawn(|| open_ports(daemon, group, &acknowledged, &next));
            until("enough was acknowledged", || acknowledged.load(Ordering::Relaxed) >= 40);
            kill_now(daemon);
            ports.join().expect("the client ends")
        });
        lab.daemon.kill_and_restart();
        lab.daemon.settle();
        let newest = *open.last().expect("a port is open");
        let _server = lab.echo_server(&web, newest);
        assert!(lab.connects("app", &web_ip, newest), "port {newest} was acknowledged");
        let _closed = lab.echo_server(&web, 19_000);
        assert!(!lab.connects("app", &web_ip, 19_000), "nobody opened this port");
        lab.daemon.call(&format!(
            "Action=RevokeSecurityGroupIngress&GroupId={}{}",
            lab.network.group,
            rules(&lab)
        ));
    }
}

/// All inbound rules of the lab's group, as parameters.
fn rules(lab: &Lab) -> String {
    let xml = lab.daemon.call(&format!(
        "Action=DescribeSecurityGroupRules&Filter.1.Name=group-id&Filter.1.Value.1={}",
        lab.network.group
    ));
    let inbound = xml.split("<item>").filter(|rule| rule.contains("<isEgress>false</isEgress>"));
    (1..)
        .zip(inbound)
        .map(|(n, rule)| format!("&SecurityGroupRuleId.{n}={}", first(rule, "securityGroupRuleId")))
        .collect()
}

#[test]
fn instances_answer_after_a_crash() {
    let mut lab = Lab::new();
    let (web, _) = lab.instance("web");
    lab.daemon.settle();
    let boot = "stat -c %Y /proc/1; cat /proc/1/stat | cut -d' ' -f22";
    let before = lab.daemon.shell(&web, boot);
    let metadata = "exec 3<>/dev/tcp/169.254.169.254/80; printf 'GET /latest/meta-data/instance-id HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3";
    let asks = |lab: &Lab| {
        let output = lab.daemon.run(&["exec", &web, "--", "timeout", "2", "bash", "-c", metadata]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(asks(&lab).ends_with(&web), "{}", asks(&lab));
    for _ in 0..3 {
        lab.daemon.kill_and_restart();
        lab.daemon.settle();
        assert_eq!(lab.daemon.shell(&web, boot), before);
        until("the metadata service answers", || asks(&lab).ends_with(&web));
        assert_eq!(lab.daemon.run(&["exec", "web", "--", "sh", "-c", "exit 9"]).status.code(), Some(9));
    }
}

#[test]
fn a_daemon_that_is_killed_while_it_starts_instances_leaves_no_second_ones() {
    let mut lab = Lab::new();
    let mut ids = BTreeSet::new();
    for round in 0..3 {
        ids.insert(lab.instance(&format!("box{round}")).0);
        // In the middle of the launch.
        lab.daemon.kill_and_restart();
    }
    let status = lab.daemon.settle();
    assert_eq!(status["instances_running"], ids.len());
    for id in &ids {
        lab.daemon.shell(id, "ip -4 -o addr show eth0 | grep -q 10.0.1.");
        lab.daemon.call(&format!("Action=TerminateInstances&InstanceId.1={id}"));
    }
    assert_eq!(lab.daemon.settle()["instances_running"], 0);
}

fn kill_now(daemon: &Daemon) {
    kill(Pid::from_raw(daemon.pid().cast_signed()), Signal::SIGKILL).expect("the daemon is killed");
}
