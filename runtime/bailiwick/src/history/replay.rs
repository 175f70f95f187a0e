//! Folds a goal once more, with no side effects, and compares with what is stored.

use std::{collections::BTreeMap, sync::Arc};

use bailiwick_actors::goal::{self, state::GoalState};
use bailiwick_protocols::{AgentFact, Event, GoalEvent, GoalId, Recorded, Settlement, Stream};

use crate::GoalReport;

/// What a replay found.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Replay {
    /// How many events of the goal were folded.
    pub events: usize,
    /// How many settlements of agents they were compared with.
    pub settlements: usize,
    /// Where the fold and what is stored differ.
    pub differences: Vec<String>,
}

/// Folds the goal and compares it with what it recorded of itself, and with what its agents recorded of it.
pub fn replay(events: &[Arc<Recorded>], id: GoalId) -> Replay {
    let own: Vec<Arc<Recorded>> = events.iter().filter(|e| e.stream == Stream::Goal(id)).cloned().collect();
    let mut found = Replay { events: own.len(), settlements: 0, differences: Vec::new() };
    for (recorded, due) in own.iter().zip(1..) {
        if recorded.ver != due {
            found.differences.push(format!("event {due} of the goal is missing: {} stands there", recorded.ver));
            return found;
        }
    }
    found.compare_with_settlements(events, &own);
    found.compare_with_itself(id, &own);
    found
}

impl Replay {
    /// An attempt ended as its agent's supervisor settled it.
    fn compare_with_settlements(&mut self, events: &[Arc<Recorded>], own: &[Arc<Recorded>]) {
        let mut settled: BTreeMap<_, &Settlement> = BTreeMap::new();
        for recorded in events {
            if let Event::Agent(AgentFact::Settled { settlement }) = &recorded.event {
                settled.insert(settlement.delegation, settlement);
            }
        }
        for recorded in own {
            let Event::Goal(GoalEvent::AttemptEnded { delegation, ended, output, verdict, usage, cost, .. }) =
                &recorded.event
            else {
                continue;
            };
            self.settlements += 1;
            let Some(settlement) = settled.get(delegation) else {
                self.differ(recorded, "no agent has settled it");
                continue;
            };
            let same = [
                ("outcome", settlement.ended() == *ended),
                ("output", settlement.output == *output),
                ("verdict", settlement.verdict == *verdict),
                ("usage", settlement.usage == *usage),
                ("cost", settlement.cost == *cost),
            ];
            for (what, _) in same.iter().filter(|(_, same)| !same) {
                self.differ(recorded, &format!("the agent's settlement has another {what}"));
            }
        }
    }

    /// The fold, twice, is the same, and is what the goal said of itself when it ended.
    fn compare_with_itself(&mut self, id: GoalId, own: &[Arc<Recorded>]) {
        let fold = || GoalState::fold(id, goal::events(own));
        let Some(state) = fold() else {
            return self.differences.push("its stream does not begin with its submission".to_owned());
        };
        if Some(&state) != fold().as_ref() {
            self.differences.push("folding it twice gives two states".to_owned());
        }
        let report = GoalReport::from_events(own, Vec::new());
        for task in state.work() {
            let told = report.task(&task.spec.id).and_then(|task| task.outcome.as_ref());
            if told != task.outcome() {
                self.differences.push(format!("task {} ended otherwise than its report says", task.spec.id));
            }
        }
        let Some(last) = own.last() else { return };
        let Event::Goal(GoalEvent::GoalSettled { outcome, usage, cost, .. }) = &last.event else { return };
        // What everything before its end comes to.
        let due = GoalState::fold(id, goal::events(&own[..own.len() - 1])).and_then(|before| before.outcome_due());
        let same = [
            ("outcome", due.is_none_or(|due| due == *outcome)),
            ("usage", state.ledger.usage() == *usage),
            ("cost", state.ledger.cost() == *cost),
        ];
        for (what, _) in same.iter().filter(|(_, same)| !same) {
            self.differ(last, &format!("the fold has another {what}"));
        }
    }

    fn differ(&mut self, recorded: &Recorded, what: &str) {
        self.differences.push(format!("event {} ({}): {what}", recorded.ver, recorded.event.kind()));
    }
}
