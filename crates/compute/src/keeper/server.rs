//! The poll loop, and the one place where requests are told apart.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::Paths;
use super::clients::{ClientId, Clients, ReplyTo};
use super::execs::Execs;
use super::instances::Instances;
use super::namespaces::Namespaces;
use crate::channel::{self, Datagram};
use crate::error::{Error, ErrorKind, Refusal, Step};
use crate::guests::Guests;
use crate::protocol::{Event, Inventory, Owner, PAGE, Reply, Request, VERSION};
use crate::rootfs::Base;
use crate::share::Share;
use crate::syscall::SingleThread;

/// How long a shutdown waits for what it has killed.
const SHUTDOWN: Duration = Duration::from_secs(10);

/// What a child process of ours is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// The init of an instance.
    Instance(String),
    /// Removes the files of an instance.
    Remover(String),
    /// The init of the commands in a bare namespace.
    Pod,
    /// A command.
    Exec(crate::protocol::ExecId),
    /// Prepares the layer that rootless instances share.
    BaseBuilder,
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) thread: SingleThread,
    pub(super) guests: Guests,
    /// What instances and commands run in; nothing where control groups are out of reach.
    pub(super) share: Option<Share>,
    pub(super) paths: Paths,
    pub(super) clients: Clients,
    pub(super) namespaces: Namespaces,
    pub(super) instances: Instances,
    pub(super) execs: Execs,
    /// Every child that somebody waits for. Their pids are ours until we reap them.
    pub(super) children: BTreeMap<Pid, Role>,
    pub(super) base: Base,
    listener: OwnedFd,
    signals: SignalFd,
    shutdown: Option<Shutdown>,
}

#[derive(Debug)]
struct Shutdown {
    asked_by: Option<ReplyTo>,
    deadline: Instant,
}

/// A successful answer: the reply and its descriptor, or `None` when it will be given later.
pub(super) type Outcome = Result<Option<(Reply, Option<OwnedFd>)>, Error>;

/// What woke the loop.
#[derive(Debug)]
enum Source {
    Listener,
    Signals,
    Client(ClientId),
    Report(String),
}

impl Server {
    pub(super) fn new(thread: SingleThread, paths: Paths, listener: OwnedFd) -> Result<Self, Error> {
        // Children that were orphaned inside a pod's or an instance's namespaces end there; this catches the few in between.
        nix::sys::prctl::set_child_subreaper(true).step("become a subreaper")?;
        raise_descriptor_limit();
        channel::take_over(&listener)?;
        let mask: SigSet =
            [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP].into_iter().collect();
        mask.thread_block().step("block signals")?;
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
            .step("make a signalfd")?;
        let mut server = Self {
            thread,
            guests: Guests::new(thread),
            share: share(),
            clients: Clients::default(),
            namespaces: Namespaces::new()?,
            instances: Instances::default(),
            execs: Execs::default(),
            children: BTreeMap::new(),
            base: Base::NotNeeded,
            listener,
            signals,
            shutdown: None,
            paths,
        };
        server.start_base()?;
        Ok(server)
    }

    /// Runs until somebody asks for the end; `farewell` is called before the clients see it.
    pub(super) fn run(mut self, farewell: impl FnOnce()) {
        while !self.has_ended() {
            for source in self.wait() {
                match source {
                    Source::Listener => self.clients.accept(&self.listener),
                    Source::Signals => self.on_signal(),
                    Source::Client(id) => self.on_client(id),
                    Source::Report(id) => self.on_report(&id),
                }
            }
            self.on_time(Instant::now());
            for client in self.clients.bury() {
                self.hang_up_execs_of(client);
            }
        }
        farewell();
        if let Some(Shutdown { asked_by: Some(to), .. }) = self.shutdown {
            self.clients.reply(to, Ok((Reply::Done, None)));
        }
    }

