//! Worlds of `fabric`'s tests, built in real namespaces by the backend. Needs root (or a user namespace with its own
//! network), and leaves nothing behind: the namespaces are held by descriptors of the test's process.

#![allow(dead_code, reason = "each test file uses a part")]

#[path = "../../../fabric/tests/walk/world.rs"]
pub mod world;

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use enishi_fabric::program::{Endpoint, NamespaceProgram, Role};
use enishi_fabric::{Disposition, Mac, NamespaceName, Network, Program, Transport};
use enishi_kernel::{Backend, Namespaces, PrivateNamespaces, Report};

pub use world::World;

/// How long a packet that arrives may take, and how long one is waited for that does not.
const PATIENCE: Duration = Duration::from_secs(5);
const GLANCE: Duration = Duration::from_millis(50);
const SILENCE: Duration = Duration::from_millis(100);

/// Namespaces that outlive a backend, as the daemon's keeper holds them.
#[derive(Clone, Default)]
pub struct Kept(Arc<Mutex<PrivateNamespaces>>);

impl Kept {
    pub fn names(&mut self) -> Vec<String> {
        self.list().unwrap().iter().map(ToString::to_string).collect()
    }
}

impl Namespaces for Kept {
    fn list(&mut self) -> io::Result<Vec<NamespaceName>> {
        self.0.lock().unwrap().list()
    }

    fn create(&mut self, program: &NamespaceProgram) -> io::Result<OwnedFd> {
        self.0.lock().unwrap().create(program)
    }

    fn open(&mut self, name: &NamespaceName) -> io::Result<OwnedFd> {
        self.0.lock().unwrap().open(name)
    }

    fn delete(&mut self, name: &NamespaceName) -> io::Result<()> {
        self.0.lock().unwrap().delete(name)
    }
}

/// A world that runs.
pub struct Lab {
    pub backend: Backend<Kept>,
    pub program: Program,
    pub kept: Kept,
    notices: Receiver<()>,
}

impl Lab {
    pub fn new(world: &World) -> Self {
        let mut lab = Lab::adopt(Kept::default(), Program::default());
        lab.change(world);
        lab
    }

    /// A backend that finds namespaces of an earlier one.
    pub fn adopt(kept: Kept, program: Program) -> Self {
        let (notify, notices) = channel();
        let notify = Mutex::new(notify);
        let backend = Backend::new(kept.clone(), move || {
            let _ = notify.lock().unwrap().send(());
        });
        Lab { backend: backend.unwrap(), program, kept, notices }
    }

    /// Runs another world from now on.
    pub fn change(&mut self, world: &World) -> Report {
        self.program = plugged(world.program(), &self.program);
        self.reconcile()
    }

    pub fn reconcile(&mut self) -> Report {
        assert_sound(self.backend.reconcile(&self.program))
    }

    /// Waits until the backend says that somebody else changed something, then reconciles; until `healed` holds.
    pub fn heal(&mut self, mut healed: impl FnMut(&mut Lab) -> bool) -> Duration {
        let start = Instant::now();
        while !healed(self) {
            assert!(start.elapsed() < PATIENCE, "not healed in time");
            // A probe can get lost on a busy machine though nothing is left to heal: look again without a notice, too.
            if self.notices.recv_timeout(GLANCE).is_ok() {
                self.reconcile();
            }
        }
        start.elapsed()
    }

