//! One TCP connection between two instances that never rests: numbered lines, some hundred a second.

use std::io::{BufRead, BufReader};
use std::process::ChildStdout;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::harness::lab::{Lab, Running};
use crate::harness::until;

pub struct Stream {
    seen: Arc<Mutex<Seen>>,
    _server: Running,
    _client: Running,
}

struct Seen {
    lines: u64,
    last: Instant,
    longest_gap: Duration,
    /// What came that was not the next line.
    wrong: Option<String>,
}

impl Stream {
    /// The server accepts a single connection in its life: every line that comes, comes over it.
    pub fn start(lab: &Lab, from: &str, to: &str, address: &str, port: u16) -> Self {
        let accept = format!(
            "use IO::Socket::INET; $| = 1; my $s = IO::Socket::INET->new(LocalPort => {port}, Listen => 1) or die $!; \
             print \"ready\\n\"; my $c = $s->accept; close $s; while (<$c>) {{ print }}"
        );
        let (server, output) = lab.daemon.perl(to, &accept);
        let connect = format!(
            "use IO::Socket::INET; $| = 1; my $c = IO::Socket::INET->new(\"{address}:{port}\") or die $!; \
             print \"ready\\n\"; for (my $n = 0; print $c \"$n\\n\"; $n++) {{ select undef, undef, undef, 0.002 }}"
        );
        let (client, _) = lab.daemon.perl(from, &connect);
        let seen = Seen { lines: 0, last: Instant::now(), longest_gap: Duration::ZERO, wrong: None };
        let seen = Arc::new(Mutex::new(seen));
        let of_reader = seen.clone();
        std::thread::spawn(move || read(output, &of_reader));
        let stream = Stream { seen, _server: server, _client: client };
        stream.flows();
        stream
    }

    /// Waits until many more lines have come, each the next of the one before.
    pub fn flows(&self) {
        let start = self.lines();
        until("the connection flows", || self.lines() >= start + 100);
    }

    pub fn lines(&self) -> u64 {
        let seen = self.seen.lock().expect("no panic");
        assert_eq!(seen.wrong, None, "line {} should have come", seen.lines);
        seen.lines
    }

    /// The longest time without a line.
    pub fn longest_gap(&self) -> Duration {
        self.seen.lock().expect("no panic").longest_gap
    }
}

fn read(output: BufReader<ChildStdout>, seen: &Mutex<Seen>) {
    for line in output.lines() {
        let line = line.unwrap_or_else(|error| error.to_string());
        let mut seen = seen.lock().expect("no panic");
        seen.longest_gap = seen.longest_gap.max(seen.last.elapsed());
        seen.last = Instant::now();
        if line != seen.lines.to_string() {
            seen.wrong = Some(line);
            return;
        }
        seen.lines += 1;
    }
}
