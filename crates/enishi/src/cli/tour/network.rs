//! The example: a VPC with a public and a private subnet.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::Visit;
use super::aws::{Aws, field};
use crate::cli::client::Endpoint;
use crate::cli::exec::{Place, is_not_ready};
use crate::cli::output::Output;

/// How long an instance or a NAT gateway may take to be there.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a packet that never arrives is waited for, in seconds.
const SILENCE: &str = "1";

/// A server that answers every connection with who it is and whom it sees. Perl's core is on every Debian.
fn server(name: &str, port: u16) -> String {
    format!(
        "perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalPort => {port}, Listen => 64, ReuseAddr => 1) \
         or die; while (my $c = $s->accept) {{ print $c \"{name} sees \".$c->peerhost.\"\\n\"; close $c }}'"
    )
}

/// The ids of what was made, in the order in which it was.
#[derive(Debug, Default)]
pub struct Network {
    vpc: Option<String>,
    gateway: Option<String>,
    subnets: Vec<String>,
    tables: Vec<String>,
    groups: Vec<String>,
    addresses: Vec<String>,
    nat: Option<String>,
    instances: Vec<String>,
    web: Host,
    app: Host,
    nat_ip: String,
    web_rule: String,
}

/// An instance of the example.
#[derive(Debug, Default, Clone)]
struct Host {
    id: String,
    private_ip: String,
    public_ip: String,
}

impl Network {
    /// Makes it.
    pub fn build(&mut self, aws: &Aws<'_>, output: Output) -> anyhow::Result<()> {
        output.progress("a VPC with an internet gateway, a public and a private subnet …");
        let vpc = aws.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "vpcId")?;
        self.vpc = Some(vpc.clone());
        let gateway = aws.make("CreateInternetGateway", &[], "internetGatewayId")?;
        self.gateway = Some(gateway.clone());
        aws.call("AttachInternetGateway", &[("InternetGatewayId", &gateway), ("VpcId", &vpc)])?;
        let public = self.subnet(aws, &vpc, "10.0.1.0/24")?;
        let private = self.subnet(aws, &vpc, "10.0.2.0/24")?;
        self.route(aws, &vpc, &public, ("GatewayId", &gateway))?;
        output.progress("a NAT gateway with an Elastic IP …");
        let (allocation, nat_ip) = self.elastic_ip(aws)?;
        self.nat_ip = nat_ip;
        let nat = aws.make(
            "CreateNatGateway",
            &[("SubnetId", &public), ("AllocationId", &allocation)],
            "natGatewayId",
        )?;
        self.nat = Some(nat.clone());
        await_state(aws, "DescribeNatGateways", ("NatGatewayId.1", &nat), "available")?;
        self.route(aws, &vpc, &private, ("NatGatewayId", &nat))?;
        output.progress("security groups: everybody may reach web on 80, only web may reach app on 8080 …");
        let web_group = self.group(aws, &vpc, "web")?;
        let app_group = self.group(aws, &vpc, "app")?;
        self.web_rule = allow(aws, &web_group, "80", ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"))?;
        allow(aws, &app_group, "8080", ("IpPermissions.1.Groups.1.GroupId", &web_group))?;
        output.progress("two instances …");
        self.web = self.instance(aws, "web", &public, &web_group, 80)?;
        self.app = self.instance(aws, "app", &private, &app_group, 8080)?;
        let (allocation, web_ip) = self.elastic_ip(aws)?;
        for instance in [&self.web, &self.app] {
            await_state(aws, "DescribeInstances", ("InstanceId.1", &instance.id), "running")?;
        }
        aws.call("AssociateAddress", &[("AllocationId", &allocation), ("InstanceId", &self.web.id)])?;
        self.web.public_ip = web_ip;
        Ok(())
    }

    fn subnet(&mut self, aws: &Aws<'_>, vpc: &str, cidr: &str) -> anyhow::Result<String> {
        let parameters = [("VpcId", vpc), ("CidrBlock", cidr)];
        let subnet = aws.make("CreateSubnet", &parameters, "subnetId")?;
        self.subnets.push(subnet.clone());
        Ok(subnet)
    }

    /// A route table of its own for a subnet, with a default route.
    fn route(&mut self, aws: &Aws<'_>, vpc: &str, subnet: &str, target: (&str, &str)) -> anyhow::Result<()> {
        let table = aws.make("CreateRouteTable", &[("VpcId", vpc)], "routeTableId")?;
        self.tables.push(table.clone());
        aws.call("CreateRoute", &[("RouteTableId", &table), ("DestinationCidrBlock", "0.0.0.0/0"), target])?;
        aws.call("AssociateRouteTable", &[("RouteTableId", &table), ("SubnetId", subnet)])?;
        Ok(())
    }

