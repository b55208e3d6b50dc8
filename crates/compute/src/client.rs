//! The client's side of the keeper's socket.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::channel;
use crate::error::{Error, ErrorKind, Step};
use crate::protocol::{
    Event, ExecId, ExecSpec, Inventory, LaunchSpec, Message, Owner, Reply, Request, VERSION,
};

/// How long the keeper's process may take to end after its connections did.
const KEEPER_END: Duration = Duration::from_secs(5);

/// A connection to the keeper. Blocking; a call takes what the keeper takes, usually well under a millisecond.
///
/// Commands started here are hung up when the connection closes; everything else lives on.
#[derive(Debug)]
pub struct Client {
    socket: OwnedFd,
    keeper_pid: i32,
    next_seq: u64,
    /// Replies to pipelined requests that came while another was awaited.
    replies: VecDeque<(u64, Result<Answer, Error>)>,
    events: VecDeque<Event>,
}

/// The three standard streams of a command.
#[derive(Debug, Clone, Copy)]
pub struct Stdio<'a> {
    /// Standard input.
    pub stdin: BorrowedFd<'a>,
    /// Standard output.
    pub stdout: BorrowedFd<'a>,
    /// Standard error.
    pub stderr: BorrowedFd<'a>,
}

#[derive(Debug)]
struct Answer {
    reply: Reply,
    descriptor: Option<OwnedFd>,
}

impl Client {
    /// Connects to the keeper that listens at `socket`.
    ///
    /// # Errors
    /// When nobody listens there, or a keeper of another version does.
    pub fn connect(socket: &Path) -> Result<Self, Error> {
        let socket = channel::connect_to(socket)?;
        let mut client =
            Self { socket, keeper_pid: 0, next_seq: 1, replies: VecDeque::new(), events: VecDeque::new() };
        match client.call(&Request::Hello { version: VERSION }, &[])?.reply {
            Reply::Hello { version: VERSION, pid } => client.keeper_pid = pid,
            Reply::Hello { pid, .. } => return Err(Error::OtherVersion { pid }),
            other => return Err(unexpected(&other)),
        }
        Ok(client)
    }

    /// The keeper's process, in the keeper's own pid namespace.
    pub fn keeper_pid(&self) -> i32 {
        self.keeper_pid
    }

