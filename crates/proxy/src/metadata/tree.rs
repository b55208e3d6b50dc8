//! The tree of readable paths, and the versions it is offered under.

use std::collections::BTreeMap;

use super::{InstanceMetadata, InterfaceMetadata};

/// Dated versions that are served besides `latest`; the content is the same for each.
pub const VERSIONS: &[&str] = &[
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2007-08-29",
    "2007-10-10",
    "2007-12-15",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
    "2011-01-01",
    "2011-05-01",
    "2012-01-12",
    "2014-02-25",
    "2014-11-05",
    "2015-10-20",
    "2016-04-19",
    "2016-06-30",
    "2016-09-02",
    "2018-03-28",
    "2018-08-17",
    "2018-09-24",
    "2019-10-01",
    "2020-10-27",
    "2021-01-03",
    "2021-03-23",
    "2021-07-15",
    "2022-07-09",
    "2022-09-24",
    "2024-04-11",
    "latest",
];

/// A node of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A value.
    Leaf(Vec<u8>),
    /// A directory by entry name.
    Directory(BTreeMap<String, Node>),
}

impl Node {
    fn directory() -> Self {
        Node::Directory(BTreeMap::new())
    }

    /// Puts a value at `path`, making the directories on the way.
    fn put(&mut self, path: &str, value: impl Into<Vec<u8>>) {
        let mut node = self;
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            let Node::Directory(entries) = node else { return };
            let fresh = if parts.peek().is_some() { Node::directory() } else { Node::Leaf(Vec::new()) };
            node = entries.entry(part.to_owned()).or_insert(fresh);
        }
        *node = Node::Leaf(value.into());
    }

    /// The node at `path`, whose parts are separated by `/`; empty parts are skipped.
    pub fn at(&self, path: &str) -> Option<&Node> {
        path.split('/').filter(|part| !part.is_empty()).try_fold(self, |node, part| match node {
            Node::Directory(entries) => entries.get(part),
            Node::Leaf(_) => None,
        })
    }

    /// What a `GET` answers: the value, or the names of a directory, one a line, directories with a slash at the end.
    pub fn render(&self) -> Vec<u8> {
        match self {
            Node::Leaf(value) => value.clone(),
            Node::Directory(entries) => {
                let line = |(name, node): (&String, &Node)| match node {
                    Node::Directory(_) => format!("{name}/"),
                    Node::Leaf(_) => name.clone(),
                };
                entries.iter().map(line).collect::<Vec<_>>().join("\n").into_bytes()
            }
        }
    }
}

/// Everything below a version: `meta-data`, `dynamic`, `user-data`.
pub fn tree(of: &InstanceMetadata) -> Node {
    let mut root = Node::directory();
    instance(&mut root, of);
    if let Some(primary) = of.interfaces.first() {
        primary_interface(&mut root, primary);
    }
    for interface in &of.interfaces {
        network(&mut root, interface);
    }
    if let Some((name, public)) = &of.key {
        // AWS lists "0=my-key" and answers below "0"; the listing is special-cased in `core`.
        root.put("meta-data/public-keys/0/openssh-key", public.clone());
        let _ = name;
    }
    if of.options.tags {
        for (key, value) in &of.tags {
            root.put(&format!("meta-data/tags/instance/{key}"), value.clone());
        }
    }
    root.put("dynamic/instance-identity/document", identity(of));
    if let Some(data) = &of.user_data {
        root.put("user-data", data.clone());
    }
    root
}

fn instance(root: &mut Node, of: &InstanceMetadata) {
    let mut put = |path: &str, value: &str| root.put(&format!("meta-data/{path}"), value);
    put("ami-id", &of.image);
    put("ami-launch-index", &of.launch_index.to_string());
    put("ami-manifest-path", "(unknown)");
    put("block-device-mapping/ami", "/dev/xvda");
    put("block-device-mapping/root", "/dev/xvda");
    put("instance-action", "none");
    put("instance-id", &of.instance);
    put("instance-life-cycle", "on-demand");
    put("instance-type", &of.instance_type);
    put("placement/availability-zone", &of.zone.0);
    put("placement/availability-zone-id", &of.zone.1);
    put("placement/region", &of.region);
    put("profile", "default-hvm");
    put("reservation-id", &of.reservation);
    put("services/domain", "amazonaws.com");
    put("services/partition", "aws");
}

fn primary_interface(root: &mut Node, primary: &InterfaceMetadata) {
    let mut put = |path: &str, value: &str| root.put(&format!("meta-data/{path}"), value);
    put("hostname", &primary.hostname);
    put("local-hostname", &primary.hostname);
    put("mac", &primary.mac.to_string());
    put("security-groups", &names(&primary.groups));
    if let Some(private) = primary.private_ips.first() {
        put("local-ipv4", &private.to_string());
        if let Some(public) = primary.public_ips.get(private) {
            put("public-ipv4", &public.to_string());
            put("public-hostname", primary.public_hostname.as_deref().unwrap_or_default());
        }
    }
}

fn network(root: &mut Node, of: &InterfaceMetadata) {
    let base = format!("meta-data/network/interfaces/macs/{}", of.mac);
    let mut put = |path: &str, value: &str| root.put(&format!("{base}/{path}"), value);
    let lines = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join("\n");
    put("device-number", &of.device.to_string());
    put("interface-id", &of.id);
    put("local-hostname", &of.hostname);
    put("local-ipv4s", &lines(&mut of.private_ips.iter().map(ToString::to_string)));
    put("mac", &of.mac.to_string());
    put("owner-id", &of.owner);
    put("security-group-ids", &lines(&mut of.groups.iter().map(|(_, id)| id.clone())));
    put("security-groups", &names(&of.groups));
    put("subnet-id", &of.subnet.0);
    put("subnet-ipv4-cidr-block", &of.subnet.1.to_string());
    put("vpc-id", &of.vpc.0);
    if let Some(primary) = of.vpc.1.first() {
        put("vpc-ipv4-cidr-block", &primary.to_string());
    }
    put("vpc-ipv4-cidr-blocks", &lines(&mut of.vpc.1.iter().map(ToString::to_string)));
    if !of.public_ips.is_empty() {
        put("public-ipv4s", &lines(&mut of.public_ips.values().map(ToString::to_string)));
        put("public-hostname", of.public_hostname.as_deref().unwrap_or_default());
    }
    for (private, public) in &of.public_ips {
        put(&format!("ipv4-associations/{public}"), &private.to_string());
    }
}

fn names(groups: &[(String, String)]) -> String {
    groups.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join("\n")
}

/// The instance identity document.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html>
fn identity(of: &InstanceMetadata) -> String {
    let private = of.interfaces.first().and_then(|interface| interface.private_ips.first());
    let document = serde_json::json!({
        "accountId": of.account,
        "architecture": of.architecture,
        "availabilityZone": of.zone.0,
        "billingProducts": null,
        "devpayProductCodes": null,
        "marketplaceProductCodes": null,
        "imageId": of.image,
        "instanceId": of.instance,
        "instanceType": of.instance_type,
        "kernelId": null,
        "pendingTime": of.launched,
        "privateIp": private.map(ToString::to_string),
        "ramdiskId": null,
        "region": of.region,
        "version": "2017-09-30",
    });
    serde_json::to_string_pretty(&document).unwrap_or_default()
}
