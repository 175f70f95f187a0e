//! Why a task went as it went: who could have done it, who was asked and let in with what, and what was found.

use std::{collections::BTreeSet, sync::Arc};

use bailiwick_protocols::{
    AgentFact, AgentName, DelegationId, Event, GoalEvent, GoalId, Mandate, Recorded, Slice, Stream, TaskId, TaskSpec,
    event::Candidate,
};

use crate::{Explanation, event_line::describe, report::units};

/// The page about one task, line by line, in the order in which things happened; `None` if the goal has no such task.
pub fn why(events: &[Arc<Recorded>], goal: GoalId, task: &TaskId) -> Option<Vec<String>> {
    let mut page = Page { task, asked: BTreeSet::new(), policies: Vec::new(), lines: Vec::new() };
    let spec = spec(events, goal, task)?;
    page.lines.extend(page.head(&spec));
    for recorded in events {
        match (&recorded.stream, &recorded.event) {
            (Stream::Goal(id), Event::Goal(event)) if *id == goal && event.task() == Some(task) => {
                page.of_goal(recorded, event);
            }
            (Stream::Agent { agent, .. }, Event::Agent(fact)) => page.of_agent(recorded, agent, fact),
            _ => {}
        }
    }
    let own: Vec<_> = events.iter().filter(|recorded| recorded.stream == Stream::Goal(goal)).cloned().collect();
    let of_agent = |agent: &AgentName| {
        let theirs = |stream: &Stream| matches!(stream, Stream::Agent { agent: name, .. } if name == agent);
        events.iter().filter(|recorded| theirs(&recorded.stream)).cloned().collect()
    };
    if let Some(explained) = Explanation::of(&own, &of_agent, task)
        && !(explained.refusals.is_empty() && explained.trips.is_empty())
    {
        page.lines.push(String::new());
        page.lines.extend(explained.to_string().lines().map(str::to_owned));
    }
    Some(page.lines)
}

fn spec(events: &[Arc<Recorded>], goal: GoalId, task: &TaskId) -> Option<Arc<TaskSpec>> {
    events.iter().filter(|recorded| recorded.stream == Stream::Goal(goal)).find_map(|recorded| {
        let Event::Goal(event) = &recorded.event else { return None };
        match event {
            GoalEvent::TaskDecomposed { tasks, .. } => tasks.iter().find(|spec| spec.id == *task).cloned(),
            GoalEvent::ChildAdded { task: spec, .. } | GoalEvent::JudgeAsked { task: spec, .. } if spec.id == *task => {
                Some(spec.clone())
            }
            _ => None,
        }
    })
}

struct Page<'a> {
    task: &'a TaskId,
    /// The delegations that asked somebody to do it.
    asked: BTreeSet<DelegationId>,
    policies: Vec<(String, Vec<String>)>,
    lines: Vec<String>,
}

