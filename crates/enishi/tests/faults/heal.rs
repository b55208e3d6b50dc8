//! What somebody breaks by hand comes back within two seconds, and nothing that is closed opens meanwhile.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::harness::lab::{Lab, Running};
use crate::harness::until;

const LIMIT: Duration = Duration::from_secs(2);

/// An instance that sends datagrams to a port of another without a pause, and what has arrived there.
struct Intruder {
    arrived: Arc<AtomicUsize>,
    _receiver: Running,
    _sender: Running,
}

impl Intruder {
    fn start(lab: &Lab, from: &str, to: &str, address: &str, port: u16) -> Self {
        let receive = format!(
            "use IO::Socket::INET; $| = 1; my $s = IO::Socket::INET->new(Proto => 'udp', LocalPort => {port}) or die $!; \
             print \"ready\\n\"; while ($s->recv(my $text, 9)) {{ print \"$text\\n\" }}"
        );
        let (receiver, output) = lab.daemon.perl(to, &receive);
        let send = format!(
            "use IO::Socket::INET; $| = 1; my $s = IO::Socket::INET->new(Proto => 'udp', PeerAddr => '{address}:{port}') \
             or die $!; print \"ready\\n\"; while (1) {{ $s->send('x'); select undef, undef, undef, 0.0005 }}"
        );
        let (sender, _) = lab.daemon.perl(from, &send);
        let arrived = Arc::new(AtomicUsize::new(0));
        let of_reader = arrived.clone();
        std::thread::spawn(move || {
            for _ in output.lines() {
                of_reader.fetch_add(1, Ordering::Relaxed);
            }
        });
        Intruder { arrived, _receiver: receiver, _sender: sender }
    }

    fn arrived(&self) -> usize {
        self.arrived.load(Ordering::Relaxed)
    }
}

/// Two instances of which `app` may reach `web` on TCP port 7 only.
struct Scene {
    lab: Lab,
    web_ip: String,
    _server: Running,
}

impl Scene {
    fn new() -> Self {
        let lab = Lab::new();
        let (web, web_ip) = lab.instance("web");
        lab.instance("app");
        lab.daemon.settle();
        lab.permit("AuthorizeSecurityGroupIngress", 7);
        let server = lab.echo_server(&web, 7);
        let scene = Scene { lab, web_ip, _server: server };
        assert!(scene.works());
        scene
    }

    fn works(&self) -> bool {
        self.lab.connects_within("0.2", "app", &self.web_ip, 7)
    }

    fn router(&self) -> &str {
        &self.lab.network.vpc
    }

    /// The router's interface that leads to `web`.
    fn interface(&self) -> String {
        let routes = self.lab.daemon.shell(self.router(), "ip -o route show table all");
        let route = routes.lines().find(|route| route.starts_with(&format!("{} dev ", self.web_ip)));
        let words: Vec<_> = route.expect("a route to web").split(' ').collect();
        words[2].to_owned()
    }

    /// Everything that was configured, without what only counts.
    fn state(&self) -> String {
        let router = "nft list ruleset; ip rule; ip route show table all; ip -br link | sed 's/@[^ ]*//'; ip neigh show nud permanent";
        let instance = "(ip -4 -br addr; ip -br link) | sed 's/@[^ ]*//'; ip route; ip rule";
        let of_router = self.lab.daemon.shell(self.router(), router);
        let of_web = self.lab.daemon.shell("web", instance);
        sorted(&of_router) + &sorted(&of_web)
    }
}

/// The lines in order: the kernel lists interfaces and elements in the order of their creation.
fn sorted(text: &str) -> String {
    let mut lines: Vec<String> =
        text.lines().map(|line| line.trim().trim_end_matches(',').to_owned()).collect();
    lines.sort();
    lines.join("\n") + "\n"
}

#[test]
fn what_is_broken_by_hand_is_healed() {
    let scene = Scene::new();
    let router = scene.router().to_owned();
    let delete_interface = format!("ip link delete {}", scene.interface());
    for (place, command) in [
        (router.as_str(), "nft flush ruleset"),
        (&router, "nft delete table ip enishi"),
        (&router, "nft flush chain ip enishi ingress"),
        (&router, &delete_interface),
        (&router, "ip route flush table 200"),
        (&router, "ip route flush table main"),
        (&router, "ip rule delete fwmark 0x100/0x100"),
        ("web", "ip link delete eth0"),
        ("web", "ip link set eth0 down"),
        // Not `flush`, which goes on for as long as it finds what was healed meanwhile.
        ("web", "ip address delete $(ip -oneline -4 address show dev eth0 | awk '{print $4}') dev eth0"),
        ("web", "ip route delete default"),
    ] {
        let before = scene.state();
        let broken = Instant::now();
        scene.lab.daemon.shell(place, command);
        until("packets arrive again", || scene.works());
        let took = broken.elapsed();
        assert!(took < LIMIT, "{command}: packets arrived again after {took:?}");
        until("all is as before", || scene.state() == before);
        let took = broken.elapsed();
        assert!(took < LIMIT, "{command}: healed after {took:?}");
    }
    assert_eq!(scene.lab.daemon.settle()["network_errors"], serde_json::json!([]));
}

#[test]
fn a_closed_port_stays_closed_while_the_rules_are_gone() {
    let scene = Scene::new();
    let intruder = Intruder::start(&scene.lab, "app", "web", &scene.web_ip, 9999);
    for command in
        ["nft flush ruleset", "nft delete table ip enishi", "nft flush chain ip enishi source-check"]
    {
        for _ in 0..3 {
            scene.lab.daemon.shell(scene.router(), command);
            until("packets arrive again", || scene.works());
            assert_eq!(intruder.arrived(), 0, "{command} opened a port");
        }
    }
    // The intruder does send, and would have been heard.
    scene.lab.network.change(&scene.lab.daemon, "AuthorizeSecurityGroupIngress", "udp", 9999);
    until("the intruder is let in", || intruder.arrived() > 0);
}

#[test]
fn without_a_daemon_broken_rules_pass_nothing_and_the_next_daemon_heals() {
    let mut scene = Scene::new();
    let intruder = Intruder::start(&scene.lab, "app", "web", &scene.web_ip, 9999);
    // Without a daemon nobody can be told to break anything: who does it waits for its death in the router.
    let wait = "echo ready; while kill -0 \"$0\" 2>/dev/null; do :; done; nft flush ruleset && echo flushed";
    let mut vandal = scene
        .lab
        .daemon
        .command(&["exec", scene.router(), "--", "sh", "-c", wait, &scene.lab.daemon.pid().to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let output = BufReader::new(vandal.stdout.take().expect("a pipe"));
    let mut lines = output.lines().map(|line| line.expect("text"));
    let _vandal = Running(vandal);
    assert_eq!(lines.next().as_deref(), Some("ready"));
    scene.lab.daemon.kill();
    assert_eq!(lines.next().as_deref(), Some("flushed"));
    scene.lab.daemon.restart();
    scene.lab.daemon.settle();
    assert!(scene.works(), "the next daemon has healed what it found");
    assert_eq!(intruder.arrived(), 0);
}