    fn elastic_ip(&mut self, aws: &Aws<'_>) -> anyhow::Result<(String, String)> {
        let xml = aws.call("AllocateAddress", &[("Domain", "vpc")])?;
        let allocation =
            field(&xml, "allocationId").context("the Elastic IP has no allocation id")?.to_owned();
        self.addresses.push(allocation.clone());
        let address = field(&xml, "publicIp").context("the Elastic IP has no address")?.to_owned();
        Ok((allocation, address))
    }

    fn group(&mut self, aws: &Aws<'_>, vpc: &str, name: &str) -> anyhow::Result<String> {
        let description = format!("of the tour: {name}");
        let parameters = [("GroupName", name), ("GroupDescription", description.as_str()), ("VpcId", vpc)];
        let group = aws.make("CreateSecurityGroup", &parameters, "groupId")?;
        self.groups.push(group.clone());
        Ok(group)
    }

    fn instance(
        &mut self,
        aws: &Aws<'_>,
        name: &str,
        subnet: &str,
        group: &str,
        port: u16,
    ) -> anyhow::Result<Host> {
        let user_data =
            base64(format!("#!/bin/sh\nnohup {} >/dev/null 2>&1 &\n", server(name, port)).as_bytes());
        let parameters = [
            ("ImageId", "ami-0123456789abcdef0"),
            ("InstanceType", "t3.micro"),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            ("SubnetId", subnet),
            ("SecurityGroupId.1", group),
            ("UserData", &user_data),
            ("TagSpecification.1.ResourceType", "instance"),
            ("TagSpecification.1.Tag.1.Key", "Name"),
            ("TagSpecification.1.Tag.1.Value", name),
        ];
        let xml = aws.call("RunInstances", &parameters)?;
        let id = field(&xml, "instanceId").context("the instance has no id")?.to_owned();
        self.instances.push(id.clone());
        let private_ip = field(&xml, "privateIpAddress").context("the instance has no address")?.to_owned();
        Ok(Host { id, private_ip, public_ip: String::new() })
    }

    /// Sends the packets.
    pub fn visit(&self, aws: &Aws<'_>, endpoint: &Endpoint, output: Output) -> anyhow::Result<Vec<Visit>> {
        output.progress("sending packets …");
        let internet = Place::find(endpoint, "internet")?;
        let web = Place::find(endpoint, &self.web.id)?;
        let app = Place::find(endpoint, &self.app.id)?;
        let outside = internet
            .collect(&shell("ip -4 -o addr show dev lo scope global | awk '{print $4; exit}' | cut -d/ -f1"))?
            .stdout
            .trim()
            .to_owned();
        let _site = internet.start(&shell(&server("the internet", 8000)))?;
        for (place, port) in [(&web, 80), (&app, 8080), (&internet, 8000)] {
            await_server(place, port)?;
        }
        let mut visits = Vec::new();
        let mut send = |what: &str, from: &Place, to: &str, port: u16, expected: bool| {
            let (reached, answer) = connect(from, to, port)?;
            visits.push(Visit { what: what.to_owned(), expected, reached, answer });
            anyhow::Ok(())
        };
        let (web_ip, app_ip) = (self.web.private_ip.as_str(), self.app.private_ip.as_str());
        send("internet → web's Elastic IP, port 80", &internet, &self.web.public_ip, 80, true)?;
        send("internet → web's Elastic IP, port 22", &internet, &self.web.public_ip, 22, false)?;
        send("internet → app's private address", &internet, app_ip, 8080, false)?;
        send("web → app, port 8080 (allowed for web's group)", &web, app_ip, 8080, true)?;
        send("web → app, port 22", &web, app_ip, 22, false)?;
        send("app → web, port 80", &app, web_ip, 80, true)?;
        send("app → internet, through the NAT gateway", &app, &outside, 8000, true)?;
        send("web → internet, under its Elastic IP", &web, &outside, 8000, true)?;
        output.progress("revoking web's rule for port 80 …");
        let group = self.groups.first().map(String::as_str).unwrap_or_default();
        aws.call(
            "RevokeSecurityGroupIngress",
            &[("GroupId", group), ("SecurityGroupRuleId.1", &self.web_rule)],
        )?;
        send(
            "internet → web's Elastic IP, port 80, rule revoked",
            &internet,
            &self.web.public_ip,
            80,
            false,
        )?;
        self.check_sources(&mut visits);
        Ok(visits)
    }

