//! What must always hold, read from the streams alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bailiwick::{
    actors::goal,
    history,
    protocols::{AgentFact, AgentName, DelegationId, Event, GoalEvent, GoalId, Recorded, Stream, TaskId},
    team_file::TeamRules,
    testing::Stage,
};

/// The laws of a goal's stream.
///
/// # Panics
/// If one is broken.
pub fn of_goal(stage: &Stage, id: GoalId) {
    let events = stage.goal_stream(id);
    in_order(&events);
    let told: Vec<&GoalEvent> = events.iter().map(|recorded| goal_event(recorded)).collect();
    assert!(matches!(told.first(), Some(GoalEvent::GoalSubmitted { .. })), "a goal begins with its submission");
    assert!(matches!(told.last(), Some(GoalEvent::GoalSettled { .. })), "a goal ends with its settlement");
    let count = |kind: &str| told.iter().filter(|event| event.kind() == kind).count();
    assert_eq!(count("goal_submitted"), 1);
    assert_eq!(count("goal_settled"), 1, "a goal settles once");
    assert!(count("task_decomposed") <= 1, "a goal is decomposed once");
    attempts(&told);
    ends(&told);
    for recorded in &events {
        cause(stage, recorded);
    }
    let folded = goal::state::GoalState::fold(id, goal::events(&events)).expect("it begins with its submission");
    assert!(folded.settled.is_some(), "the fold of a whole stream is a settled goal");
    assert!(folded.all_ended() || !folded.planned || folded.tasks.iter().all(|task| task.outcome().is_some()));
}

/// Folded once more a log is what it says it is; decided anew by the rules it was decided by, it is what it was: the
/// same trips, refusals and costs.
///
/// # Errors
/// The first difference.
pub fn decides_the_same(log: &[Arc<Recorded>]) -> Result<(), String> {
    let mut rules = TeamRules::default();
    for recorded in log {
        if let Event::Agent(AgentFact::Stack { settings, .. }) = &recorded.event {
            let bound = settings.0["circuit_breaker"].clone();
            rules.policy.breaker = serde_json::from_value(bound).map_err(|error| error.to_string())?;
        }
    }
    for goal in history::goals(log).into_keys() {
        if let Some(difference) = history::replay(log, goal).differences.first() {
            return Err(format!("replayed, goal {goal} differs: {difference}"));
        }
    }
    let anew = history::anew(log, &rules);
    let costs = anew.costs.iter().find(|(_, costs)| costs.recorded != costs.anew);
    match (anew.changes.first(), costs) {
        (Some(change), _) => Err(format!("decided anew by the same rules: {change}")),
        (_, Some((goal, costs))) => Err(format!("decided anew by the same rules, {goal} costs {costs:?}")),
        _ => Ok(()),
    }
}

fn goal_event(recorded: &Recorded) -> &GoalEvent {
    match &recorded.event {
        Event::Goal(event) => event,
        other => panic!("{} stands in the stream of a goal", other.kind()),
    }
}

fn in_order(events: &[std::sync::Arc<Recorded>]) {
    for (index, recorded) in events.iter().enumerate() {
        assert_eq!(recorded.ver, index as u64 + 1, "versions count from 1 without a gap");
    }
    for pair in events.windows(2) {
        assert!(pair[0].seq < pair[1].seq, "positions only grow");
        assert!(pair[0].at <= pair[1].at, "time does not run backwards");
    }
}

/// Chosen before anything else happens to a delegation; numbers count up, and are used again after a refusal.
fn attempts(told: &[&GoalEvent]) {
    let mut next: BTreeMap<&TaskId, u32> = BTreeMap::new();
    let mut known: BTreeSet<DelegationId> = BTreeSet::new();
    let mut ended: BTreeSet<DelegationId> = BTreeSet::new();
    for event in told {
        match event {
            GoalEvent::AgentSelected { task, delegation, attempt, .. } => {
                assert!(known.insert(*delegation), "a delegation is never used again");
                assert_eq!(attempt, next.entry(task).or_insert(1), "the number of the next attempt at {task}");
            }
            GoalEvent::DelegationRefused { delegation, .. } => {
                assert!(known.contains(delegation), "refused before it was chosen");
                assert!(ended.insert(*delegation), "an asking ends once");
            }
            GoalEvent::TaskAssigned { delegation, .. } | GoalEvent::TaskStarted { delegation, .. } => {
                assert!(known.contains(delegation), "begun before it was chosen");
                assert!(!ended.contains(delegation), "begun after it ended");
            }
            GoalEvent::AttemptEnded { task, delegation, attempt, .. } => {
                assert!(known.contains(delegation), "ended before it was chosen");
                assert!(ended.insert(*delegation), "an attempt ends once");
                assert_eq!(attempt, next.entry(task).or_insert(1));
                next.insert(task, attempt + 1);
            }
            _ => {}
        }
    }
    assert_eq!(known, ended, "every asking comes to its end before the goal does");
}

