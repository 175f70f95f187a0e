//! One program as one process group: started, pumped, and ended whole.
//!
//! A group has the process id of its leader. That id can be given to a stranger as soon as the leader is *reaped*, so
//! the leader's exit is watched without reaping it, the group is signalled while the dead leader still holds the id,
//! and only then is it reaped. One future does all of it: dropping that future is the kill.

use std::{
    future::{Future, pending},
    io,
    os::fd::AsFd,
    pin::pin,
    process::{ExitStatus, Stdio},
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin, Command},
    signal::unix::{Signal as Signals, SignalKind, signal},
};

use super::{STDOUT_BYTES_MAX, quote::Tail};

/// A program and all it starts. Dropping it kills them.
pub(super) struct Group {
    leader: Child,
    exits: Signals,
}

/// What is known of a program that has ended.
#[derive(Debug)]
pub(super) struct Finished {
    /// How the leader ended.
    pub(super) status: ExitStatus,
    /// What was written to stdout; `None` if it was more than is taken.
    pub(super) stdout: Option<Vec<u8>>,
    /// The end of what was written to stderr.
    pub(super) stderr: Tail,
    /// Whether it had been told to stop.
    pub(super) stopped: bool,
}

impl Group {
    /// Starts a program as the leader of a group of its own.
    ///
    /// # Errors
    /// If the system does not start it.
    pub(super) fn start(mut command: Command) -> io::Result<Self> {
        // Listening comes before starting, so that no exit falls in between. Any child's exit is heard: it is a hint to look.
        let exits = signal(SignalKind::child())?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let leader = command.process_group(0).kill_on_drop(true).spawn()?;
        Ok(Self { leader, exits })
    }

    /// The id of the leader and of the group, while it lives.
    pub(super) fn pid(&self) -> Option<u32> {
        self.leader.id()
    }

    /// Feeds and reads the program until its leader exits; what is left of the group is then killed.
    ///
    /// Once `canceled` is ready the group is told to terminate, and waited for as before. A program that writes more
    /// to stdout than is taken is killed at once.
    ///
    /// # Errors
    /// If the system does not let it be watched or read; the group is killed then as well.
    ///
    /// # Cancel safety
    /// Dropping it kills the group.
    pub(super) async fn attend(mut self, request: &[u8], canceled: impl Future<Output = ()>) -> io::Result<Finished> {
        let mut canceled = pin!(canceled);
        let mut stopped = false;
        let mut stdin = Inlet { pipe: self.leader.stdin.take(), rest: request };
        let mut stdout = Outlet::new(self.leader.stdout.take());
        let mut stderr = Outlet::new(self.leader.stderr.take());
        let mut answer = Some(Vec::new());
        let mut tail = Tail::default();

        while !self.leader_has_exited()? {
            tokio::select! {
                _ = self.exits.recv() => {}
                () = &mut canceled, if !stopped => {
                    stopped = true;
                    self.signal(Signal::TERM);
                }
                () = stdin.feed() => {}
                bytes = stdout.next() => {
                    take(&mut answer, bytes?);
                    if answer.is_none() {
                        stdout.pipe = None;
                        self.signal(Signal::KILL);
                    }
                }
                bytes = stderr.next() => tail.push(bytes?),
            }
        }

        self.signal(Signal::KILL);
        take(&mut answer, &stdout.remainder()?);
        tail.push(&stderr.remainder()?);
        let status = self.leader.wait().await?;
        Ok(Finished { status, stdout: answer, stderr: tail, stopped })
    }

    /// Looks whether the leader has exited, and leaves it to be reaped.
    fn leader_has_exited(&self) -> io::Result<bool> {
        let Some(leader) = self.id() else { return Ok(true) };
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(leader), look)?.is_some())
    }

    /// The id of leader and group; `None` once the leader is reaped, so that no stranger is ever signalled.
    fn id(&self) -> Option<Pid> {
        self.leader.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.id() {
            // It fails only where nobody is left to be signalled, or may be.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The leader itself is dropped after this; tokio reaps it when it is dead.
        self.signal(Signal::KILL);
    }
}

/// Adds to an answer, or gives up on it when it becomes longer than is taken.
fn take(answer: &mut Option<Vec<u8>>, bytes: &[u8]) {
    match answer {
        Some(taken) if taken.len() + bytes.len() <= STDOUT_BYTES_MAX => taken.extend_from_slice(bytes),
        _ => *answer = None,
    }
}

/// Where a program reads.
struct Inlet<'a> {
    pipe: Option<ChildStdin>,
    rest: &'a [u8],
}

impl Inlet<'_> {
    /// Writes some of the rest, and closes the pipe after the last of it. Never ready once it is closed.
    async fn feed(&mut self) {
        let Some(pipe) = &mut self.pipe else { return pending().await };
        match pipe.write(self.rest).await {
            Ok(written) if written < self.rest.len() => self.rest = &self.rest[written..],
            // A program need not read what it is told: a broken pipe is no error.
            _ => self.pipe = None,
        }
    }
}

/// Where a program writes.
struct Outlet<P> {
    pipe: Option<P>,
    chunk: Vec<u8>,
}

impl<P: AsyncRead + AsFd + Unpin> Outlet<P> {
    fn new(pipe: Option<P>) -> Self {
        Self { pipe, chunk: vec![0; 64 * 1024] }
    }

    /// Reads some of what was written. Never ready once nobody can write any more.
    async fn next(&mut self) -> io::Result<&[u8]> {
        let Some(pipe) = &mut self.pipe else { return pending().await };
        let read = pipe.read(&mut self.chunk).await?;
        if read == 0 {
            self.pipe = None;
        }
        Ok(&self.chunk[..read])
    }

    /// Reads what is in the pipe at this moment, without waiting for its end: others may hold it open for ever.
    ///
    /// When the writer is dead that is all it wrote. The pipe itself is asked, for tokio may not have heard yet.
    fn remainder(&self) -> io::Result<Vec<u8>> {
        let Some(pipe) = &self.pipe else { return Ok(Vec::new()) };
        let there = usize::try_from(rustix::io::ioctl_fionread(pipe)?).unwrap_or(usize::MAX);
        let mut bytes = vec![0; there];
        let mut filled = 0;
        while filled < there {
            match rustix::io::read(pipe, &mut bytes[filled..]) {
                Ok(0) | Err(Errno::AGAIN) => break,
                Ok(read) => filled += read,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}