    /// What arrives on the internet must come from the Elastic IPs.
    fn check_sources(&self, visits: &mut [Visit]) {
        for visit in visits.iter_mut() {
            let source = match visit.what.as_str() {
                what if what.starts_with("app → internet") => &self.nat_ip,
                what if what.starts_with("web → internet") => &self.web.public_ip,
                _ => continue,
            };
            visit.reached &= visit.answer.ends_with(source.as_str());
        }
    }

    /// Takes it down, in the order that AWS's dependency checks allow. Goes on after a failure, and answers the first.
    pub fn remove(&self, aws: &Aws<'_>) -> anyhow::Result<()> {
        let mut first = Ok(());
        let mut step = |result: anyhow::Result<()>| {
            if first.is_ok() {
                first = result;
            }
        };
        let call = |action: &str, name: &str, id: &str| aws.call(action, &[(name, id)]).map(drop);
        for id in &self.instances {
            step(call("TerminateInstances", "InstanceId.1", id));
        }
        for id in &self.instances {
            step(await_state(aws, "DescribeInstances", ("InstanceId.1", id), "terminated"));
        }
        if let Some(nat) = &self.nat {
            step(call("DeleteNatGateway", "NatGatewayId", nat));
            step(await_state(aws, "DescribeNatGateways", ("NatGatewayId.1", nat), "deleted"));
        }
        for id in &self.addresses {
            step(call("ReleaseAddress", "AllocationId", id));
        }
        for id in self.groups.iter().rev() {
            step(call("DeleteSecurityGroup", "GroupId", id));
        }
        for id in &self.subnets {
            step(call("DeleteSubnet", "SubnetId", id));
        }
        for id in &self.tables {
            step(call("DeleteRouteTable", "RouteTableId", id));
        }
        if let (Some(gateway), Some(vpc)) = (&self.gateway, &self.vpc) {
            let parameters = [("InternetGatewayId", gateway.as_str()), ("VpcId", vpc)];
            step(aws.call("DetachInternetGateway", &parameters).map(drop));
            step(call("DeleteInternetGateway", "InternetGatewayId", gateway));
        }
        if let Some(vpc) = &self.vpc {
            step(call("DeleteVpc", "VpcId", vpc));
        }
        first
    }
}

/// Admits TCP on a port; answers the rule's id.
fn allow(aws: &Aws<'_>, group: &str, port: &str, peer: (&str, &str)) -> anyhow::Result<String> {
    let parameters = [
        ("GroupId", group),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", port),
        ("IpPermissions.1.ToPort", port),
        peer,
    ];
    aws.make("AuthorizeSecurityGroupIngress", &parameters, "securityGroupRuleId")
}

/// Asks until the resource is in a state, as a waiter of the AWS CLI does, only faster.
fn await_state(aws: &Aws<'_>, action: &str, id: (&str, &str), state: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let wanted = [format!("<state>{state}</state>"), format!("<name>{state}</name>")];
    loop {
        let xml = aws.call(action, &[id])?;
        if wanted.iter().any(|wanted| xml.contains(wanted.as_str())) {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("{} did not become {state}", id.1);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until the server in `place` listens.
fn await_server(place: &Place, port: u16) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let command = shell(&format!("exec 3<>/dev/tcp/127.0.0.1/{port}"));
    loop {
        match place.collect(&command) {
            Ok(said) if said.status == 0 => return Ok(()),
            Err(error) if !is_not_ready(&error) => return Err(error),
            _ => {}
        }
        if Instant::now() > deadline {
            bail!("the server on port {port} did not start");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Connects from `place`; whether it was answered, and what was said.
fn connect(place: &Place, to: &str, port: u16) -> anyhow::Result<(bool, String)> {
    let command = format!("exec 3<>/dev/tcp/{to}/{port} && cat <&3");
    let command = ["timeout", SILENCE, "bash", "-c", &command].map(str::to_owned);
    let said = place.collect(&command)?;
    Ok((said.status == 0 && !said.stdout.is_empty(), said.stdout.trim().to_owned()))
}

fn shell(command: &str) -> Vec<String> {
    ["bash", "-c", command].map(str::to_owned).to_vec()
}

/// RFC 4648 base64, as user data is sent.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for n in 0..4 {
            let sextet = usize::try_from(group >> (18 - 6 * n) & 63).unwrap_or_default();
            text.push(if n <= chunk.len() { char::from(ALPHABET[sextet]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_is_that_of_rfc_4648() {
        let cases = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, encoded) in cases {
            assert_eq!(super::base64(plain.as_bytes()), encoded);
        }
    }
}
