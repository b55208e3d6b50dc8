//! What an instance is started with, and the thread that starts it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use enishi_compute::{Client, LaunchSpec, RootFs};
use enishi_state::World;
use enishi_state::ec2::{DhcpOptions, Image, Instance, NetworkInterface, Vpc};

use super::keeper::KeeperFiles;
use super::mailbox::{Mailbox, News};

/// A launch that has to be carried out.
#[derive(Debug)]
pub struct Launch {
    /// Which boot it is.
    pub boot: u32,
    /// What to start.
    pub spec: LaunchSpec,
}

/// The thread that starts instances: setting up a root file system takes a while, and rule changes do not wait for it.
#[derive(Debug)]
pub struct Launcher {
    launches: Sender<Launch>,
}

impl Launcher {
    /// Starts the thread on a connection of its own. It ends when the launcher is dropped.
    pub fn start(client: Client, files: KeeperFiles, mailbox: Arc<Mailbox>) -> std::io::Result<Self> {
        let (launches, inbox) = channel();
        std::thread::Builder::new()
            .name("launch".into())
            .spawn(move || run(client, &files, &inbox, &mailbox))?;
        Ok(Launcher { launches })
    }

    /// Starts an instance, soon.
    pub fn launch(&self, launch: Launch) {
        // The thread lives as long as this sender.
        let _ = self.launches.send(launch);
    }
}

fn run(mut client: Client, files: &KeeperFiles, inbox: &Receiver<Launch>, mailbox: &Mailbox) {
    while let Ok(first) = inbox.recv() {
        let mut launches = vec![first];
        launches.extend(inbox.try_iter());
        let boots: Vec<(String, u32)> =
            launches.iter().map(|launch| (launch.spec.id.clone(), launch.boot)).collect();
        let specs: Vec<LaunchSpec> = launches.into_iter().map(|launch| launch.spec).collect();
        for ((id, boot), result) in boots.into_iter().zip(client.launch_all(&specs)) {
            if result.is_ok() {
                remember_boot(files, &id, boot);
            }
            let result = result.map(|_| ()).map_err(|error| error.to_string());
            mailbox.tell(News::Launched { id, boot, result });
        }
    }
}

/// Writes down which boot of an instance was started last, for the next daemon.
pub fn remember_boot(files: &KeeperFiles, id: &str, boot: u32) {
    if let Err(error) = std::fs::write(files.boot(id), boot.to_string()) {
        tracing::warn!(%error, instance = id, "cannot remember the boot of an instance");
    }
}

/// Which boot of an instance was started last; `None` when it never was.
pub fn remembered_boot(files: &KeeperFiles, id: &str) -> Option<u32> {
    std::fs::read_to_string(files.boot(id)).ok()?.trim().parse().ok()
}

/// What the instance is started with.
pub fn spec(world: &World, instance: &Instance, files: &KeeperFiles) -> LaunchSpec {
    let id = instance.id.as_str();
    let image = world.get::<Image>(&instance.image);
    LaunchSpec {
        id: id.to_owned(),
        namespace: id.to_owned(),
        root: image.map_or(RootFs::Host, |image| RootFs::Directory(PathBuf::from(&image.root))),
        hostname: instance.private_dns_name.clone(),
        first_boot: remembered_boot(files, id).is_none(),
        user_data: instance.user_data.clone().unwrap_or_default(),
        authorized_keys: instance.public_key.iter().cloned().collect(),
        resolv_conf: resolv_conf(world, instance),
        hosts: hosts(world, instance),
        console: files.console(id),
        env: BTreeMap::new(),
        ssh_host_key: None,
    }
}

/// As DHCP would set it: the VPC's resolver, unless its DHCP options name others.
fn resolv_conf(world: &World, instance: &Instance) -> String {
    let Some(vpc) = world.get::<Vpc>(&instance.vpc) else { return String::new() };
    let options = vpc.dhcp_options.as_ref().and_then(|id| world.get::<DhcpOptions>(id));
    let configured = |key: &str| {
        let mut configurations = options.into_iter().flat_map(|options| &options.configurations);
        configurations.find(|configuration| configuration.key == key).map(|found| found.values.clone())
    };
    let amazon = vpc.primary_cidr().and_then(|cidr| cidr.nth(2)).map(|address| address.to_string());
    let mut text = String::new();
    let domain = instance.private_dns_name.split_once('.').map(|(_, domain)| vec![domain.to_owned()]);
    if let Some(domains) = configured("domain-name").or(domain) {
        let _ = writeln!(text, "search {}", domains.join(" "));
    }
    for server in configured("domain-name-servers").unwrap_or_else(|| vec!["AmazonProvidedDNS".to_owned()]) {
        let address = if server == "AmazonProvidedDNS" { amazon.clone().unwrap_or_default() } else { server };
        let _ = writeln!(text, "nameserver {address}");
    }
    text
}

fn hosts(world: &World, instance: &Instance) -> String {
    let mut text = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n".to_owned();
    let primary = world.by::<NetworkInterface>("instance", instance.id.as_str()).find(|interface| {
        interface.attachment.as_ref().is_some_and(|attachment| attachment.device_index == 0)
    });
    if let Some(interface) = primary {
        let name = &instance.private_dns_name;
        let short = name.split('.').next().unwrap_or_default();
        let _ = writeln!(text, "{} {name} {short}", interface.primary_ip());
    }
    text
}