    /// Runs `work` inside a namespace.
    pub fn inside<T: Send + 'static>(
        &mut self,
        namespace: &str,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let fd = self.kept.open(&NamespaceName::new(namespace))?;
        self.backend.visitor().visit(fd.as_fd(), work)
    }

    /// Runs a command inside a namespace; it must succeed.
    pub fn run(&mut self, namespace: &str, command: &str) -> String {
        let words: Vec<_> = command.split_whitespace().map(str::to_owned).collect();
        let run = move || Command::new(&words[0]).args(&words[1..]).env("PATH", path()).output();
        let output = self.inside(namespace, run).unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Sends the first UDP packet of a flow (as `world::flow` reads it) and its answer, and asserts that both fare as the
    /// model says: who gets it, from which address, and whether the answer comes back.
    #[track_caller]
    pub fn agrees(&mut self, text: &str) -> bool {
        let flow = world::flow(&self.program, text);
        let mut network = Network::new(self.program.clone());
        let expected = network.send(&flow);
        let answered = network.reply(&expected).is_some_and(|answer| answer.arrives);
        let receiver = match &expected.disposition {
            Disposition::Delivered { namespace, .. }
            | Disposition::Exits { namespace }
            | Disposition::Service { namespace } => namespace.as_str(),
            _ => "",
        };
        let model = expected.is_accepted().then(|| (receiver, expected.last_packet().source, answered));
        let seen = self.probe_whom(text);
        let seen = seen.as_ref().map(|(name, source, answered)| (name.as_str(), *source.ip(), *answered));
        assert_eq!(
            seen,
            model,
            "{text}: the kernel (left) and the model disagree\n{}",
            expected.hop_by_hop()
        );
        seen.is_some()
    }

    /// Sends a UDP packet and its answer: the source that the receiver saw, and whether the answer came back.
    pub fn probe(&mut self, text: &str) -> Option<(SocketAddrV4, bool)> {
        self.probe_whom(text).map(|(_, source, answered)| (source, answered))
    }

    /// The same, and who received the packet.
    pub fn probe_whom(&mut self, text: &str) -> Option<(String, SocketAddrV4, bool)> {
        let flow = world::flow(&self.program, text);
        let Transport::Udp(from, to) = flow.packet.transport else { panic!("{text}: only UDP") };
        // An address that somebody took away receives nothing.
        let receivers = self.receivers(&flow.from);
        let (names, receivers): (Vec<_>, Vec<_>) = receivers
            .into_iter()
            .filter_map(|(name, address)| Some((name.clone(), self.try_udp(&name, address, to).ok()?)))
            .unzip();
        let sender = self.udp(flow.from.as_str(), flow.packet.source, from);
        let destination = SocketAddrV4::new(flow.packet.destination, to);
        // A blackhole refuses at once.
        let _ = sender.send_to(b"probe", destination);
        let (which, source) = first_arrival(&receivers)?;
        let (name, receiver) = (names[which].clone(), &receivers[which]);
        let answered = receiver.send_to(b"reply", source).is_ok();
        let answered = answered
            && first_arrival(std::slice::from_ref(&sender)).is_some_and(|(_, from)| from == destination);
        Some((name, source, answered))
    }

    /// Where packets can arrive, so that what answers them answers from there.
    fn receivers(&self, sender: &NamespaceName) -> Vec<(String, Ipv4Addr)> {
        let others = self.program.namespaces.iter().filter(|(name, _)| *name != sender);
        let addresses = others.map(|(name, program)| match &program.role {
            Role::Host(host) => {
                let addresses = host.devices.iter().flat_map(|device| &device.addresses);
                addresses.map(|address| (name.to_string(), *address)).collect()
            }
            Role::Internet(_) => vec![(name.to_string(), Ipv4Addr::UNSPECIFIED)],
            // What no listener takes has to be dropped, even if a process waits for it.
            Role::NetworkBalancer(balancer) => {
                let addresses = balancer.device.addresses.iter();
                addresses.map(|address| (name.to_string(), *address)).collect()
            }
            Role::Router(_) | Role::NatGateway(_) => Vec::new(),
        });
        addresses.flatten().collect()
    }

    pub fn udp(&mut self, namespace: &str, address: Ipv4Addr, port: u16) -> UdpSocket {
        self.try_udp(namespace, address, port).unwrap()
    }

    fn try_udp(&mut self, namespace: &str, address: Ipv4Addr, port: u16) -> io::Result<UdpSocket> {
        let socket = self.inside(namespace, move || UdpSocket::bind((address, port)))?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }

    pub fn listen(&mut self, namespace: &str, port: u16) -> TcpListener {
        self.inside(namespace, move || TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))).unwrap()
    }

    pub fn connect(&mut self, namespace: &str, to: &str) -> io::Result<TcpStream> {
        let to = to.parse().unwrap();
        self.inside(namespace, move || TcpStream::connect_timeout(&to, Duration::from_millis(300)))
    }
}

/// Where programs are, with the directories of `ip`, `nft` and `sysctl`, which an ordinary user's path does not have.
fn path() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}