    /// Makes a network namespace that lives until it is deleted or the keeper ends. Its `lo` is up, nothing else is set.
    /// An instance can bind low ports, add addresses or set rules only in one that is of [`Owner::Instances`].
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`], [`ErrorKind::Limit`], or the kernel's refusal.
    pub fn create_namespace(&mut self, name: &str, of: Owner) -> Result<OwnedFd, Error> {
        let answer = self.call(&Request::CreateNamespace { name: name.to_owned(), of }, &[])?;
        answer.descriptor.ok_or_else(|| unexpected(&answer.reply))
    }

    /// A descriptor of a namespace made before.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub fn open_namespace(&mut self, name: &str) -> Result<OwnedFd, Error> {
        let answer = self.call(&Request::OpenNamespace { name: name.to_owned() }, &[])?;
        answer.descriptor.ok_or_else(|| unexpected(&answer.reply))
    }

    /// Lets go of a namespace. Commands in it are killed; whoever holds a descriptor of it keeps it alive.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::InUse`] while an instance runs in it.
    pub fn delete_namespace(&mut self, name: &str) -> Result<(), Error> {
        self.done(&Request::DeleteNamespace { name: name.to_owned() })
    }

    /// All that the keeper holds.
    ///
    /// # Errors
    /// When the connection fails.
    pub fn inventory(&mut self) -> Result<Inventory, Error> {
        let mut all = Inventory::default();
        loop {
            let request = Request::Inventory {
                namespaces_after: all.namespaces.last().cloned().unwrap_or_default(),
                instances_after: all.instances.last().map(|last| last.id.clone()).unwrap_or_default(),
            };
            match self.call(&request, &[])?.reply {
                Reply::Inventory { page, more } => {
                    all.namespaces.extend(page.namespaces);
                    all.instances.extend(page.instances);
                    if !more {
                        return Ok(all);
                    }
                }
                other => return Err(unexpected(&other)),
            }
        }
    }

    /// Starts an instance, new or stopped. Returns the pid of its first process when its file system is ready and its boot
    /// has begun.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] without its namespace, [`ErrorKind::InUse`] when it already runs, [`ErrorKind::Invalid`],
    /// [`ErrorKind::Limit`], or the step of its setup that failed.
    pub fn launch(&mut self, spec: &LaunchSpec) -> Result<i32, Error> {
        let seq = self.send_launch(spec)?;
        launched(self.answer(seq)?)
    }

    /// Starts many instances at once, each with its own result, in order.
    pub fn launch_all(&mut self, specs: &[LaunchSpec]) -> Vec<Result<i32, Error>> {
        let sent: Vec<Result<u64, Error>> = specs.iter().map(|spec| self.send_launch(spec)).collect();
        sent.into_iter().map(|seq| launched(self.answer(seq?)?)).collect()
    }

    /// Asks an instance to end: SIGTERM to its init, SIGKILL after `grace`. Returns at once;
    /// [`Event::InstanceExited`] follows. Its files are kept.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::InUse`] when it is not running.
    pub fn stop(&mut self, id: &str, grace: Duration) -> Result<(), Error> {
        self.done(&Request::Stop { id: id.to_owned(), grace_ms: millis(grace) })
    }

    /// Ends an instance as [`stop`](Self::stop) does and starts it again with the same files and namespace. Returns at once;
    /// [`Event::InstanceStarted`] follows.
    ///
    /// # Errors
    /// As [`stop`](Self::stop).
    pub fn reboot(&mut self, id: &str, grace: Duration) -> Result<(), Error> {
        self.done(&Request::Reboot { id: id.to_owned(), grace_ms: millis(grace) })
    }

    /// Kills an instance and removes its private files, also of one that only its files are left of. Returns at once;
    /// [`Event::InstanceTerminated`] follows.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub fn terminate(&mut self, id: &str) -> Result<(), Error> {
        self.done(&Request::Terminate { id: id.to_owned() })
    }

    /// Starts a command on the given streams. Its end is awaited with [`wait`](Self::wait) or
    /// [`next_event`](Self::next_event).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::InUse`] when the instance is not running, [`ErrorKind::Invalid`].
    pub fn exec(&mut self, spec: &ExecSpec, stdio: Stdio<'_>) -> Result<ExecId, Error> {
        let request = Request::Exec { spec: Box::new(spec.clone()), terminal: false };
        match self.call(&request, &[stdio.stdin, stdio.stdout, stdio.stderr])?.reply {
            Reply::Running { exec } => Ok(exec),
            other => Err(unexpected(&other)),
        }
    }

    /// Starts a command on a terminal of its own and returns the terminal's master side.
    ///
    /// # Errors
    /// As [`exec`](Self::exec).
    pub fn exec_terminal(&mut self, spec: &ExecSpec) -> Result<(ExecId, OwnedFd), Error> {
        let answer = self.call(&Request::Exec { spec: Box::new(spec.clone()), terminal: true }, &[])?;
        match (answer.reply, answer.descriptor) {
            (Reply::Running { exec }, Some(master)) => Ok((exec, master)),
            (other, _) => Err(unexpected(&other)),
        }
    }

    /// Waits for a command to end. Its exit status, `128 + signal` if one killed it, 127 if its program was not found and
    /// 126 if that could not be run.
    ///
    /// # Errors
    /// [`Error::Disconnected`].
    pub fn wait(&mut self, exec: ExecId) -> Result<i32, Error> {
        let ours = |event: &Event| match event {
            Event::ExecExited { exec: id, status } if *id == exec => Some(*status),
            _ => None,
        };
        loop {
            if let Some((index, status)) =
                self.events.iter().enumerate().find_map(|(i, e)| Some((i, ours(e)?)))
            {
                self.events.remove(index);
                return Ok(status);
            }
            self.receive()?;
        }
    }

    /// [`exec`](Self::exec), then [`wait`](Self::wait).
    ///
    /// # Errors
    /// As those.
    pub fn run(&mut self, spec: &ExecSpec, stdio: Stdio<'_>) -> Result<i32, Error> {
        let exec = self.exec(spec, stdio)?;
        self.wait(exec)
    }

    /// Sends a signal to a command's process group. One that has ended is not an error.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a number that is no signal.
    pub fn signal(&mut self, exec: ExecId, signal: i32) -> Result<(), Error> {
        self.done(&Request::Signal { exec, signal })
    }

    /// Asks for the events of all instances, from now on.
    ///
    /// # Errors
    /// When the connection fails.
    pub fn subscribe(&mut self) -> Result<(), Error> {
        self.done(&Request::Subscribe)
    }

    /// The next event, or `None` when `timeout` has passed without one.
    ///
    /// # Errors
    /// [`Error::Disconnected`].
    pub fn next_event(&mut self, timeout: Option<Duration>) -> Result<Option<Event>, Error> {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if let Some(deadline) = deadline
                && !self.readable_until(deadline)?
            {
                return Ok(None);
            }
            self.receive()?;
        }
    }

    /// Kills every instance and command, lets go of every namespace and ends the keeper. Returns when all that is done.
    /// Files of instances are kept.
    ///
    /// # Errors
    /// When the connection fails before the keeper has answered.
    pub fn shutdown(mut self) -> Result<(), Error> {
        self.done(&Request::Shutdown)?;
        loop {
            match self.receive() {
                Ok(()) => {}
                Err(Error::Disconnected) => break,
                Err(error) => return Err(error),
            }
        }
        // The stream ends a moment before the process, whose namespaces the kernel still has to take apart.
        let deadline = Instant::now() + KEEPER_END;
        while !has_ended(self.keeper_pid) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn send_launch(&mut self, spec: &LaunchSpec) -> Result<u64, Error> {
        self.send(&Request::Launch { spec: Box::new(spec.clone()) }, &[])
    }

    fn done(&mut self, request: &Request) -> Result<(), Error> {
        match self.call(request, &[])?.reply {
            Reply::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    fn call(&mut self, request: &Request, descriptors: &[BorrowedFd<'_>]) -> Result<Answer, Error> {
        let seq = self.send(request, descriptors)?;
        self.answer(seq)
    }

    fn send(&mut self, request: &Request, descriptors: &[BorrowedFd<'_>]) -> Result<u64, Error> {
        let seq = self.next_seq;
        self.next_seq += 1;
        let bytes =
            serde_json::to_vec(&(seq, request)).map_err(|error| Error::Protocol(error.to_string()))?;
        if bytes.len() > crate::protocol::MAX_MESSAGE {
            return Err(Error::refused(
                ErrorKind::Invalid,
                format!("a request of {} bytes is too long", bytes.len()),
            ));
        }
        match channel::send(&self.socket, &bytes, descriptors) {
            Err(nix::errno::Errno::EPIPE | nix::errno::Errno::ECONNRESET) => Err(Error::Disconnected),
            other => other.step("send a request to the keeper").map(|()| seq),
        }
    }

    fn answer(&mut self, seq: u64) -> Result<Answer, Error> {
        loop {
            if let Some(index) = self.replies.iter().position(|(of, _)| *of == seq)
                && let Some((_, answer)) = self.replies.remove(index)
            {
                return answer;
            }
            self.receive()?;
        }
    }

    /// Takes in one message.
    fn receive(&mut self) -> Result<(), Error> {
        let datagram = match channel::receive(&self.socket) {
            Ok(Some(datagram)) => datagram,
            Ok(None) | Err(nix::errno::Errno::ECONNRESET) => return Err(Error::Disconnected),
            Err(nix::errno::Errno::EINTR) => return Ok(()),
            Err(error) => return Err(error).step("receive from the keeper"),
        };
        let message =
            serde_json::from_slice(&datagram.bytes).map_err(|error| Error::Protocol(error.to_string()))?;
        match message {
            Message::Event(event) => self.events.push_back(event),
            Message::Reply { seq, result } => {
                let descriptor = datagram.descriptors.into_iter().next();
                let answer = result.map(|reply| Answer { reply, descriptor }).map_err(Error::Refused);
                self.replies.push_back((seq, answer));
            }
        }
        Ok(())
    }

    fn readable_until(&self, deadline: Instant) -> Result<bool, Error> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout =
                PollTimeout::try_from(left.as_millis().saturating_add(1)).unwrap_or(PollTimeout::MAX);
            let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, timeout) {
                Ok(0) if left.is_zero() => return Ok(false),
                Ok(0) | Err(nix::errno::Errno::EINTR) => {}
                Ok(_) => return Ok(true),
                Err(error) => return Err(error).step("wait for the keeper"),
            }
        }
    }
}

/// For a caller's own poll loop: readable when [`Client::next_event`] has something to take in.
impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn launched(answer: Answer) -> Result<i32, Error> {
    match answer.reply {
        Reply::Launched { pid } => Ok(pid),
        other => Err(unexpected(&other)),
    }
}

fn unexpected(reply: &Reply) -> Error {
    Error::Protocol(format!("unexpected reply {reply:?}"))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Whether a process is gone, or only a number that its parent has not looked at yet.
pub fn has_ended(pid: i32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return true };
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}