    fn wait(&self) -> Vec<Source> {
        let mut sources = vec![Source::Listener, Source::Signals];
        let mut fds = vec![
            PollFd::new(self.listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
        ];
        for (id, socket, unsent) in self.clients.sockets() {
            let out = if unsent { PollFlags::POLLOUT } else { PollFlags::empty() };
            fds.push(PollFd::new(socket, PollFlags::POLLIN | out));
            sources.push(Source::Client(id));
        }
        for (id, report) in self.instances.reports() {
            fds.push(PollFd::new(report, PollFlags::POLLIN));
            sources.push(Source::Report(id.to_owned()));
        }
        let timeout = self.next_deadline().map_or(PollTimeout::NONE, |deadline| {
            let left = deadline.saturating_duration_since(Instant::now()).as_millis().saturating_add(1);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        if poll(&mut fds, timeout).is_err() {
            return Vec::new();
        }
        let ready = fds.iter().map(|fd| fd.any().unwrap_or(true));
        sources.into_iter().zip(ready).filter_map(|(source, ready)| ready.then_some(source)).collect()
    }

    fn on_client(&mut self, id: ClientId) {
        self.clients.flush(id);
        let Some(datagram) = self.clients.receive(id) else { return };
        match serde_json::from_slice::<(u64, Request)>(&datagram.bytes) {
            Ok((seq, request)) => {
                let to = ReplyTo { client: id, seq };
                match self.handle(to, request, datagram) {
                    Ok(None) => {}
                    Ok(Some(answer)) => self.clients.reply(to, Ok(answer)),
                    Err(error) => self.clients.reply(to, Err(Refusal::from(error))),
                }
            }
            // Not one of our clients, or one of a version that we do not understand: there is nothing to answer to.
            Err(_) => self.clients.mark_broken(id),
        }
    }

    fn handle(&mut self, to: ReplyTo, request: Request, datagram: Datagram) -> Outcome {
        if self.is_shutting_down() {
            return Err(Error::refused(ErrorKind::InUse, "the keeper is shutting down"));
        }
        match request {
            Request::Hello { .. } => {
                Ok(Some((Reply::Hello { version: VERSION, pid: Pid::this().as_raw() }, None)))
            }
            Request::CreateNamespace { name, of } => {
                let guests = (of == Owner::Instances).then_some(&self.guests);
                self.namespaces.create(&name, guests).map(|fd| Some((Reply::Namespace, Some(fd))))
            }
            Request::OpenNamespace { name } => {
                self.namespaces.open(&name).map(|fd| Some((Reply::Namespace, Some(fd))))
            }
            Request::DeleteNamespace { name } => self.delete_namespace(&name).and_then(done),
            Request::Inventory { namespaces_after, instances_after } => {
                Ok(Some((self.inventory(&namespaces_after, &instances_after), None)))
            }
            Request::Launch { spec } => self.launch(to, *spec),
            Request::Stop { id, grace_ms } => self.stop(&id, grace_ms, false).and_then(done),
            Request::Reboot { id, grace_ms } => self.stop(&id, grace_ms, true).and_then(done),
            Request::Terminate { id } => self.terminate(&id).and_then(done),
            Request::Exec { spec, terminal } => self.exec(to.client, &spec, terminal, &datagram.descriptors),
            Request::Signal { exec, signal } => self.signal_exec(to.client, exec, signal).and_then(done),
            Request::Subscribe => {
                self.clients.subscribe(to.client);
                done(())
            }
            Request::Shutdown => {
                self.begin_shutdown(Some(to));
                Ok(None)
            }
        }
    }

    fn inventory(&self, namespaces_after: &str, instances_after: &str) -> Reply {
        let page = Inventory {
            namespaces: self.namespaces.page(namespaces_after, PAGE),
            instances: self.instances.page(instances_after, PAGE),
        };
        let more = page.namespaces.len() == PAGE || page.instances.len() == PAGE;
        Reply::Inventory { page, more }
    }

    fn delete_namespace(&mut self, name: &str) -> Result<(), Error> {
        if let Some(id) = self.instances.living_in(name) {
            return Err(Error::refused(ErrorKind::InUse, format!("instance {id} runs in namespace {name}")));
        }
        if let Some(pod) = self.namespaces.remove(name)?.pod {
            pod.signal(Signal::SIGKILL);
        }
        Ok(())
    }

    fn on_signal(&mut self) {
        while let Ok(Some(info)) = self.signals.read_signal() {
            // SIGHUP is only blocked: our session has no terminal, whoever sends it does not mean us.
            if let Ok(libc::SIGTERM | libc::SIGINT) = i32::try_from(info.ssi_signo) {
                self.begin_shutdown(None);
            }
        }
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
                Ok(WaitStatus::Exited(pid, status)) => self.on_exit(pid, status),
                Ok(WaitStatus::Signaled(pid, signal, _)) => self.on_exit(pid, 128 + signal as i32),
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return,
                Ok(_) | Err(_) => {}
            }
        }
    }

    fn on_exit(&mut self, pid: Pid, status: i32) {
        match self.children.remove(&pid) {
            Some(Role::Instance(id)) => self.on_instance_exit(&id, status),
            Some(Role::Remover(id)) => self.on_removed(&id, status),
            Some(Role::Exec(exec)) => self.on_exec_exit(exec, status),
            Some(Role::BaseBuilder) => self.on_base_built(status),
            // A pod ends when its namespace is deleted, or by somebody's hand: the next command makes a new one.
            Some(Role::Pod) | None => {}
        }
    }

    fn begin_shutdown(&mut self, asked_by: Option<ReplyTo>) {
        self.shutdown = Some(Shutdown { asked_by, deadline: Instant::now() + SHUTDOWN });
        self.instances.kill_all();
        self.execs.kill_all();
        for pod in self.namespaces.pods() {
            pod.signal(Signal::SIGKILL);
        }
    }

    pub(super) fn is_shutting_down(&self) -> bool {
        self.shutdown.is_some()
    }

    fn has_ended(&self) -> bool {
        let Some(shutdown) = &self.shutdown else { return false };
        // A remover may go on: it holds no namespace and ends by itself.
        let alive = self.children.values().any(|role| !matches!(role, Role::Remover(_)));
        !alive || Instant::now() >= shutdown.deadline
    }

    fn next_deadline(&self) -> Option<Instant> {
        let shutdown = self.shutdown.as_ref().map(|shutdown| shutdown.deadline);
        [self.instances.next_deadline(), self.execs.next_deadline(), shutdown].into_iter().flatten().min()
    }

    fn on_time(&mut self, now: Instant) {
        self.instances.kill_overdue(now);
        self.execs.kill_overdue(now);
    }

    pub(super) fn tell(&mut self, event: &Event) {
        self.clients.tell_subscribers(event);
    }
}

pub(super) fn done((): ()) -> Outcome {
    Ok(Some((Reply::Done, None)))
}

fn share() -> Option<Share> {
    Share::new()
        .inspect_err(|error| eprintln!("keeper: many busy instances will slow the daemon down: {error}"))
        .ok()
}

/// Each namespace and each instance costs descriptors; the usual soft limit is 1024.
fn raise_descriptor_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Refused: the soft limit stays, and reaching it is reported where it happens.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
