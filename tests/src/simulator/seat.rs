//! What agents do in their seats: each attempt goes one way, drawn from what its agent is like.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use bailiwick_protocols::{Cause, Code, Cost, Delegation, Failure, Fault, Output, Report, Usage};

use super::{
    draws::Draws,
    script::{AgentScript, LENGTH_MAX, Way},
};

/// One seat.
#[derive(Debug)]
pub struct Seat {
    /// Unique over all agents and lives.
    pub serial: u64,
    /// What it carries.
    pub carried: Option<Carried>,
}

/// The assignment at hand.
#[derive(Debug)]
pub struct Carried {
    /// What is asked.
    pub delegation: Arc<Delegation>,
    /// The event that led to it.
    pub cause: Option<Cause>,
    /// Whether it stops when told to.
    pub heeds: bool,
}

/// How an attempt ends, unless it is told to stop before.
pub enum End {
    /// With a report.
    Report(Box<Report>),
    /// With a panic.
    Panic,
}

/// Draws how an attempt goes: whether it heeds a call to stop, and, unless it takes for ever, its end and when.
pub fn attempt(draws: &mut Draws, agent: &AgentScript, asked: &Delegation) -> (bool, Option<(Duration, End)>) {
    let way = draws.weighed(&agent.ways);
    let soon = Duration::from_millis(draws.within(1..=*draws.clone().pick(&[5, 300, 2_000])));
    let report = |report: Report| End::Report(Box::new(report));
    let charged = |this: Report, draws: &mut Draws| {
        let usage = Usage { input_tokens: draws.below(200), calls: 1, ..Usage::default() };
        let cost = if agent.cost == 0 { Cost::FREE } else { Cost::Known(draws.below(agent.cost * 2)) };
        this.charge(usage, cost)
    };
    let text = |word: &str| match asked.is_judgement() {
        true => Report::of(Output::json(json!({ "score": if word == "wrong" { 0.2 } else { 0.9 } }))),
        false => Report::of(Output::text(format!("{word} {} by {}", asked.task, agent.name))),
    };
    let failed = |code, fault, said: &str| Report::failed(Failure::new(code, fault, said));
    let end = match way {
        Way::Right => Some((soon, report(charged(text("right"), draws)))),
        Way::Wrong => Some((soon, report(charged(text("wrong"), draws)))),
        Way::Fails => Some((soon, report(charged(failed(Code::AgentError, Fault::Agent, "no"), draws)))),
        Way::FailsForGood => Some((soon, report(Report::failed(Failure::agent("never").final_here())))),
        Way::Unavailable => Some((soon, report(failed(Code::Unavailable, Fault::Provider, "429")))),
        Way::Invalid => Some((soon, report(text(&"right ".repeat(LENGTH_MAX))))),
        Way::Slow => {
            let share = 0.5 + draws.unit();
            Some((asked.timeout.mul_f64(share), report(charged(text("right"), draws))))
        }
        Way::Hangs | Way::HangsOn => None,
        Way::Panics => Some((soon, End::Panic)),
    };
    (!matches!(way, Way::HangsOn) && draws.chance(0.9), end)
}

/// What an attempt reports that was told to stop and does.
pub fn stopped(draws: &mut Draws, asked: &Delegation) -> Box<Report> {
    Box::new(match draws.below(3) {
        0 => Report::of(Output::text(format!("right {} at the last moment", asked.task))),
        _ => Report::failed(Failure::agent("told to stop")),
    })
}