impl Page<'_> {
    fn head(&self, spec: &TaskSpec) -> Vec<String> {
        let list = |words: Vec<&str>| if words.is_empty() { "nothing".to_owned() } else { words.join(", ") };
        let needs = list(spec.needs.iter().map(|need| need.as_str()).collect());
        let after = list(spec.after.iter().map(TaskId::as_str).collect());
        vec![
            format!("{}: {}", self.task, units::tidy(&spec.goal, 200)),
            format!("  needs {needs}; comes after {after}; requires {}", permissions(&spec.required.to_string())),
            String::new(),
        ]
    }

    fn of_goal(&mut self, recorded: &Recorded, event: &GoalEvent) {
        self.lines.push(describe(recorded));
        if let GoalEvent::AgentSelected { delegation, slice, candidates, passed_over, chosen_by, .. } = event {
            self.asked.insert(*delegation);
            self.lines.push(format!("    chosen by {}, with {}", word(chosen_by), budget(*slice)));
            self.lines.extend(table(candidates));
            let over = passed_over.iter().map(|over| format!("    passed over {}: {}", over.agent, over.because));
            self.lines.extend(over);
        }
    }

    fn of_agent(&mut self, recorded: &Recorded, agent: &str, fact: &AgentFact) {
        if let AgentFact::Stack { policies, .. } = fact {
            self.policies.retain(|(known, _)| known != agent);
            self.policies.push((agent.to_owned(), policies.clone()));
        }
        let ours = fact.delegation().is_some_and(|delegation| self.asked.contains(&delegation));
        let at = recorded.at.to_string();
        let at = at.get(11..23).unwrap_or(&at).to_owned();
        match fact {
            AgentFact::Narrowed { rulings, .. } if ours => {
                let by: Vec<&str> = rulings.iter().map(|ruled| ruled.policy.as_str()).collect();
                self.lines.push(format!("{at}  {agent} takes authority away, by {}", by.join(", ")));
            }
            AgentFact::Admitted { delegation } if ours => {
                let policies = self.policies.iter().find(|(known, _)| known == agent);
                let policies = policies.map(|(_, policies)| policies.join(", ")).unwrap_or_default();
                self.lines.push(format!("{at}  {agent} lets it in: passed by {policies}"));
                self.lines.push(format!("    mandate: {}", mandate(&delegation.mandate)));
            }
            AgentFact::Policy(fact) if self.is_under_way(agent) => {
                let body = units::tidy(&fact.body.to_string(), 200);
                self.lines.push(format!("{at}  {agent}: {} says {} {body}", fact.policy, fact.kind.replace('_', " ")));
            }
            AgentFact::Violation { tried, .. } if ours => {
                self.lines
                    .push(format!("{at}  {agent} tried what it may not: {}", units::tidy(&tried.to_string(), 200)));
            }
            AgentFact::Settled { settlement } if ours => {
                self.lines.push(format!("{at}  {agent} settles it: {}", settlement.ended().outcome));
            }
            fact if ours => self.lines.push(format!("{at}  {agent}: {}", fact.kind().replace('_', " "))),
            _ => {}
        }
    }

    /// Whether what a policy says now may have to do with the task: somebody was asked.
    fn is_under_way(&self, agent: &str) -> bool {
        !self.asked.is_empty() && self.policies.iter().any(|(known, _)| known == agent)
    }
}

fn table(candidates: &[Candidate]) -> Vec<String> {
    let width = candidates.iter().map(|candidate| candidate.agent.chars().count()).max().unwrap_or(0).max(9);
    let head = format!("    {:<width$}  capability  trust  availability  cost   score", "candidate");
    let row = |candidate: &Candidate| {
        let terms = &candidate.terms;
        format!(
            "    {:<width$}  {:<10.3}  {:<5.3}  {:<12.3}  {:<5.3}  {:.3}",
            candidate.agent.as_str(),
            terms.capability,
            terms.trust,
            terms.availability,
            terms.cost,
            terms.score
        )
    };
    if candidates.is_empty() { Vec::new() } else { std::iter::once(head).chain(candidates.iter().map(row)).collect() }
}

fn mandate(mandate: &Mandate) -> String {
    let until = mandate.deadline().map_or_else(|| "no deadline".to_owned(), |at| format!("until {at}"));
    format!(
        "may exercise {}, may grant {}, {}, {until}, depth left {}",
        permissions(&mandate.exercise().to_string()),
        permissions(&mandate.grant().to_string()),
        budget(mandate.slice()),
        mandate.depth()
    )
}

fn permissions(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

fn budget(slice: Slice) -> String {
    match (slice.micro_usd, slice.tokens) {
        (None, None) => "no limit of money or tokens".to_owned(),
        (Some(micro), None) => format!("{micro} micro-USD"),
        (None, Some(tokens)) => format!("{tokens} tokens"),
        (Some(micro), Some(tokens)) => format!("{micro} micro-USD and {tokens} tokens"),
    }
}

/// The word a unit variant is written with.
fn word(chosen_by: &impl serde::Serialize) -> String {
    let word = serde_json::to_value(chosen_by).unwrap_or_default();
    word.as_str().unwrap_or("score").replace('_', " ")
}
