//! An explanation as people read it: the answer first, below it what it rests on.

use std::fmt;

use bailiwick_protocols::{Permissions, PolicyRuling, Ruling};

use super::{About, By, ExplainedRefusal, ExplainedTrip, Explanation, Hop, mandates::allowed};

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Some(outcome) => writeln!(f, "{}: {outcome}", self.task)?,
            None => writeln!(f, "{}: not ended", self.task)?,
        }
        for refusal in &self.refusals {
            write!(f, "{refusal}")?;
        }
        for trip in &self.trips {
            write!(f, "{trip}")?;
        }
        if self.refusals.is_empty() && self.trips.is_empty() {
            writeln!(f, "  nobody turned it away, and it opened no breaker")?;
        }
        Ok(())
    }
}

impl fmt::Display for ExplainedRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.about {
            About::Task => writeln!(f, "  {} refused it: {}", self.agent, self.refusal)?,
            About::Part(name) => writeln!(f, "  {} was refused the part {name}: {}", self.agent, self.refusal)?,
            About::Tool => writeln!(f, "  {} was refused a tool: {}", self.agent, self.refusal)?,
        }
        for lost in &self.lost {
            writeln!(f, "    {} was lost at {}", lost.permission, lost.by)?;
        }
        if !self.lost.is_empty() {
            for hop in &self.chain {
                writeln!(f, "    {hop}")?;
            }
        }
        for PolicyRuling { policy, ruling } in &self.rulings {
            if let Ruling::Refuse(refusal) = ruling {
                writeln!(f, "    policy {policy}: {refusal}")?;
            }
        }
        self.trip.iter().try_for_each(|trip| write!(f, "{trip}"))
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} leaves {}", self.by, or_nothing(&allowed(&self.mandate)))?;
        if self.removed.is_empty() { Ok(()) } else { write!(f, ", removes {}", self.removed) }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            By::Goal => f.write_str("the goal's grant"),
            By::Task(task) => write!(f, "what {task} asks for"),
            By::HandedOn(task) => write!(f, "what was handed on to {task}"),
            By::Agent(agent) => write!(f, "the permissions of {agent}"),
        }
    }
}

impl fmt::Display for ExplainedTrip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { agent, capability, at, until, reason, .. } = self;
        let whose = capability.as_ref().map_or_else(String::new, |capability| format!(" for {capability}"));
        write!(f, "    breaker of {agent}{whose} opened at {at}")?;
        match until {
            Some(until) => writeln!(f, " until {until}: {reason}")?,
            None => writeln!(f, " until it is released: {reason}")?,
        }
        for evidence in &self.evidence {
            let task = evidence.task.as_ref().map_or_else(String::new, |task| format!("{task} "));
            writeln!(f, "      {} {task}{}", evidence.at, evidence.what)?;
        }
        Ok(())
    }
}

fn or_nothing(permissions: &Permissions) -> String {
    if permissions.is_empty() { "nothing".to_owned() } else { permissions.to_string() }
}