#[track_caller]
pub fn assert_sound(report: Report) -> Report {
    let failures: Vec<_> = report.failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{failures:#?}");
    report
}

/// Polls sockets until one has a datagram: which, and from whom.
fn first_arrival(sockets: &[UdpSocket]) -> Option<(usize, SocketAddrV4)> {
    let start = Instant::now();
    let mut buffer = [0; 64];
    while start.elapsed() < SILENCE {
        for (which, socket) in sockets.iter().enumerate() {
            if let Ok((_, std::net::SocketAddr::V4(source))) = socket.recv_from(&mut buffer) {
                return Some((which, source));
            }
        }
        std::thread::yield_now();
    }
    None
}

/// Gives every interface an Ethernet address of its own, which `fabric`'s tests do not need; namespaces that are as
/// before keep their pointer, as the compiler's do.
pub fn plugged(mut program: Program, before: &Program) -> Program {
    for (name, namespace) in &mut program.namespaces {
        let namespace = Arc::make_mut(namespace);
        for (interface, end) in &mut namespace.interfaces {
            let own = Endpoint { namespace: name.clone(), interface: interface.clone() };
            end.mac = mac(&own);
            end.peer_mac = mac(&end.peer);
        }
    }
    for (name, namespace) in &mut program.namespaces {
        if let Some(same) = before.namespaces.get(name).filter(|before| *before == namespace) {
            *namespace = same.clone();
        }
    }
    program
}

/// A hash (FNV-1a) that is the same in every build, as golden files hold it.
fn mac(end: &Endpoint) -> Mac {
    let name = format!("{}/{}", end.namespace, end.interface);
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let [a, b, c, d, e, ..] = hash.to_be_bytes();
    Mac([2, a, b, c, d, e])
}

/// A load balancer in a public subnet, three targets behind an ACL, clients beside and among them.
pub fn balanced() -> World {
    World::new(
        "vpc vpc-1 10.0.0.0/16
         igw igw-1 vpc-1
         acl acl-1 vpc-1
         deny in acl-1 90 udp/5353 10.0.1.40/32
         allow in acl-1 100 all 0.0.0.0/0
         deny out acl-1 90 all 10.0.1.41/32
         allow out acl-1 100 all 0.0.0.0/0
         table rtb-pub vpc-1 0.0.0.0/0=igw
         table rtb-prv vpc-1
         subnet pub vpc-1 10.0.1.0/24 rtb-pub open
         subnet prv vpc-1 10.0.2.0/24 rtb-prv acl-1
         group sg-nlb vpc-1
         in sg-nlb sgr-1 all 0.0.0.0/0
         out sg-nlb sgr-2 all 10.0.0.0/16
         group sg-app vpc-1
         in sg-app sgr-3 all sg-nlb
         out sg-app sgr-4 all 10.0.0.0/16
         group sg-client vpc-1
         in sg-client sgr-5 udp/7 0.0.0.0/0
         out sg-client sgr-6 all sg-nlb
         host i-1 prv 10.0.2.11 sg-app
         host i-2 prv 10.0.2.12 sg-app
         host i-3 prv 10.0.2.13 sg-app
         host i-client pub 10.0.1.10,10.0.1.40,10.0.1.41 sg-client
         nlb nlb-1 pub 10.0.1.5 sg-nlb
         eip eip-nlb 198.18.0.20 10.0.1.5 vpc-1",
    )
}

/// A public and a private subnet, a NAT gateway, an ACL, and groups that refer to each other.
pub fn two_tiers() -> World {
    World::new(
        "vpc vpc-1 10.0.0.0/16
         igw igw-1 vpc-1
         acl acl-1 vpc-1
         allow in acl-1 100 udp/0-65535 10.0.0.0/8
         deny in acl-1 90 udp/666 0.0.0.0/0
         allow in acl-1 110 udp/1024-65535 0.0.0.0/0
         allow out acl-1 100 all 0.0.0.0/0
         table rtb-pub vpc-1 0.0.0.0/0=igw 10.9.0.0/16=blackhole
         table rtb-prv vpc-1 0.0.0.0/0=nat-1
         subnet pub vpc-1 10.0.1.0/24 rtb-pub open
         subnet prv vpc-1 10.0.2.0/24 rtb-prv acl-1
         group sg-web vpc-1
         in sg-web sgr-1 udp/80-90 0.0.0.0/0
         in sg-web sgr-2 icmp 0.0.0.0/0
         out sg-web sgr-3 all 0.0.0.0/0
         group sg-app vpc-1
         in sg-app sgr-4 udp/8000-8100 sg-web
         in sg-app sgr-5 udp/666 10.0.1.0/27
         out sg-app sgr-6 udp 0.0.0.0/0
         host i-web pub 10.0.1.10,10.0.1.11 sg-web
         host i-mute pub 10.0.1.40 sg-app
         host i-app prv 10.0.2.10 sg-app
         host i-app2 prv 10.0.2.11 sg-app,sg-web
         nat nat-1 pub 10.0.1.30
         eip eip-web 198.18.0.20 10.0.1.10 vpc-1
         eip eip-nat 198.18.0.30 10.0.1.30 vpc-1",
    )
}
