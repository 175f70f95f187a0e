//! Programs whose runtime died: what is left of them is ended before their work is given out again.
//!
//! A program is known by what was recorded of it, its process id and when it was born; and by its TRACEPARENT, which
//! no other attempt ever has. The second finds those that were started and not recorded any more.

use std::{collections::BTreeSet, fs, thread::sleep, time::Duration};

use rustix::process::{Pid, Signal, getpgrp, kill_process_group};

/// How often and how long apart it is looked whether the system has ended them: 2 s in all.
const LOOKS: u32 = 400;
const PAUSE: Duration = Duration::from_millis(5);

/// An attempt whose program may have survived.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Survivor {
    /// The TRACEPARENT it was given.
    pub traceparent: String,
    /// Its process id and birth, if they were recorded.
    pub process: Option<(u32, String)>,
}

/// When the system says a process was born: ticks since the boot, and which boot. `None` where that cannot be told.
pub fn born(pid: u32) -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(format!("{}@{}", Stat::of(pid)?.started, boot.trim()))
}

/// Ends the process groups of these programs, and waits until they are gone. Returns how many groups there were.
///
/// Blocks for up to 2 s. Where the system has no `/proc` nothing is known of strangers, and nobody is ended.
pub fn end(programs: &[Survivor]) -> usize {
    let mut ended = BTreeSet::new();
    for _ in 0..LOOKS {
        let groups = groups(programs);
        if groups.is_empty() {
            break;
        }
        for group in groups {
            if let Some(group) = i32::try_from(group).ok().and_then(Pid::from_raw) {
                // It fails only where nobody is left to be signalled, or may be.
                let _ = kill_process_group(group, Signal::KILL);
            }
            ended.insert(group);
        }
        #[allow(
            clippy::disallowed_methods,
            reason = "the system has no event for the end of strangers; called where blocking is allowed"
        )]
        sleep(PAUSE);
    }
    ended.len()
}

/// The groups in which a process of these programs lives.
fn groups(programs: &[Survivor]) -> BTreeSet<u32> {
    let own = u32::try_from(getpgrp().as_raw_nonzero().get()).unwrap_or_default();
    let marks: Vec<String> = programs.iter().map(|program| format!("TRACEPARENT={}", program.traceparent)).collect();
    let is_marked = |pid: u32| {
        // Nobody else's environment can be read, and then it is nobody of ours.
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|pair| marks.iter().any(|mark| mark.as_bytes() == pair))
    };
    let recorded = |pid: u32| {
        let process = programs.iter().filter_map(|program| program.process.as_ref()).find(|(id, _)| *id == pid);
        process.is_some_and(|(_, recorded)| born(pid).as_ref() == Some(recorded))
    };
    let Ok(all) = fs::read_dir("/proc") else { return BTreeSet::new() };
    let pids = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| *pid != std::process::id())
        .filter_map(|pid| Some((pid, Stat::of(pid)?)))
        .filter(|(pid, stat)| stat.lives && stat.group > 1 && stat.group != own && (recorded(*pid) || is_marked(*pid)))
        .map(|(_, stat)| stat.group)
        .collect()
}

/// What the system says of a process.
struct Stat {
    group: u32,
    started: u64,
    lives: bool,
}

impl Stat {
    fn of(pid: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let lives = !matches!(*fields.first()?, "Z" | "X");
        Some(Self { group: fields.get(2)?.parse().ok()?, started: fields.get(19)?.parse().ok()?, lives })
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::CommandExt, process::Command};

    use super::*;

    #[test]
    fn whoever_carries_the_mark_or_was_recorded_is_ended_with_its_group_and_nobody_else() {
        let start = |mark: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", "sleep 60 & wait"]).env_clear().env("TRACEPARENT", mark).process_group(0);
            command.env("PATH", std::env::var_os("PATH").unwrap()).spawn().unwrap()
        };
        let (mut marked, mut recorded, mut stranger) = (start("00-a-b-01"), start("unmarked"), start("00-c-d-01"));
        let process = Some((recorded.id(), born(recorded.id()).unwrap()));
        let wrongly_born = Some((stranger.id(), "1@another boot".to_owned()));
        let survivor = |traceparent: &str, process| Survivor { traceparent: traceparent.to_owned(), process };

        let ended = end(&[survivor("00-a-b-01", None), survivor("none", process), survivor("no", wrongly_born)]);

        assert_eq!(ended, 2);
        assert!(!marked.wait().unwrap().success() && !recorded.wait().unwrap().success());
        assert!(stranger.try_wait().unwrap().is_none());
        kill_process_group(Pid::from_child(&stranger), Signal::KILL).unwrap();
        stranger.wait().unwrap();
    }
}