/// Completed, failed or skipped: once for each task and part, and nothing about it afterwards unless a part that was
/// called back is wanted again.
fn ends(told: &[&GoalEvent]) {
    let mut over: BTreeSet<&TaskId> = BTreeSet::new();
    let mut all: BTreeSet<&TaskId> = BTreeSet::new();
    for event in told {
        match event {
            GoalEvent::TaskDecomposed { tasks, .. } => all.extend(tasks.iter().map(|task| &task.id)),
            GoalEvent::ChildAdded { task, .. } | GoalEvent::JudgeAsked { task, .. } => {
                assert!(all.insert(&task.id), "{} was added twice", task.id)
            }
            GoalEvent::ChildReopened { task, .. } => {
                assert!(over.remove(task), "{task} was wanted again before its end")
            }
            _ => {}
        }
        let Some(task) = event.task() else { continue };
        assert!(!over.contains(task), "{} of {task} after its end", event.kind());
        if matches!(
            event,
            GoalEvent::TaskCompleted { .. } | GoalEvent::TaskFailed { .. } | GoalEvent::TaskSkipped { .. }
        ) {
            over.insert(task);
        }
    }
    assert_eq!(over, all, "every task comes to its end");
}

/// A cause names an event that is there, came earlier, and is about the same delegation.
fn cause(stage: &Stage, recorded: &Recorded) {
    let event = goal_event(recorded);
    let must = matches!(
        event,
        GoalEvent::TaskAssigned { .. }
            | GoalEvent::TaskStarted { .. }
            | GoalEvent::AttemptEnded { .. }
            | GoalEvent::TrustUpdated { .. }
            | GoalEvent::TrustCircuitBreak { .. }
            | GoalEvent::VerificationPassed { task: Some(_), .. }
            | GoalEvent::VerificationFailed { task: Some(_), .. }
    );
    let Some(cause) = &recorded.cause else {
        assert!(!must, "{} has no cause", event.kind());
        return;
    };
    let stream = stage.stream(&cause.stream);
    let led = stream.iter().find(|led| led.ver == cause.ver).expect("the cause is there");
    assert!(led.seq < recorded.seq, "a cause comes first");
    let Event::Agent(fact) = &led.event else { panic!("{} is no fact of an agent", led.event.kind()) };
    if let Some(agent) = event.agent() {
        let its_own = matches!(&led.stream, Stream::Agent { agent: whose, .. } if whose == agent);
        assert!(its_own, "{} of {agent} is led to by {}", event.kind(), led.stream);
    }
    let begins = matches!(event, GoalEvent::TaskAssigned { .. } | GoalEvent::TaskStarted { .. });
    match fact {
        AgentFact::Started { .. } => assert!(begins, "{} is led to by a settlement", event.kind()),
        AgentFact::TurnedAway { .. } => assert_eq!(event.kind(), "delegation_refused"),
        AgentFact::Settled { .. } => {}
        other => panic!("{} is led to by {}", event.kind(), other.kind()),
    }
    if let GoalEvent::TaskAssigned { delegation, .. }
    | GoalEvent::TaskStarted { delegation, .. }
    | GoalEvent::DelegationRefused { delegation, .. }
    | GoalEvent::AttemptEnded { delegation, .. } = event
    {
        assert_eq!(fact.delegation(), Some(*delegation), "a cause is about the same delegation");
    }
}

/// The laws of an agent's stream: every admission settles exactly once, never before it was let in, and no mandate
/// exceeds that of its goal.
///
/// # Panics
/// If one is broken.
pub fn of_agent(stage: &Stage, agent: &AgentName) {
    let events = stage.agent_stream(agent);
    in_order(&events);
    let mut open: BTreeSet<DelegationId> = BTreeSet::new();
    let mut closed: BTreeSet<DelegationId> = BTreeSet::new();
    for recorded in &events {
        let Event::Agent(fact) = &recorded.event else { panic!("{} in an agent's stream", recorded.event.kind()) };
        match fact {
            AgentFact::Admitted { delegation } => {
                assert!(open.insert(delegation.id), "let in twice");
                assert!(!closed.contains(&delegation.id), "let in after it settled");
                within_its_goal(stage, delegation);
                let cause = recorded.cause.as_ref().expect("an admission has a cause");
                let goal = stage.stream(&cause.stream);
                let led = goal.iter().find(|led| led.ver == cause.ver).expect("the cause is there");
                assert_eq!(led.event.kind(), "agent_selected", "an admission is led to by the choice");
            }
            AgentFact::Started { delegation, .. } => assert!(open.contains(delegation), "begun without being let in"),
            AgentFact::Settled { settlement } => {
                assert!(open.remove(&settlement.delegation), "settled twice, or never let in");
                assert!(closed.insert(settlement.delegation));
            }
            _ => {}
        }
    }
    assert!(open.is_empty(), "{agent}: {} admissions never settled", open.len());
}

fn within_its_goal(stage: &Stage, delegation: &bailiwick::protocols::Delegation) {
    let goal = stage.goal_stream(delegation.id.goal);
    let Some(first) = goal.first() else { return };
    if let GoalEvent::GoalSubmitted { mandate, .. } = goal_event(first) {
        assert!(mandate.bounds(&delegation.mandate), "no child mandate exceeds its parent");
    }
}
